import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Device } from '../../src/xpmn/device/device.ts';
import { provideServices } from '../../src/xpmn/gateway/hosted-device.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { MediaPort } from '../../src/xpmn/media/media-port.ts';
import { browsePeer } from '../../src/xpmn/profiles/directory-controller.ts';
import { openTransfer } from '../../src/xpmn/profiles/transfer-controller.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { DevicesInProcess, settings } from '../support/devices-in-process.ts';

const never = new AbortController().signal;
const clock = systemClock;
const random = systemRandom;
const log = silentLogger;

describe('two devices of one process', () => {
  const library = new MemoryLibrary();
  const film = randomBytes(5_000_001);
  let devices: DevicesInProcess;
  let controller: Device;
  let server: Device;
  let port: MediaPort;

  before(async () => {
    library.addItem('film', 'Lark & Nightingale <1>', film);
    library.addContainer('music', 'Müsik');
    for (let i = 0; i < 500; i += 1) library.addItem(`song-${i}`, `Song ${i} äöü`, randomBytes(1000 + i), { parent: 'music', type: 'audio/mpeg' });
    devices = await DevicesInProcess.create();
    controller = devices.start(devices.network.gateway, 'own');
    server = devices.start(await devices.network.hostDevice('uuid:1', 'NAS'), 'own-hosted');
    provideServices(server, { library, control: undefined }, devices.shared, settings);
    port = new MediaPort({
      clock, random, log,
      openItem: (item, request, { signal }) =>
        openTransfer(controller.links.to(item.device), { uid: item.uid, ...request }, { options: settings.transferController, clock, signal }),
    }, { ...settings.mediaPort, resume: { ...settings.mediaPort.resume, firstDelay: 1 } });
    await port.start();
  });

  after(async () => {
    await port.stop();
    await devices.stopAll();
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
