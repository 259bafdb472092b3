import { EventedDevice } from '../fakes/evented-device.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import { createEventSubscriber } from '../../src/upnp/gena-subscriber.ts';
import type { GenaSubscriber } from '../../src/upnp/gena-subscriber.ts';
import type { GenaOptions } from '../../src/upnp/gena-options.ts';
import type { Requester } from '../../src/upnp/requester.ts';
import { findLocalRoute } from '../../src/xpmn/kernel/local-route.ts';
import type { Logger } from '../../src/xpmn/kernel/log.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { FakeClock, FakeRandom, settle } from './fake-clock.ts';
import { settings } from './settings.ts';

export interface GenaRig {
  readonly subscriber: GenaSubscriber;
  readonly device: EventedDevice;
  readonly clock: FakeClock;
  readonly options: GenaOptions;
  /** From where the subscriber speaks to whatever device; undefined: by route. */
  local: string | undefined;
  /** Resolves when no request is under way. */
  quiet(): Promise<void>;
  /** Lets time pass, and what comes of it. */
  pass(ms: number): Promise<void>;
  leftovers(): Promise<number>;
  close(): Promise<void>;
}

/** The subscriber and a device on loopback: real sockets, and a clock of the test's for all but single requests. */
export async function createGenaRig({ options = {}, address, log = silentLogger }: { options?: Partial<GenaOptions>; address?: string; log?: Logger } = {}): Promise<GenaRig> {
  const device = await EventedDevice.start(address);
  const clock = new FakeClock();
  const { gena, requester: requesterOptions } = settings.upnp;
  const chosen = { ...gena, ...options };
  const requester = createHttpRequester({ clock: systemClock }, requesterOptions);
  // An attempt begins with the look for a route, and ends with its request.
  const attempts = new Set<AbortSignal>();
  const begin = (signal: AbortSignal): void => {
    attempts.add(signal);
    signal.addEventListener('abort', () => attempts.delete(signal), { once: true });
  };
  const watched: Requester = {
    close: () => requester.close(),
    request: (request, { signal }) => {
      begin(signal);
      return requester.request(request, { signal }).finally(() => attempts.delete(signal));
    },
  };
  const before = openHandles();
  const rig: GenaRig = {
    device, clock, options: chosen, local: undefined,
    subscriber: createEventSubscriber({
      requester: watched, clock, random: new FakeRandom(), log,
      findRoute: (host, { signal }) => {
        begin(signal);
        const { local } = rig;
        return findLocalRoute(host, { signal }).then((route) => ({ ...route, ...(local === undefined ? {} : { local }) })).catch((error: unknown) => {
          attempts.delete(signal);
          throw error;
        });
      },
    }, chosen),
    quiet: async () => {
      await settle();
      while (attempts.size > 0) await settle(1);
      await settle();
    },
    pass: async (ms) => {
      await rig.quiet();
      await clock.advance(ms);
      await rig.quiet();
    },
    leftovers: async () => {
      const count = async (): Promise<number> => openHandles() - before + clock.pending + (await device.connections());
      for (let turn = 0; turn < 200 && (await count()) > 0; turn += 1) await settle(1);
      return count();
    },
    close: async () => {
      requester.close();
      await device.close();
    },
  };
  return rig;
}

/** Listeners and probes of this process. */
function openHandles(): number {
  return process.getActiveResourcesInfo().filter((resource) => /^(TCPServerWrap|UDPWrap)$/i.test(resource)).length;
}
