import assert from 'node:assert/strict';
import { createUpnpAdapter } from '../../src/upnp/adapter.ts';
import { createEventSubscriber } from '../../src/upnp/gena-subscriber.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import type { UpnpAdapter } from '../../src/upnp/adapter.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger as log } from '../../src/xpmn/kernel/log.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom as random } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { PlayerView } from '../../src/xpmn/model/playback.ts';
import { createFakePlayerFeed } from '../fakes/fake-player-feed.ts';
import type { FakePlayerFeed } from '../fakes/fake-player-feed.ts';
import { FakeSsdpSocket } from '../fakes/fake-ssdp.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { RendererOnLoopback } from '../support/renderer-on-loopback.ts';
import { settings } from '../support/settings.ts';
import { SteadyClock } from '../support/steady-clock.ts';
import { TrackedClock } from '../support/tracked-clock.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const [SONG, OTHER] = ['xmpp:juliet@away.test/nas?transfer;uid=song', 'xmpp:juliet@away.test/nas?transfer;uid=other'];

/** As shipped, only sooner: what takes a minute there takes a second here. */
const { upnp } = settings;
const options = {
  ...upnp,
  discovery: { ...upnp.discovery, tracker: { ...upnp.discovery.tracker, loopback: true, grace: 500 } },
  requester: { ...upnp.requester, timeout: 500 },
  describe: { ...upnp.describe, backOff: { first: 50, factor: 1, max: 50 } },
  gena: { ...upnp.gena, backOff: { first: 100, factor: 1, max: 100 }, farewell: 200 },
  renderer: {
    ...upnp.renderer, settle: 50, startPatience: 400, falseStart: 50, stallPatience: 1200, stopWait: 300, retryInterval: 50, retryFor: 300, drift: 1500, pollActive: 200, pollIdle: 300, unansweredAsks: 2,
    backOff: { first: 100, max: 200 }, farewell: 200, stale: 100,
  },
};

