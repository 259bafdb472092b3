import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { gatewaySettings } from '../../src/app/gateway-settings.ts';
import { Device } from '../../src/xpmn/device/device.ts';
import type { DeviceShared } from '../../src/xpmn/device/device-shared.ts';
import { provideServices } from '../../src/xpmn/gateway/hosted-device.ts';
import { SendPool } from '../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../src/xpmn/jingle/applications/oob-window.ts';
import { Socks5Listener } from '../../src/xpmn/jingle/transports/socks5-listener.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { createAcceptor } from '../../src/xpmn/links/acceptor.ts';
import { LocalExchange } from '../../src/xpmn/links/local-exchange.ts';
import { MediaPort } from '../../src/xpmn/media/media-port.ts';
import type { ListedPeer } from '../../src/xpmn/model/identity.ts';
import { browsePeer } from '../../src/xpmn/profiles/directory-controller.ts';
import { openTransfer } from '../../src/xpmn/profiles/transfer-controller.ts';
import { Network } from '../../src/xpmn/trust/network.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings as config } from '../support/settings.ts';

const settings = gatewaySettings(config);
const never = new AbortController().signal;
const clock = systemClock;
const random = systemRandom;
const log = silentLogger;

describe('two devices of one process', () => {
  const library = new MemoryLibrary();
  const film = randomBytes(5_000_001);
  let controller: Device;
  let server: Device;
  let port: MediaPort;

  before(async () => {
    library.addItem('film', 'Lark & Nightingale <1>', film);
    library.addContainer('music', 'Müsik');
    for (let i = 0; i < 500; i += 1) library.addItem(`song-${i}`, `Song ${i} äöü`, randomBytes(1000 + i), { parent: 'music', type: 'audio/mpeg' });
    const network = await Network.create({ storage: new MemoryStorage(), clock, random, generateKey }, trustOptions(config), { name: 'test' });
    const hosted = await network.hostDevice('uuid:1', 'NAS');
    const { lists } = network;
    const shared: DeviceShared = {
      clock, random, log, lists,
      acceptor: createAcceptor({ lists, clock, log, lookUp: () => Promise.resolve() }, settings.acceptor),
      exchange: new LocalExchange({ random }, settings.inProcess),
      listener: new Socks5Listener({ clock, log }, settings.listener),
      addresses: () => [],
      pool: new SendPool(settings.pool),
      budget: new WindowBudget(settings.windowBudget),
      connect: () => assert.fail('nothing goes to a server here'),
      features: () => undefined,
      isAvailable: () => false,
    };
    const identity = (verdict: ListedPeer['verdict'], { key, jid }: typeof hosted): ListedPeer => ({ verdict, key, jid, network: network.id, roles: [] });
    controller = new Device(shared, { credentials: network.gateway, identity: identity('own', network.gateway), account: undefined }, settings.device);
    server = new Device(shared, { credentials: hosted, identity: identity('own-hosted', hosted), account: undefined }, settings.device);
    provideServices(server, { library, control: undefined }, shared, settings);
    controller.start();
    server.start();
    port = new MediaPort({
      clock, random, log,
      openItem: (item, request, { signal }) =>
        openTransfer(controller.links.to(item.device), { uid: item.uid, ...request }, { options: settings.transferController, clock, signal }),
    }, { ...settings.mediaPort, resume: { ...settings.mediaPort.resume, firstDelay: 1 } });
    await port.start();
  });

  after(async () => {
    await port.stop();
    await controller.stop({ signal: AbortSignal.abort() });
    await server.stop({ signal: AbortSignal.abort() });
  });

  const browse = (container: string, offset = 0, limit = 100): ReturnType<typeof browsePeer> =>
    browsePeer(controller.links.to(server.jid), { container, offset, limit }, { options: settings.directoryController, signal: never });

  it('lists the root inline', async () => {
    const page = await browse('root');
    assert.deepEqual(page.children.map(({ title }) => title), ['Lark & Nightingale <1>', 'Müsik']);
    assert.equal(page.total, 2);
  });

  it('lists a large container out of band, page by page', async () => {
    const titles: string[] = [];
    for (let offset = 0; ; ) {
      const page = await browse('music', offset, 200);
      titles.push(...page.children.map(({ title }) => title));
      offset += page.children.length;
      if (page.children.length === 0 || offset >= (page.total ?? Infinity)) break;
    }
    assert.deepEqual(titles, Array.from({ length: 500 }, (_, i) => `Song ${i} äöü`));
  });

  it('says not-found for what is not there', async () => {
    await assert.rejects(browse('nowhere'), (error) => error instanceof XpmnError && error.code === 'not-found');
  });

  it('serves the film over the media port, whole and in ranges, several at once', async () => {
    const { url, entity } = await port.issue({ device: server.jid, uid: 'film' }, { signal: never });
    assert.equal(entity.size, film.length);
    const whole = fetch(url).then(async (response) => Buffer.from(await response.arrayBuffer()));
    const ranges = Array.from({ length: 20 }, async (_, i) => {
      const from = (i * 234_567) % film.length;
      const to = Math.min(film.length - 1, from + 100_000);
      const response = await fetch(url, { headers: { range: `bytes=${from}-${to}` } });
      assert.equal(response.status, 206);
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(film.subarray(from, to + 1)));
    });
    assert.equal(sha((await Promise.all([whole, ...ranges]))[0] as Buffer), sha(film));
  });

  it('delivers the whole film though the origin breaks again and again', async () => {
    library.wrap = (source) => ({
      probe: (options) => source.probe(options),
      open: async (options) => {
        const media = await source.open(options);
        return {
          ...media,
          read: async (lease, { signal }) => {
            let left = 1_000_000;
            await media.read({
              buffer: () => lease.buffer().subarray(0, left),
              filled: (count) => {
                left -= count;
                if (left <= 0) throw new XpmnError('truncated', 'The origin broke.');
                return lease.filled(count);
              },
            }, { signal });
          },
        };
      },
    });
    const { url } = await port.issue({ device: server.jid, uid: 'film' }, { signal: never });
    const got = Buffer.from(await (await fetch(url)).arrayBuffer());
    library.wrap = (source) => source;
    assert.equal(sha(got), sha(film));
  });

  it('answers 404 for an item that is not there', async () => {
    await assert.rejects(port.issue({ device: server.jid, uid: 'nothing' }, { signal: never }), (error) => error instanceof XpmnError && error.code === 'not-found');
  });

});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
