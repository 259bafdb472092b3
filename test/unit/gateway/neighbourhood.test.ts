import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners } from 'node:events';
import { Directories, Neighbourhood } from '../../../src/xpmn/gateway/neighbourhood.ts';
import type { Answer, Neighbour } from '../../../src/xpmn/gateway/neighbourhood.ts';
import type { PeerDirectory, PeerPresence } from '../../../src/xpmn/gateway/peer-directory.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const jid = (resource: string): Jid => parseJid(`net-abcdefgh@xpmn.local/${resource}`);
const [NAS, TV, STRANGER] = [jid('nas'), jid('tv'), jid('stranger')];
const options = { first: 1000, max: 60_000, pace: 100 };
const says = (name: string, stream = new AbortController()): Answer => ({ info: { identities: [{ category: 'automation', type: 'xpmn', name }], features: ['urn:a'], forms: [] }, closed: stream.signal });

describe('the neighbourhood', () => {
  let clock: FakeClock;
  let tasks: TaskGroup;
  let link: EventEmitter<{ changed: [] }>;
  let there: Neighbour[];
  let listed: Set<Jid>;
  let asked: Jid[];
  let answer: (jid: Jid) => Promise<Answer>;
  let neighbourhood: Neighbourhood;
  let changes: number;

  beforeEach(() => {
    [clock, link, there, listed, asked, changes] = [new FakeClock(), new EventEmitter(), [], new Set([NAS, TV]), [], 0];
    tasks = new TaskGroup((error) => assert.fail(String(error)));
    answer = (who) => Promise.resolve(says(who));
    neighbourhood = new Neighbourhood({
      link, clock, tasks, log: silentLogger,
      neighbours: () => there.filter(({ jid: who }) => listed.has(who)),
      ask: (who) => (asked.push(who), answer(who)),
    }, options);
    neighbourhood.on('changed', () => (changes += 1));
    neighbourhood.start();
  });
  afterEach(async () => {
    neighbourhood.stop();
    await tasks.close();
    assert.equal(link.listenerCount('changed'), 0);
  });

  async function announce(...neighbours: Neighbour[]): Promise<void> {
    there = neighbours;
    link.emit('changed');
    await settle();
  }
  const seen = (): Jid[] => neighbourhood.all().map((presence) => presence.jid);

  it('has the devices of the network that are announced, once they have proven themselves and said what they are', async () => {
    await announce({ jid: NAS, said: '1' }, { jid: STRANGER, said: '1' });
    assert.deepEqual(neighbourhood.all(), [{ jid: NAS, name: NAS, features: new Set(['urn:a']) }]);
    assert.deepEqual(asked, [NAS]);
    assert.equal(changes, 1);
    assert.equal(neighbourhood.find(STRANGER), undefined);
  });

  it('asks again who says something new, and nobody else', async () => {
    await announce({ jid: NAS, said: '1' });
    await announce({ jid: NAS, said: '1' }, { jid: TV, said: '1' });
    assert.deepEqual(asked, [NAS, TV]);
    await clock.advance(options.pace);
    await announce({ jid: NAS, said: '2' }, { jid: TV, said: '1' });
    assert.deepEqual(asked, [NAS, TV, NAS]);
  });

  it('asks nobody faster than at its pace, whatever is said, and listens to each stream once', async () => {
    const stream = new AbortController();
    answer = (who) => Promise.resolve(says(who, stream));
    for (let news = 0; news < 50; news += 1) {
      await announce({ jid: NAS, said: String(news) });
      await clock.advance(options.pace / 10);
    }
    assert.ok(asked.length <= 6, `${asked.length} questions`);
    assert.equal(getEventListeners(stream.signal, 'abort').length, 1);
    const other = new AbortController();
    answer = (who) => Promise.resolve(says(who, other));
    await clock.advance(options.pace);
    await announce({ jid: NAS, said: 'on another stream' });
    assert.deepEqual([stream, other].map(({ signal }) => getEventListeners(signal, 'abort').length), [0, 1]);
    const before = asked.length;
    await clock.advance(options.pace);
    stream.abort();
    await settle();
    assert.equal(asked.length, before, 'a stream that is in use no more');
    await announce();
    assert.equal(getEventListeners(other.signal, 'abort').length, 0);
  });

  it('forgets who is gone, and what it hears of it afterwards', async () => {
    await announce({ jid: NAS, said: '1' });
    await announce();
    assert.deepEqual(seen(), []);
    let late: (answer: Answer) => void = () => undefined;
    answer = () => new Promise((resolve) => (late = resolve));
    await announce({ jid: NAS, said: '1' });
    await announce();
    late(says('late'));
    await settle();
    assert.deepEqual(seen(), []);
  });

  it('asks who does not answer for as long as it is announced, less and less often', async () => {
    answer = () => Promise.reject(new XpmnError('transport-failed', 'No.'));
    await announce({ jid: NAS, said: '1' });
    for (const [index, seconds] of [1, 2, 4, 8, 16, 32, 60, 60, 60].entries()) {
      await clock.advance(seconds * 1000 - 1);
      assert.equal(asked.length, 1 + index);
      await clock.advance(1);
      assert.equal(asked.length, 2 + index);
    }
    answer = (who) => Promise.resolve(says(who));
    await clock.advance(60_000);
    assert.deepEqual(seen(), [NAS]);
    await clock.advance(600_000);
    assert.equal(asked.length, 11);
  });

  it('asks at once who does not answer and says something new, or when a list changes', async () => {
    answer = () => Promise.reject(new XpmnError('not-trusted', 'No.'));
    await announce({ jid: NAS, said: '1' }, { jid: TV, said: '1' });
    await clock.advance(120_000);
    asked.length = 0;
    link.emit('changed');
    await settle();
    assert.deepEqual(asked, [], 'nothing new');
    neighbourhood.lookAgain();
    await settle();
    assert.deepEqual(asked, [NAS, TV]);
    await clock.advance(1000);
    assert.deepEqual(asked, [NAS, TV, NAS, TV], 'and soon again');
    answer = (who) => Promise.resolve(says(who));
    await clock.advance(options.pace);
    await announce({ jid: NAS, said: 'from another address' }, { jid: TV, said: '1' });
    assert.deepEqual(seen(), [NAS]);
    neighbourhood.lookAgain();
    await settle();
    assert.deepEqual([seen(), asked.length], [[NAS, TV], 6], 'who has answered is not asked for a list');
  });

  it('asks anew whose stream has ended, and forgets it if it is not there; but not for ever', async () => {
    let stream = new AbortController();
    answer = (who) => Promise.resolve(says(who, (stream = new AbortController())));
    await announce({ jid: NAS, said: '1' });
    await clock.advance(options.pace);
    stream.abort();
    await settle();
    assert.deepEqual([seen(), asked.length], [[NAS], 2]);
    await clock.advance(options.pace);
    answer = () => Promise.reject(new XpmnError('peer-unavailable', 'Nobody.'));
    stream.abort();
    await settle();
    assert.deepEqual(seen(), []);
    await clock.advance(600_000);
    answer = (who) => Promise.resolve(says(who));
    await clock.advance(60_000);
    assert.deepEqual(seen(), [NAS]);
  });

  it('asks nobody whose stream has ended when it has stopped, or who is announced no more', async () => {
    const stream = new AbortController();
    answer = (who) => Promise.resolve(says(who, stream));
    await announce({ jid: NAS, said: '1' }, { jid: TV, said: '1' });
    await announce({ jid: TV, said: '1' });
    neighbourhood.stop();
    stream.abort();
    await settle();
    assert.deepEqual(asked, [NAS, TV]);
  });

  it('learns of a device that is listed later, and lets one go that is listed no more', async () => {
    await announce({ jid: STRANGER, said: '1' });
    listed = new Set([STRANGER]);
    neighbourhood.lookAgain();
    await settle();
    assert.deepEqual(seen(), [STRANGER]);
    listed.clear();
    neighbourhood.lookAgain();
    assert.deepEqual(seen(), []);
  });
});

describe('directories together', () => {
  class Fixed extends EventEmitter<{ changed: [] }> implements PeerDirectory {
    readonly list: readonly PeerPresence[];
    constructor(...list: PeerPresence[]) {
      super();
      this.list = list;
    }
    all = (): readonly PeerPresence[] => this.list;
    find = (who: Jid): PeerPresence | undefined => this.list.find((presence) => presence.jid === who);
  }
  const known = (who: Jid, name: string): PeerPresence => ({ jid: who, name, features: new Set() });

  it('are one, in which the first that knows somebody counts', () => {
    const [near, far] = [new Fixed(known(NAS, 'near')), new Fixed(known(NAS, 'far'), known(TV, 'far'))];
    const both = new Directories(near, far);
    assert.deepEqual(both.all().map(({ name }) => name), ['near', 'far']);
    assert.deepEqual([both.find(NAS)?.name, both.find(TV)?.name, both.find(STRANGER)], ['near', 'far', undefined]);
    let changes = 0;
    both.on('changed', () => (changes += 1));
    near.emit('changed');
    far.emit('changed');
    assert.equal(changes, 2);
  });
});