/** A renderer at one gateway that does wrong, as somebody at another sees it. */
describe('a renderer that fails', function () {
  this.timeout(30_000);
  let renderer: RendererOnLoopback;
  let ssdp: FakeSsdpSocket;
  let adapter: UpnpAdapter;
  let feed: FakePlayerFeed;
  let home: MediaGateway;
  let away: MediaGateway;
  let player: Jid;
  let clock: TrackedClock;

  beforeEach(async () => {
    const server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    const network = await firstNetwork(account);
    const steady = new SteadyClock();
    clock = new TrackedClock(steady);
    renderer = await RendererOnLoopback.start(steady);
    ssdp = new FakeSsdpSocket([{ name: 'lo', family: 4, address: '127.0.0.1' }]);
    const requester = createHttpRequester({ clock }, options.requester);
    adapter = createUpnpAdapter({
      ssdp, requester, clock, random, log, openOrigin: () => assert.fail('nothing is read here'),
      events: createEventSubscriber({ requester, clock, random, log }, options.gena),
      quirks: [], isOwnDevice: () => false,
    }, options);
    feed = createFakePlayerFeed();
    for (const uri of [SONG, OTHER]) renderer.device.lengths.set(feed.title(uri, 200), 200);
    home = testGateway(network, account, { server, sources: [adapter], feed, clock: steady });
    away = testGateway(await nextNetwork(network, 'away'), account, { server, clock: steady });
    for (const gateway of [home, away]) await gateway.start({ signal: never });
    announce('alive');
    player = await waitUntil('it is seen', () => away.devices().find(({ isAvailable, services }) => isAvailable && services.includes('playback'))?.jid);
    await seen(({ status }) => status?.state === 'idle');
  });

  afterEach(async () => {
    for (const gateway of [away, home]) await gateway.stop();
    assert.equal(clock.pending, 0, 'timers are left');
    await renderer.close();
  });

  const announce = (nts: 'alive' | 'byebye'): void => ssdp.hear(renderer.announcement(nts), '127.0.0.1');

  async function seen(holds: (view: PlayerView) => boolean): Promise<PlayerView> {
    let latest: PlayerView | undefined;
    const look = async (signal: AbortSignal): Promise<PlayerView> => {
      for (latest = await away.players.wait(player, 0, signal); ; latest = await away.players.wait(player, latest.revision, signal)) if (holds(latest)) return latest;
    };
    return look(AbortSignal.timeout(12_000)).catch((cause: unknown) => {
      throw new Error(`it is seen as ${JSON.stringify(latest)}`, { cause });
    });
  }

  /** What the player is seen as, and how long that took. */
  async function becomes(what: string, code: ErrorCode): Promise<void> {
    const since = systemClock.monotonic();
    await seen(({ reach, status }) => reach === 'there' && status?.state === 'error' && status.error === code);
    process.stdout.write(`      ${what}: ${code} at the controller after ${Math.round(systemClock.monotonic() - since)} ms\n`);
  }

  const open = (...uris: string[]) => away.players.open(player, { uris, autoplay: true }, never);
  const plays = () => seen(({ reach, status }) => reach === 'there' && status?.state === 'playing' && status.error === undefined);

  async function playsAgain(): Promise<void> {
    await open(SONG);
    await plays();
    renderer.device.hand.pause();
    await seen(({ status }) => status?.state === 'paused');
  }

  for (const [action, number, code] of [
    ['Play', 701, 'unexpected-request'], ['Play', 705, 'unexpected-request'], ['SetAVTransportURI', 701, 'unexpected-request'], ['SetAVTransportURI', 714, 'unsupported-type'],
    ['SetAVTransportURI', 716, 'origin-unreachable'], ['Play', 714, 'unsupported-type'], ['Play', 716, 'origin-unreachable'],
  ] as const) {
    it(`that refuses ${action} with ${number} is in error ${code}; then it plays`, async () => {
      renderer.device.defects.faults = { [action]: number };
      await assert.rejects(open(SONG), { code });
      await becomes(`${action} ${number}`, code);
      renderer.device.defects.faults = {};
      await playsAgain();
    });
  }

  it('that refuses one title plays the next', async () => {
    renderer.device.defects.faults = { SetAVTransportURI: [716] };
    await open(SONG, OTHER);
    assert.equal((await plays()).status?.index, 1);
  });

  it('that refuses a command goes on, and says so to whoever gave it alone', async () => {
    await open(SONG);
    await plays();
    renderer.device.defects.faults = { Pause: 701, Seek: 711, SetVolume: 402 };
    await assert.rejects(away.players.command(player, { name: 'pause' }, never), { code: 'unexpected-request' });
    await assert.rejects(away.players.command(player, { name: 'seek', target: { position: 50 } }, never), { code: 'not-acceptable' });
    await assert.rejects(away.players.command(player, { name: 'set', variable: { name: 'volume', value: 3 } }, never), { code: 'not-acceptable' });
    assert.equal((await away.players.now(player, never)).status?.state, 'playing');
  });

  it('that hangs is unreachable, as are its commands; when it goes on, so does what is seen', async () => {
    await open(SONG);
    await plays();
    renderer.device.defects.hangs = true;
    const unreachable = becomes('hangs', 'unreachable');
    await assert.rejects(away.players.command(player, { name: 'pause' }, never), ({ code }: { code: string }) => code === 'unreachable' || code === 'timeout');
    await unreachable;
    renderer.device.defects.hangs = false;
    await plays();
    await playsAgain();
  });

  it('that vanishes is unreachable, without anybody asking; it is gone with its farewell; and it is taken up when it is back', async () => {
    await open(SONG);
    await plays();
    await renderer.vanish();
    await becomes('vanishes', 'unreachable');
    await assert.rejects(away.players.command(player, { name: 'stop' }, never), { code: 'unreachable' });
    await assert.rejects(open(SONG), { code: 'unreachable' });
    announce('byebye');
    await seen(({ reach }) => reach === 'lost');
    renderer.device.hand.stop();
    await renderer.open();
    announce('alive');
    await seen(({ reach, status }) => reach === 'there' && status?.state !== 'error');
    await playsAgain();
  });

  it('that starts anew in the same place knows nothing, and is asked, subscribed to, and seen as it is', async () => {
    await open(SONG);
    await plays();
    await renderer.vanish();
    renderer.device.hand.stop();
    await renderer.open();
    await seen(({ status }) => status?.state === 'stopped');
    await waitUntil('it is subscribed to', () => renderer.subscriptions.size === 2);
    await playsAgain();
  });

  it('that forgets its subscribers is seen as it is all the same, and then tells again', async () => {
    await open(SONG);
    await plays();
    renderer.subscriptions.clear();
    renderer.device.hand.pause();
    const since = systemClock.monotonic();
    await seen(({ status }) => status?.state === 'paused');
    process.stdout.write(`      forgets its subscribers: seen after ${Math.round(systemClock.monotonic() - since)} ms\n`);
    await waitUntil('it is subscribed to', () => renderer.subscriptions.size === 2);
    await playsAgain();
  });

  it('that takes a title and does not play it is in error', async () => {
    renderer.device.missing.add(feed.title(OTHER, 200));
    await open(OTHER);
    await becomes('takes it, and stays silent', 'origin-unreachable');
    await playsAgain();
  });

  it('that says it plays, and stands still, is in error', async () => {
    await open(SONG);
    await plays();
    // Only of one that has been seen to count it means anything.
    renderer.device.hand.skip(100);
    await seen(({ status }) => status?.position !== undefined && status.position >= 100);
    renderer.device.isFrozen = true;
    await open(OTHER);
    await becomes('lies that it plays', 'origin-unreachable');
    renderer.device.isFrozen = false;
    await playsAgain();
  });

  it('that answers nonsense is in error, with a code', async () => {
    renderer.device.defects.broken = true;
    await assert.rejects(open(SONG), { code: 'not-acceptable' });
    await becomes('500 to everything', 'not-acceptable');
    renderer.device.defects.broken = false;
    await playsAgain();
  });
});
