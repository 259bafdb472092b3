import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { FakeMediaServer } from '../fakes/fake-media-server.ts';
import type { Defects, FakeObject } from '../fakes/fake-media-server.ts';
import { startUpnp } from '../support/upnp.ts';
import { describeDeviceSource } from './media-device.suite.ts';
import type { DeviceSourceRig } from './media-device.suite.ts';

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

/** A port of our own keeps other tests' devices, and the house's, out. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function setup(defects: Defects): Promise<DeviceSourceRig> {
  const ssdpPort = await freeUdpPort();
  const server = new FakeMediaServer(LIBRARY, { ssdpPort, defects: { ...defects } });
  const upnp = startUpnp(ssdpPort);
  let running = false;
  const stop = async (): Promise<void> => {
    if (running) await server.stop();
    running = false;
  };
  return {
    source: upnp.adapter,
    deviceId: server.udn,
    deviceName: 'Romeo & Juliet',
    tree: TREE,
    async appear() {
      if (running) return server.announce('ssdp:alive');
      running = true;
      return server.start();
    },
    vanish: stop,
    elapse: () => upnp.elapse(),
    async replaceMedia() {
      server.objects = LIBRARY.map((object) => ({ ...object, ...(object.path === undefined ? {} : { path: `/moved${object.path}` }) }));
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

for (const [name, defects] of Object.entries(VARIANTS)) describeDeviceSource(`UPnP, ${name}`, () => setup(defects));
