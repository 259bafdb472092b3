import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Device } from '../../../src/xpmn/device/device.ts';
import { PresenceDirectory } from '../../../src/xpmn/gateway/presence-directory.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { formatInfo } from '../../../src/xpmn/xmpp/disco.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const [own, tv] = ['romeo@home.test/gateway', 'romeo@home.test/tv'].map(parseJid) as [Jid, Jid];
const limits = { ...settings.account, ...settings.xmpp.presence, ...settings.xmpp.caps, questions: { first: 1000, max: 8000, pace: 100 } };

describe('the directory by presence', () => {
  let clock: FakeClock;
  let tasks: TaskGroup;
  let connection: EventEmitter;
  let asked: number;
  let answer: () => Promise<XmlElement>;
  let directory: PresenceDirectory;

  beforeEach(() => {
    [clock, asked] = [new FakeClock(), 0];
    tasks = new TaskGroup((error) => assert.fail(String(error)));
    answer = () => Promise.reject(new XpmnError('timeout', 'Nothing.'));
    const request = (): Promise<XmlElement> => ((asked += 1), answer());
    connection = Object.assign(new EventEmitter(), { channel: { local: own, closed: new AbortController().signal, request } });
    const device = { jid: own, connection } as unknown as Device;
    directory = new PresenceDirectory({ device, tasks, clock, log: silentLogger, mayConcernUs: () => true }, limits);
  });
  afterEach(() => tasks.close());

  const says = (name: string) => (): Promise<XmlElement> =>
    Promise.resolve(xml('iq', 'jabber:client', { type: 'result' }, formatInfo({ identities: [{ category: 'automation', type: 'xpmn', name }], features: ['urn:a'], forms: [] })));
  async function presence(type?: string): Promise<void> {
    connection.emit('stanza', xml('presence', 'jabber:client', { from: tv, type }));
    await settle();
  }
  const seen = (): (string | undefined)[] => directory.all().map(({ name }) => name);

  it('asks who does not answer for as long as it is there, less and less often', async () => {
    await presence();
    await clock.advance(1000 + 2000 + 4000 + 8000 + 8000);
    assert.equal(asked, 6);
    answer = says('TV');
    await clock.advance(8000);
    assert.deepEqual([seen(), asked], [['TV'], 7]);
    await clock.advance(60_000);
    assert.deepEqual([asked, clock.pending], [7, 0]);
  });

  it('asks at once when a list changes, but not who has answered', async () => {
    await presence();
    await clock.advance(5000);
    const before = asked;
    answer = says('TV');
    directory.lookAgain();
    await settle();
    assert.deepEqual([seen(), asked], [['TV'], before + 1]);
    directory.lookAgain();
    await clock.advance(60_000);
    assert.equal(asked, before + 1);
  });

  it('asks nobody who has gone, or of whom nothing is known without the server', async () => {
    for (const leave of [() => presence('unavailable'), async () => void connection.emit('stateChanged', 'offline')]) {
      await presence();
      await leave();
      const before = asked;
      await clock.advance(60_000);
      assert.deepEqual([asked, clock.pending, seen()], [before, 0, []]);
    }
  });

  it('asks nobody faster than at its pace, however often it says that it is there, and believes the last it said', async () => {
    answer = says('old');
    for (let i = 0; i < 40; i += 1) {
      await presence();
      await clock.advance(10);
    }
    assert.ok(asked <= 5, `${asked} questions`);
    answer = says('new');
    await presence();
    await clock.advance(100);
    assert.deepEqual(seen(), ['new']);
  });
});
