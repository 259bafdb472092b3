import type { MediaPlayer } from '../../src/xpmn/ports/media-player.ts';
import { MediaRenderer } from '../../src/upnp/media-renderer.ts';
import type { MediaRendererOptions } from '../../src/upnp/media-renderer.ts';
import type { DeviceQuirks } from '../../src/upnp/quirks.ts';
import { fetchDescription } from '../../src/upnp/remote-description.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { FakeEventSubscriber } from '../fakes/fake-event-subscriber.ts';
import { FakeRequester } from '../fakes/fake-requester.ts';
import { RendererDevice } from '../fakes/renderer-device.ts';
import type { RendererDefects } from '../fakes/renderer-device.ts';
import { FakeClock } from './fake-clock.ts';
import { settings } from './settings.ts';

/** A renderer and its player in one process, with a clock that the test moves. */
export interface RendererRig {
  readonly clock: FakeClock;
  readonly device: RendererDevice;
  readonly player: MediaRenderer;
  readonly events: FakeEventSubscriber;
}

export interface RendererRigOptions {
  readonly defects?: RendererDefects;
  readonly quirks?: DeviceQuirks;
  /** The device takes no subscriptions. */
  readonly isSilent?: boolean;
  readonly options?: Partial<MediaRendererOptions>;
}

const LOCATION = { url: new URL('http://192.0.2.7:8080/desc.xml'), scope: undefined };
const signal = new AbortController().signal;

export async function rendererRig({ defects = {}, quirks = {}, isSilent = false, options = {} }: RendererRigOptions = {}): Promise<RendererRig> {
  const { upnp } = settings;
  const clock = new FakeClock();
  const device = new RendererDevice(clock, { defects });
  const requester = new FakeRequester(clock, upnp.requester, (received) => device.handle(received));
  const events = new FakeEventSubscriber();
  const services = ['AVTransport', 'RenderingControl'] as const;
  events.onAttempt = (subscription) => {
    const service = services.find((name) => subscription.service().eventUrl.pathname.startsWith(`/${name}/`));
    if (isSilent || !service) subscription.become('refused');
    else if (!device.defects.mute) subscription.sendAll({ LastChange: device.everything(service) });
  };
  device.onEvent = (service, LastChange) => events.at(`/${service}/evt`)?.send({ LastChange });
  const { renderer } = await fetchDescription(device.udn, { requester, options: upnp, location: LOCATION, signal });
  if (!renderer) throw new Error('it describes no renderer');
  const player = new MediaRenderer({
    requester, clock, log: silentLogger, events, quirks,
    place: (service) => renderer.services.get(service),
    evented: (service) => renderer.services.get(service)?.evented,
    address: () => LOCATION.url.hostname,
    mediaHosts: ['192.0.2.8'],
  }, { ...upnp.renderer, ...options });
  return { clock, device, player, events };
}

/** The same player; while one of its commands is under way, time passes. */
export function inPassing(player: MediaPlayer, clock: FakeClock): MediaPlayer {
  const COMMANDS = ['load', 'preload', 'play', 'pause', 'stop', 'seek', 'next', 'previous', 'setVolume', 'setMute'];
  return new Proxy(player, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      if (!COMMANDS.includes(String(name))) return value.bind(target) as unknown;
      return async (...args: unknown[]) => {
        let isUnderWay = true;
        const command = (value.apply(target, args) as Promise<void>).finally(() => (isUnderWay = false));
        command.catch(() => undefined);
        while (isUnderWay) await clock.advance(10);
        return command;
      };
    },
  });
}
