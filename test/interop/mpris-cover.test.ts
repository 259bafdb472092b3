import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createPictureLoader } from '../../src/app/shared/picture-loader.ts';
import { createMprisAdapter } from '../../src/dbus/mpris-adapter.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { PlayerView } from '../../src/xpmn/model/playback.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { generateCover, generateSong } from '../peers/media.ts';
import type { RealPlayer } from '../peers/mpris-player.ts';
import { startMpv } from '../peers/mpv.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** mpv at one gateway plays files of its machine; another gateway of the same owner looks. */
describe('the cover of what mpv plays', function () {
  this.timeout(60_000);
  let bus: Bus;
  let mpv: RealPlayer;
  let folder: string;
  const gateways: MediaGateway[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-cover-'));
    for (const name of ['secret-1', 'secret-2']) {
      await mkdir(join(folder, name));
      await generateSong(join(folder, name, 'song.mp3'), { title: `Lark ${name.at(-1)}`, artist: 'Juliet', album: 'Verona', track: 1, duration: 60 });
    }
    await generateCover(join(folder, 'secret-1', 'cover.jpg'));
    bus = await startBus();
    mpv = await startMpv(bus.address);
  });

  after(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await mpv?.stop();
    await bus?.stop();
    await rm(folder, { recursive: true });
  });

  async function start(...[network, options]: [Parameters<typeof testGateway>[0], Parameters<typeof testGateway>[2]]): Promise<MediaGateway> {
    const gateway = testGateway(network, account, options);
    gateways.push(gateway);
    await gateway.start({ signal });
    return gateway;
  }

  async function until({ players }: MediaGateway, jid: Jid, holds: (view: PlayerView) => boolean): Promise<PlayerView> {
    for (let view = await players.wait(jid, 0, signal); ; view = await players.wait(jid, view.revision, signal)) if (holds(view)) return view;
  }

  const open = (name: string): Promise<unknown> => mpv.playerctl('open', pathToFileURL(join(folder, name, 'song.mp3')).href);

  it('is read elsewhere, as its file has it, and where that lies is not', async () => {
    const server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    const network = await firstNetwork(account);
    const mpris = createMprisAdapter({
      clock: systemClock, random: systemRandom, log: silentLogger, env: { DBUS_SESSION_BUS_ADDRESS: bus.address }, uid: 0, machine: 'here', isOwnPlayer: () => false,
      pictures: createPictureLoader({ clock: systemClock, mayConnect: () => false }, { bytes: settings.player.pictures.bytes, url: settings.feed.shared.url }),
    }, settings);
    await start(network, { server, sources: [mpris] });
    const away = await start(await nextNetwork(network, 'away'), { server });
    const jid = await waitUntil('it is seen', () => away.devices().find(({ isAvailable, services }) => isAvailable && services.includes('playback'))?.jid);

    await open('secret-1');
    const view = await until(away, jid, ({ item }) => item?.item.title === 'Lark 1' && item.item.cover !== undefined);
    const { bytes, type } = await away.players.picture(jid, view.item?.item.cover ?? '', signal);
    assert.equal(type, 'image/jpeg');
    assert.deepEqual(bytes, await readFile(join(folder, 'secret-1', 'cover.jpg')));
    assert.ok(bytes.length > settings.playback.inlineLimit, `${bytes.length}`);
    assert.deepEqual((await away.players.now(jid, signal)).item, view.item);

    await open('secret-2');
    const bare = await until(away, jid, ({ item }) => item?.item.title === 'Lark 2');
    assert.equal(bare.item?.item.cover, undefined);
    await writeFile(join(folder, 'secret-2', 'cover.jpg'), 'root:x:0:0');
    await open('secret-1');
    await until(away, jid, ({ item }) => item?.item.cover === view.item?.item.cover);
    await open('secret-2');
    assert.equal((await until(away, jid, ({ item }) => item?.item.title === 'Lark 2')).item?.item.cover, undefined, 'what is no picture is none');
    assert.doesNotMatch(JSON.stringify([view, bare, await away.players.now(jid, signal)]), /secret-/);
  });
});
