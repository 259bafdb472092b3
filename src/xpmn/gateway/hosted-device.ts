import type { AbortOptions } from '../profiles/abort-stream.ts';
import type { Device } from '../device/device.ts';
import type { DeviceShared } from '../device/device-shared.ts';
import { TaskGroup } from '../kernel/tasks.ts';
import type { MediaLibrary } from '../ports/media-device.ts';
import type { PlaybackControl } from '../ports/playback-control.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import { provideDirectory } from '../profiles/directory.ts';
import type { DirectoryOptions } from '../profiles/directory.ts';
import { providePlayback } from '../profiles/playback.ts';
import type { PlaybackOptions } from '../profiles/playback.ts';
import { providePictures } from '../profiles/pictures.ts';
import { PlayerEvents } from '../profiles/player-events.ts';
import type { EventNode } from '../profiles/player-nodes.ts';
import { provideRendering } from '../profiles/rendering.ts';
import { provideTransfer } from '../profiles/transfer.ts';
import type { PubsubWireOptions } from '../pubsub/wire.ts';
import { PubsubService } from '../pubsub/service.ts';
import type { PubsubLimits } from '../pubsub/service.ts';
import { PubsubWire, elementBytes } from '../pubsub/wire.ts';

/** The features of a bridged media server, beside those that every device has. */
const LIBRARY_FEATURES: readonly string[] = [NS.mediaServer, NS.mediaServerDirectory, NS.mediaServerTransfer];

/** Those of a bridged player. */
export const PLAYER_FEATURES: readonly string[] = [NS.player, NS.control, NS.bits];

/** What a legacy device has that others may use. */
export interface HostedParts {
  readonly library: MediaLibrary | undefined;
  /** Its player; who made it ends it. */
  readonly control: PlaybackControl | undefined;
}

export interface HostedOptions {
  readonly directory: DirectoryOptions;
  readonly transferController: AbortOptions;
  readonly playback: PlaybackOptions;
  readonly pubsub: PubsubLimits & PubsubWireOptions;
}

/** The services that a device has got. */
export interface HostedServices {
  readonly features: readonly string[];
  /** Where it tells of changes; there may be more later. */
  readonly nodes: readonly EventNode[];
  /** The legacy device is gone, and who has listened is told. Resolves at the latest when the device's streams have ended. */
  end(): Promise<void>;
}

type Shared = Pick<DeviceShared, 'random' | 'log' | 'features'>;

/** Gives `device` the services of the legacy device behind it. */
export function provideServices(device: Device, { library, control }: HostedParts, shared: Shared, options: HostedOptions): HostedServices {
  if (library) provideLibrary(device, library, shared, options);
  const player = control && providePlayer(device, control, shared, options);
  return {
    features: [...(library ? LIBRARY_FEATURES : []), ...(control ? PLAYER_FEATURES : [])],
    get nodes() {
      return player?.nodes ?? [];
    },
    end: () => player?.end() ?? Promise.resolve(),
  };
}

function provideLibrary(device: Device, library: MediaLibrary, { random, log }: Shared, options: HostedOptions): void {
  const deps = { device: device.jid, library, registry: device.router, links: device.links, random, log: log.child('library', { device: device.jid }) };
  provideDirectory(deps, options.directory);
  provideTransfer(deps, options.transferController);
}

function providePlayer(device: Device, control: PlaybackControl, shared: Shared, { playback, pubsub }: HostedOptions): Pick<HostedServices, 'nodes' | 'end'> {
  const log = shared.log.child('player', { device: device.jid });
  const tasks = new TaskGroup((error) => log.warn('something in the background failed', { error }));
  const service = new PubsubService<XmlElement>({ sizeOf: elementBytes }, pubsub);
  const wire = new PubsubWire({ service, registry: device.router, tasks, log, channels: () => device.channels }, pubsub);
  const events = new PlayerEvents({ control, service, wire, features: (peer) => shared.features(peer) });
  const onChannel = (channel: StanzaChannel): void => {
    wire.opened(channel);
    events.came(channel);
  };
  providePlayback({ control, registry: device.router, links: device.links, random: shared.random, log, opened: events.opened }, playback);
  provideRendering({ control, registry: device.router });
  providePictures({ picture: (uri) => control.picture(uri), registry: device.router, links: device.links, random: shared.random, log }, playback);
  device.on('channelOpened', onChannel);
  events.start();
  return {
    get nodes() {
      return events.nodes;
    },
    end: () => {
      device.off('channelOpened', onChannel);
      events.stop();
      wire.flush();
      return tasks.close();
    },
  };
}
