import type { AbortOptions } from '../profiles/abort-stream.ts';
import type { Device } from '../device/device.ts';
import type { DeviceShared } from '../device/device-shared.ts';
import type { MediaDevice } from '../ports/media-device.ts';
import { NS } from '../model/namespaces.ts';
import { provideDirectory } from '../profiles/directory.ts';
import type { DirectoryOptions } from '../profiles/directory.ts';
import { provideTransfer } from '../profiles/transfer.ts';

/** The features of a bridged media server, beside those that every device has. */
export const LIBRARY_FEATURES: readonly string[] = [NS.mediaServer, NS.mediaServerDirectory, NS.mediaServerTransfer];

/** Gives `device` the services of the legacy device behind it. */
export function provideServices(
  device: Device,
  media: MediaDevice,
  { random, log }: Pick<DeviceShared, 'random' | 'log'>,
  options: { readonly directory: DirectoryOptions; readonly transferController: AbortOptions },
): void {
  const { library } = media;
  if (!library) return;
  const deps = { device: device.jid, library, registry: device.router, links: device.links, random, log: log.child('library', { device: device.jid }) };
  provideDirectory(deps, options.directory);
  provideTransfer(deps, options.transferController);
}
