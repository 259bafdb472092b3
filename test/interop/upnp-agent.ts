import { createInterface } from 'node:readline';
import { createUpnpAdapter } from '../../src/upnp/adapter.ts';
import { createSsdpSocket } from '../../src/upnp/dgram-ssdp-socket.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { MediaObject } from '../../src/xpmn/model/media.ts';
import type { MediaLibrary } from '../../src/xpmn/ports/media-device.ts';
import { FakeEventSubscriber } from '../fakes/fake-event-subscriber.ts';
import { settings } from '../support/settings.ts';

/**
 * The UPnP adapter as a process, to be run inside a network namespace. One JSON a line: events as they happen, answers
 * to the lines of stdin: `walk UDN LIMIT`, `source UDN UID`. Ends with its stdin.
 */
const { upnp } = settings;
const tracker = { ...upnp.discovery.tracker, grace: 1500 };
const signal = new AbortController().signal;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const adapter = createUpnpAdapter(
  {
    ssdp: createSsdpSocket({ clock: systemClock, log: silentLogger }, { ...upnp.ssdp, interfaceInterval: 250 }),
    requester: createHttpRequester({ clock: systemClock }, upnp.requester),
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    openOrigin: ({ url, size, type }) => {
      say({ origin: { url: url.href, size, type } });
      const refuse = (): Promise<never> => Promise.reject(new Error('no media here'));
      return { open: refuse, probe: refuse };
    },
    events: new FakeEventSubscriber(),
    quirks: [],
    isOwnDevice: () => false,
  },
  { ...upnp, discovery: { ...upnp.discovery, tracker } },
);
adapter.on('deviceAppeared', ({ description }) => say({ appeared: description }));
adapter.on('deviceGone', (id) => say({ gone: id }));

// timers of the clock keep no process alive: stdin does
createInterface({ input: process.stdin })
  .on('line', (line) => void obey(line.split(' ')).catch((error: unknown) => say({ failed: String(error) })))
  .on('close', () => void adapter.stop());
await adapter.start({ signal });
say({ started: true });

async function obey([command, udn, argument]: string[]): Promise<void> {
  const library = adapter.devices().find(({ description }) => description.id === udn)?.library;
  if (!library) throw new Error('no such device');
  if (command === 'walk') say({ walk: await walk(library, 'root', Number(argument)) });
  if (command === 'source') await library.source(argument as string, { signal });
}

async function walk(library: MediaLibrary, container: string, limit: number): Promise<MediaObject[]> {
  const found: MediaObject[] = [];
  for (let offset = 0; ; ) {
    const page = await library.browse(container, { offset, limit, signal });
    if (page.children.length === 0) break;
    found.push(...page.children);
    offset = page.offset + page.children.length;
  }
  for (const object of [...found]) if (object.kind === 'container') found.push(...(await walk(library, object.id, limit)));
  return found;
}
