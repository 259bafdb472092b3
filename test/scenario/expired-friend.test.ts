import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { issueList } from '../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../src/xpmn/trust/signed-list.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;
const DAY = 24 * 3600_000;
const options = { ...settings.trust, xml: settings.xml.trustList };

/** The time as it is, until it jumps; what is far away happens only then. */
class LeapingClock implements Clock {
  private ahead = 0;
  private readonly far = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return systemClock.now() + this.ahead;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.ahead;
  }

  after(delay: number, callback: () => void): Timer {
    if (delay < settings.gateway.expiryInterval / 2) return systemClock.after(delay, callback);
    const timer = { at: this.monotonic() + delay, callback };
    this.far.add(timer);
    return { cancel: () => this.far.delete(timer) };
  }

  leap(time: number): void {
    this.ahead += time;
    for (const timer of [...this.far]) if (timer.at <= this.monotonic() && this.far.delete(timer)) timer.callback();
  }
}

interface Home {
  readonly clock: Clock;
  readonly account: TestAccount;
  readonly user: KeyObject;
  readonly network: Network;
}

describe('a friend whose list expires', function () {
  this.timeout(60_000);
  const server = new FakeXmppServer();
  const clock = new LeapingClock();
  const running: MediaGateway[] = [];
  let mine: Home;
  let hers: Home;
  let nas: Jid;

  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  async function home(jid: string, clock: Clock): Promise<Home> {
    const account = { jid, password: 'secret', host: '', port: 0, ca: '' };
    server.addAccount(parseJid(jid), account.password);
    const user = await generateKey();
    const keys = [user];
    return { account, clock, user, network: await firstNetwork(account, 'home', { clock, generateKey: async () => keys.pop() ?? generateKey() }) };
  }

  async function befriend({ network, user, clock }: Home, friend: Home): Promise<void> {
    const now = clock.now();
    const friends = [{ key: friend.network.id, jid: parseJid(friend.account.jid) }];
    const list = issueList({ type: 'friends', network: network.id, seq: Math.floor(now / 1000), issued: now, expires: now + 30 * DAY, devices: [], friends, removed: [] }, user, options);
    await network.lists.offerAll([list.element, ...friend.network.lists.snapshot.lists.filter(({ network: of }) => of === friend.network.id).map(({ element }) => element)]);
  }

  async function start({ network, account, clock }: Home, devices: MemoryDevices): Promise<MediaGateway> {
    // She issues no list again meanwhile.
    const gateway = testGateway(network, account, { server, clock, sources: [devices], change: (shipped) => ({ ...shipped, refreshInterval: 20 * DAY }) });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  beforeEach(async () => {
    [mine, hers] = [await home('romeo@home.test', clock), await home('juliet@home.test', systemClock)];
    server.befriend(parseJid(mine.account.jid), parseJid(hers.account.jid));
    const devices = new MemoryDevices();
    await start(mine, devices);
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library: new MemoryLibrary() });
    await waitUntil('the NAS is listed', () => mine.network.hostedDevices.size === 1);
    nas = [...mine.network.hostedDevices.values()][0]?.jid as Jid;
    await befriend(mine, hers);
    await befriend(hers, mine);
  });

  it('is cut off in the middle of its session', async () => {
    const gateway = await start(hers, new MemoryDevices());
    const knock = async (): Promise<XpmnError> => {
      try {
        await gateway.browse(nas, { container: 'root', offset: 0, limit: 1 }, never);
      } catch (error) {
        return error as XpmnError;
      }
      return assert.fail('friends may not browse yet');
    };
    await waitUntil('she is heard, and told that she may not', async () => (await knock()).code !== 'peer-unavailable');
    const ended = (): boolean => server.handled.some((stanza) => stanza.includes('session-terminate') && stanza.includes('security-error'));
    assert.equal((await knock()).code, 'not-allowed');
    assert.ok(!ended());
    clock.leap(29 * DAY);
    assert.equal((await knock()).code, 'not-allowed', 'nothing has expired');
    // From there on no list of mine changes: only time does.
    const own = (): readonly VerifiedList[] => mine.network.lists.snapshot.lists.filter(({ network }) => network === mine.network.id);
    await waitUntil('what was due is issued again', () => own().every(({ issued }) => issued > systemClock.now() + 28 * DAY));
    const { lists } = mine.network;
    const last = lists.offerAll([]);
    lists.offerAll = () => Promise.resolve([]);
    await last;
    assert.ok(!ended());
    const sid = / sid='(\w+)'/.exec(server.handled.find((stanza) => stanza.includes('session-accept')) ?? '')?.[1] as string;
    clock.leap(2 * DAY);
    // At once: who begins another session is told the same some seconds later.
    await waitUntil('the session has ended', () => server.handled.some((stanza) => stanza.includes('session-terminate') && stanza.includes('security-error') && stanza.includes(sid)), { timeout: settings.gateway.strangerTimeout / 2 });
  });
});
