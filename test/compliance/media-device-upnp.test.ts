import assert from 'node:assert/strict';
import { once } from 'node:events';
import { FakeMediaServer } from '../fakes/fake-media-server.ts';
import type { Defects, FakeObject } from '../fakes/fake-media-server.ts';
import { RendererDevice } from '../fakes/renderer-device.ts';
import { RendererOnHttp } from '../fakes/renderer-http.ts';
import { SsdpAnnouncer } from '../fakes/ssdp-announcer.ts';
import { inPassing } from '../support/renderer-rig.ts';
import { freeUdpPort, startUpnp } from '../support/upnp.ts';
import { describeDeviceSource } from './media-device.suite.ts';
import type { DeviceSourceRig } from './media-device.suite.ts';
import { describeMediaLibrary } from './media-library.suite.ts';
import type { MediaLibraryRig } from './media-library.suite.ts';

const LIBRARY: readonly FakeObject[] = [
  { id: 'films', parent: '0', kind: 'container', title: 'Films & more' },
  { id: '64$1', parent: 'films', kind: 'item', title: 'Żółw 東京', path: '/media/1.mp4' },
  { id: '64$2', parent: 'films', kind: 'item', title: 'Oliver & Friends', path: '/media/2.mp4?a=1&b=2' },
  { id: 'deep/er', parent: 'films', kind: 'container', title: 'ελληνικά 🎵' },
  { id: '64$3', parent: 'deep/er', kind: 'item', title: 'still here', path: '/media/3.mp4' },
  { id: 'empty', parent: '0', kind: 'container', title: 'Empty' },
  { id: '64$4', parent: '0', kind: 'item', title: 'no media' },
];
const TREE = [
  'container Films & more', 'item Films & more / Żółw 東京', 'item Films & more / Oliver & Friends',
  'container Films & more / ελληνικά 🎵', 'item Films & more / ελληνικά 🎵 / still here', 'container Empty', 'item no media',
];

const signal = new AbortController().signal;

async function serverRig(defects: Defects): Promise<DeviceSourceRig & { readonly server: FakeMediaServer }> {
  const ssdpPort = await freeUdpPort();
  const server = new FakeMediaServer(LIBRARY, { ssdpPort, defects: { ...defects } });
  const upnp = startUpnp(ssdpPort);
  let isRunning = false;
  const stop = async (): Promise<void> => {
    if (isRunning) await server.stop();
    isRunning = false;
  };
  return {
    server,
    source: upnp.adapter,
    description: { id: server.udn, name: 'Romeo & Juliet', kind: 'media-server', manufacturer: 'Verona', model: 'Fake' },
    async appear() {
      if (isRunning) return server.announce('ssdp:alive');
      isRunning = true;
      return server.start();
    },
    vanish: stop,
    elapse: () => upnp.elapse(),
    use: async ({ library }) => void (await library?.browse('root', { offset: 0, limit: 1, signal })),
    close: stop,
  };
}

async function libraryRig(defects: Defects): Promise<MediaLibraryRig> {
  const { server, source, appear, elapse, close } = await serverRig(defects);
  await source.start({ signal });
  const appeared = once(source as never, 'deviceAppeared') as Promise<Parameters<DeviceSourceRig['use']>>;
  await appear();
  const [{ library }] = await appeared;
  assert.ok(library);
  return {
    library, elapse,
    tree: TREE,
    async replaceMedia() {
      server.objects = LIBRARY.map((object) => ({ ...object, ...(object.path === undefined ? {} : { path: `/moved${object.path}` }) }));
    },
    async close() {
      await source.stop();
      await close();
    },
  };
}

async function rendererRig(): Promise<DeviceSourceRig> {
  const port = await freeUdpPort();
  const upnp = startUpnp(port);
  const device = new RendererDevice(upnp.clock);
  const renderer = new RendererOnHttp(device);
  const announcer = new SsdpAnnouncer({ port, udn: device.udn, type: 'urn:schemas-upnp-org:device:MediaRenderer:1', location: () => renderer.location });
  let isRunning = false;
  const stop = async (): Promise<void> => {
    if (!isRunning) return;
    isRunning = false;
    await announcer.announce('ssdp:byebye');
    announcer.close();
    device.stopAll();
    await renderer.stop();
  };
  return {
    source: upnp.adapter,
    description: { id: device.udn, name: 'Kitchen', kind: 'media-player', manufacturer: 'Verona', model: 'Lute' },
    async appear() {
      if (!isRunning) {
        await renderer.start();
        await announcer.start();
      }
      isRunning = true;
      await announcer.announce('ssdp:alive');
    },
    vanish: stop,
    elapse: () => upnp.elapse(),
    async use({ player }) {
      assert.ok(player);
      await inPassing(player, upnp.clock).setVolume(33, { signal });
      assert.equal(device.volume, 33);
    },
    close: stop,
  };
}

const VARIANTS: Readonly<Record<string, Defects>> = {
  'a good media server': {},
  'one that announces with line feeds and odd headers': { lineFeedOnly: true, oddHeaders: true },
  'one with the server embedded, and a raw &': { embedded: true, bareAmpersandInDescription: true },
  'one that wakes slowly': { descriptionFailures: 2 },
  'one with a wrong URLBase': { urlBase: 'http://192.0.2.1:1/' },
  'one with raw titles, unescaped, in a wrong namespace': { unescapedResult: true, rawTitles: true, wrongNamespace: true },
  'one that escapes twice': { doubleEscapedResult: true },
  'one that returns two at a time, and no total': { mostReturned: 2, totalMatches: 0 },
  'one that ignores paging': { ignoresPaging: true },
  'one with a wrong total, which hides its root': { totalMatches: 2, hidesRoot: true, faultWith200: true },
  'one that closes kept connections': { closesConnections: true },
};

for (const [name, defects] of Object.entries(VARIANTS)) {
  describeDeviceSource(`UPnP, ${name}`, () => serverRig(defects));
  describeMediaLibrary(`UPnP, ${name}`, () => libraryRig(defects));
}

describeDeviceSource('UPnP, a renderer', rendererRig);
