import assert from 'node:assert/strict';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { PlayerView } from '../../src/xpmn/model/playback.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { createFakeMediaPlayer } from '../fakes/fake-media-player.ts';
import type { FakeMediaPlayer } from '../fakes/fake-media-player.ts';
import { createFakePlayerFeed } from '../fakes/fake-player-feed.ts';
import type { FakePlayerFeed } from '../fakes/fake-player-feed.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount, TestGatewayOptions } from '../support/gateways.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const FILM = 'xmpp:juliet@away.test/nas-aaaa?transfer;uid=film';
const SONG = 'xmpp:romeo@home.test/nas-bbbb?transfer;uid=song';

/** A player at one gateway, controlled and looked at from others of the same owner. */
describe('a player among gateways', function () {
  this.timeout(40_000);
  let server: FakeXmppServer;
  let network: Network;
  let devices: MemoryDevices;
  let player: FakeMediaPlayer;
  let feed: FakePlayerFeed;
  let running: MediaGateway[];

  beforeEach(async () => {
    running = [];
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    network = await firstNetwork(account);
    devices = new MemoryDevices();
    player = createFakeMediaPlayer(systemClock);
    feed = createFakePlayerFeed();
    feed.title(FILM, 5400, { title: 'The Duel' });
    feed.title(SONG, 200, { title: 'Lark' });
  });
  afterEach(() => Promise.all(running.map((gateway) => gateway.stop())));

  async function start(of: Network, options: TestGatewayOptions = {}): Promise<MediaGateway> {
    const gateway = testGateway(of, account, { server, ...options });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  async function stop(gateway: MediaGateway): Promise<void> {
    running.splice(running.indexOf(gateway), 1);
    await gateway.stop();
  }

  const appear = (): void => devices.appear({ description: { id: 'uuid:tv', name: 'The TV', kind: 'media-player' }, library: undefined, player });

  async function seenBy(gateway: MediaGateway): Promise<Jid> {
    const found = (): Jid | undefined => gateway.devices().find(({ isAvailable, services }) => isAvailable && services.includes('playback'))?.jid;
    await waitUntil('it is seen', () => found() !== undefined);
    return found() as Jid;
  }

  async function until({ players }: MediaGateway, jid: Jid, holds: (view: PlayerView) => boolean): Promise<PlayerView> {
    for (let view = await players.wait(jid, 0, never); ; view = await players.wait(jid, view.revision, never)) if (holds(view)) return view;
  }

  it('plays what one of them opens, and all see it, also what happens at the player itself', async () => {
    const home = await start(network, { sources: [devices], feed });
    const [away, third] = [await start(await nextNetwork(network, 'away')), await start(await nextNetwork(network, 'third'))];
    appear();
    const jid = await seenBy(away);
    assert.deepEqual(away.devices().find((device) => device.jid === jid)?.services.toSorted(), ['playback', 'rendering']);
    assert.deepEqual(home.devices().find((device) => device.jid === jid)?.services.toSorted(), ['playback', 'rendering']);
    const all = [home, away, third];
    const plays = all.map((gateway) => until(gateway, jid, ({ status, item, volume }) => status?.state === 'playing' && item?.item.title === 'The Duel' && volume === 50));
    const opened = await away.players.open(jid, { uris: [FILM, SONG], autoplay: true, position: 60 }, never);
    assert.equal(opened.items[0]?.uri, FILM, 'it names the device that has it');
    for (const view of await Promise.all(plays)) {
      assert.equal(view.status?.controller, away.jid);
      assert.equal(view.item?.uri, FILM);
    }
    player.hand.pause();
    player.hand.setVolume(12);
    await Promise.all(all.map((gateway) => until(gateway, jid, ({ status, volume }) => status?.state === 'paused' && volume === 12)));
    await third.players.command(jid, { name: 'next' }, never);
    await home.players.command(jid, { name: 'set', variable: { name: 'mute', value: true } }, never);
    await Promise.all(all.map((gateway) => until(gateway, jid, ({ item, mute }) => item?.item.title === 'Lark' && mute === true)));
    await assert.rejects(third.players.command(jid, { name: 'next' }, never), { code: 'unexpected-request' });
    assert.equal((await third.players.now(jid, never)).status?.index, 1);
    await third.players.command(jid, { name: 'close' }, never);
    await Promise.all(all.map((gateway) => until(gateway, jid, ({ status, item }) => status?.state === 'idle' && item === undefined)));
  });

  it('is lost when its gateway goes, and seen as it is then when it is back', async () => {
    const home = await start(network, { sources: [devices], feed });
    const away = await start(await nextNetwork(network, 'away'));
    appear();
    const jid = await seenBy(away);
    await away.players.open(jid, { uris: [FILM], autoplay: true }, never);
    await until(away, jid, ({ status }) => status?.state === 'playing');
    await stop(home);
    await until(away, jid, ({ reach }) => reach === 'lost');
    assert.equal(player.watchers, 0);
    player.hand.pause();
    await start(network, { sources: [devices], feed });
    await waitUntil('the adapter has it', () => devices.devices().length === 1);
    appear();
    const view = await until(away, jid, ({ reach, status }) => reach === 'there' && status?.state === 'paused');
    assert.equal(view.device, jid);
  });

  it('is let go with all that listens to it', async () => {
    const home = await start(network, { sources: [devices], feed });
    appear();
    const jid = await seenBy(home);
    await until(home, jid, ({ status }) => status?.state === 'idle');
    assert.ok(player.watchers > 0);
    devices.vanish('uuid:tv');
    await until(home, jid, ({ reach }) => reach === 'lost');
    await waitUntil('nobody looks at it', () => player.watchers === 0 && player.listenerCount('changed') === 0);
    await assert.rejects(home.players.command(jid, { name: 'play' }, never), { code: 'peer-unavailable' });
    player = createFakeMediaPlayer(systemClock, { volume: 7 });
    appear();
    await until(home, jid, ({ reach, volume }) => reach === 'there' && volume === 7);
  });

  it('is not shown where nothing could feed it', async () => {
    const home = await start(network, { sources: [devices] });
    appear();
    devices.appear({ description: { id: 'uuid:2', name: 'Nothing', kind: 'media-player' }, library: undefined });
    await waitUntil('it is online', () => home.connection?.state === 'online');
    assert.ok(!home.devices().some(({ isHere, jid }) => isHere && jid !== home.jid));
  });
});
