import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSharedMedia } from '../../src/app/shared/shared-media.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { isPublicAddress } from '../../src/xpmn/media/reach.ts';
import { PLAIN_PROFILE } from '../../src/xpmn/ports/player-feed.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { formatMediaUri } from '../../src/xpmn/model/media-uri.ts';
import type { PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount, TestGatewayOptions } from '../support/gateways.ts';
import { settings } from '../support/settings.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** A player at one gateway, and media at another. */
describe('players that are fed from elsewhere', function () {
  this.timeout(30_000);
  const film = randomBytes(400_000);
  const running: MediaGateway[] = [];
  let server: FakeXmppServer;
  let folder: string;
  let path: string;
  let home: MediaGateway;
  let away: MediaGateway;
  let devices: MemoryDevices;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-feeding-'));
    path = join(folder, 'The Duel.mp4');
    await writeFile(path, film);
  });
  after(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    const network = await firstNetwork(account);
    devices = new MemoryDevices();
    const shared = createSharedMedia({ clock: systemClock, random: systemRandom, isPublic: (address) => isPublicAddress(address, []) }, settings.feed.shared);
    home = await start(network, { shared, sources: [devices] });
    away = await start(await nextNetwork(network, 'away'));
  });
  afterEach(() => Promise.all(running.splice(0).map((gateway) => gateway.stop())));

  async function start(network: Network, options: TestGatewayOptions = {}): Promise<MediaGateway> {
    const gateway = testGateway(network, account, { server, ...options });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  const feed = (gateway: MediaGateway, uri: string): Promise<PlayerMedia> => gateway.feed.media(uri, { address: undefined, profile: PLAIN_PROFILE }, { signal: never });
  const bytes = async ({ url }: PlayerMedia): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer());

  it('play a file of another machine, which is found by its name only', async () => {
    const uri = await home.share(path, { signal: never });
    await waitUntil('they see each other', () => away.devices().some(({ jid, isAvailable }) => jid === home.jid && isAvailable));
    const media = await feed(away, uri);
    assert.deepEqual([media.item.title, media.item.type, media.mimeType, media.size], ['The Duel', 'video', 'video/mp4', film.length]);
    assert.ok((await bytes(media)).equals(film));
    await assert.rejects(away.browse(home.jid, { container: 'root', offset: 0, limit: 10 }, never), { code: 'not-allowed' });
    await assert.rejects(feed(away, formatMediaUri({ device: home.jid, uid: 'guessed' })), { code: 'not-found' });
  });

  it('play a file of the machine that they are at', async () => {
    const media = await feed(home, await home.share(path, { signal: never }));
    assert.equal(media.item.title, 'The Duel');
    assert.ok((await bytes(media)).equals(film));
    assert.equal((await home.feed.text(await home.share(path, { signal: never }), { limit: 1e6, signal: never })).mimeType, 'video/mp4');
    await assert.rejects(away.share(path, { signal: never }), { code: 'not-supported' });
  });

  it('play what a media server has, wherever it is, under its title', async () => {
    const library = new MemoryLibrary();
    library.addItem('film', 'Balcony', film);
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    const nas = (): { jid: ReturnType<typeof parseJid> } | undefined => away.devices().find(({ services, isAvailable }) => isAvailable && services.includes('directory'));
    await waitUntil('it is seen', () => nas() !== undefined);
    const uri = formatMediaUri({ device: nas()?.jid ?? parseJid('x@y/z'), uid: 'film' });
    for (const gateway of [away, home]) {
      const media = await feed(gateway, uri);
      assert.equal(media.item.title, 'Balcony');
      assert.ok((await bytes(media)).equals(film));
    }
  });

  it('get the server\'s own URL where they are beside it', async () => {
    const library = Object.assign(new MemoryLibrary(), { locate: () => Promise.resolve({ url: 'http://127.0.0.1:8200/7.mp4', entity: { size: 7, type: 'video/mp4', etag: 'x' }, contentFeatures: undefined }) });
    library.addItem('film', 'Balcony', film);
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    await waitUntil('it is seen', () => home.devices().some(({ services, isAvailable }) => isAvailable && services.includes('directory')));
    const { jid } = home.devices().find(({ services }) => services.includes('directory')) ?? assert.fail();
    assert.equal((await feed(home, formatMediaUri({ device: jid, uid: 'film' }))).url, 'http://127.0.0.1:8200/7.mp4');
    await waitUntil('it is seen elsewhere', () => away.devices().some((device) => device.jid === jid && device.isAvailable));
    assert.notEqual((await feed(away, formatMediaUri({ device: jid, uid: 'film' }))).url, 'http://127.0.0.1:8200/7.mp4');
  });
});
