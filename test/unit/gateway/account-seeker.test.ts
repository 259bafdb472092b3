import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { AccountSeeker } from '../../../src/xpmn/gateway/account-seeker.ts';
import type { PeerDirectory } from '../../../src/xpmn/gateway/peer-directory.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { formatAccount } from '../../../src/xpmn/pairing/pairing-codec.ts';
import type { CarriedAccount } from '../../../src/xpmn/pairing/pairing-codec.ts';
import type { PeerLinks } from '../../../src/xpmn/ports/peer-link.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { device, list, snapshot, somebody } from '../trust/world.ts';

const [own, other, player] = ['romeo@home.test/new', 'romeo@home.test/old', 'romeo@home.test/player'].map(parseJid) as [Jid, Jid, Jid];
const options = { first: 1000, max: 8000, pace: 100 };
const account: CarriedAccount = { password: 'secret', server: undefined, ca: undefined };

describe('a gateway that does not know how to log in', () => {
  let clock: FakeClock;
  let tasks: TaskGroup;
  let there: Set<Jid>;
  let directory: EventEmitter<{ changed: [] }> & PeerDirectory;
  let asked: Jid[];
  let answer: () => Promise<CarriedAccount>;
  let found: CarriedAccount[];
  let network: Network;
  let seeker: AccountSeeker;

  before(async () => {
    const [user, us, them, tv] = await Promise.all(['seeker user', 'seeker us', 'seeker them', 'seeker tv'].map(somebody));
    if (!user || !us || !them || !tv) throw new Error('nobody');
    const lists = snapshot(user, list('devices', user, { devices: [device(us, own, { roles: 'host' }), device(them, other, { roles: 'host' }), device(tv, player)] }));
    network = { id: user.name, gateway: { jid: own, certificate: { der: us.leaf } }, lists: { snapshot: lists } } as unknown as Network;
  });
  beforeEach(() => {
    [clock, there, asked, found] = [new FakeClock(), new Set(), [], []];
    tasks = new TaskGroup((error) => assert.fail(String(error)));
    answer = () => Promise.reject(new XpmnError('timeout', 'Nothing.'));
    directory = Object.assign(new EventEmitter<{ changed: [] }>(), {
      all: () => [],
      find: (jid: Jid) => (there.has(jid) ? { jid, name: undefined, features: new Set<string>() } : undefined),
    });
    const request = async (): Promise<unknown> => xml('iq', 'jabber:client', { type: 'result' }, formatAccount(await answer()));
    const links = { to: (jid: Jid) => ({ channel: async () => (asked.push(jid), { request }) }) } as unknown as PeerLinks;
    seeker = new AccountSeeker({ network, directory, links, tasks, clock, log: silentLogger, onFound: (one) => found.push(one) }, options);
    seeker.start();
  });
  afterEach(async () => {
    seeker.stop();
    await tasks.close();
    assert.equal(directory.listenerCount('changed'), 0);
  });

  async function isThere(...jids: readonly Jid[]): Promise<void> {
    there = new Set(jids);
    directory.emit('changed');
    await settle();
  }

  it('asks the other gateways that are there, until one has told it', async () => {
    answer = () => Promise.resolve(account);
    await isThere(own, player);
    assert.deepEqual(asked, []);
    await isThere(own, player, other);
    assert.deepEqual([asked, found], [[other], [account]]);
    await isThere();
    await isThere(other);
    assert.deepEqual([asked.length, found.length], [1, 1]);
  });

  it('asks again who did not tell it, less and less often, though nothing changes', async () => {
    await isThere(other);
    await clock.advance(1000 + 2000 + 4000 + 8000 + 8000);
    assert.equal(asked.length, 6);
    await isThere(other, player);
    assert.equal(asked.length, 6);
    answer = () => Promise.resolve(account);
    await clock.advance(8000);
    assert.deepEqual([asked.length, found], [7, [account]]);
    await clock.advance(60_000);
    assert.deepEqual([asked.length, clock.pending], [7, 0]);
  });

  it('asks nobody who has gone, and at once who is back', async () => {
    await isThere(other);
    await clock.advance(5000);
    const before = asked.length;
    await isThere();
    await clock.advance(60_000);
    assert.equal(asked.length, before);
    await isThere(other);
    assert.equal(asked.length, before + 1);
  });

  it('takes no answer that comes when it has stopped', async () => {
    let late: (told: CarriedAccount) => void = () => undefined;
    answer = () => new Promise((resolve) => (late = resolve));
    await isThere(other);
    seeker.stop();
    late(account);
    await clock.advance(60_000);
    assert.deepEqual([asked.length, found], [1, []]);
  });
});
