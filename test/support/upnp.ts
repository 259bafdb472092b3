import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createUpnpAdapter } from '../../src/upnp/adapter.ts';
import type { UpnpAdapter } from '../../src/upnp/adapter.ts';
import { createSsdpSocket } from '../../src/upnp/dgram-ssdp-socket.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import type { OriginRequest } from '../../src/upnp/origin-port.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { FakeEventSubscriber } from '../fakes/fake-event-subscriber.ts';
import { FakeClock, FakeRandom } from './fake-clock.ts';
import { settings } from './settings.ts';

/** The UPnP adapter on loopback, with a discovery whose clock the test moves. */
export interface UpnpOnLoopback {
  readonly adapter: UpnpAdapter;
  readonly clock: FakeClock;
  /** What was to be opened. */
  readonly origins: OriginRequest[];
  /** Lets the hysteresis pass. */
  elapse(): Promise<void>;
}

export function startUpnp(ssdpPort: number, own: ReadonlySet<string> = new Set()): UpnpOnLoopback {
  const clock = new FakeClock();
  const origins: OriginRequest[] = [];
  const { upnp } = settings;
  const options = {
    ...upnp,
    ssdp: { ...upnp.ssdp, port: ssdpPort, interfaces: ['lo'] },
    discovery: { ...upnp.discovery, tracker: { ...upnp.discovery.tracker, loopback: true } },
    describe: { ...upnp.describe, backOff: { first: 5, factor: 1, max: 5 } },
  };
  // Devices answer in their own time, so requests live by the real clock; only discovery's time is the test's.
  const adapter = createUpnpAdapter(
    {
      ssdp: createSsdpSocket({ clock, log: silentLogger }, options.ssdp),
      requester: createHttpRequester({ clock: systemClock }, options.requester),
      clock: { ...systemClock, now: () => clock.now(), monotonic: () => clock.monotonic(), after: (delay, callback) => (delay < 100 ? systemClock : clock).after(delay, callback) },
      random: new FakeRandom(),
      log: silentLogger,
      openOrigin: (request) => {
        origins.push(request);
        const refuse = (): Promise<never> => Promise.reject(new XpmnError('not-supported', 'This test reads no media.'));
        return { open: refuse, probe: refuse };
      },
      events: new FakeEventSubscriber(),
      quirks: [],
      isOwnDevice: (udn) => own.has(udn),
    },
    options,
  );
  return { adapter, clock, origins, elapse: () => clock.advance(options.discovery.tracker.grace + 1) };
}

/** A port of our own keeps other tests' devices, and the house's, out. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
