import type { Path } from '../links/dialer.ts';
import type { ListedVerdict } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { Network } from '../trust/network.ts';
import { currentHosts, devicesList, hostedList } from '../trust/snapshot.ts';
import type { PeerDirectory } from './peer-directory.ts';

/** A device of the media network, as far as it is known. */
export interface KnownDevice {
  readonly jid: Jid;
  readonly name: string | undefined;
  readonly trust: ListedVerdict;
  readonly isHere: boolean;
  /** It was bridged by this gateway last, though it may be off now. */
  readonly isListedHere: boolean;
  readonly isAvailable: boolean;
  /** It has proven itself on the local link: it is reached there first. */
  readonly isOnLink: boolean;
  /** What it provides: `directory`, `transfer`, `playback`, `rendering`. */
  readonly services: readonly string[];
  /** How it is reached now; undefined while nothing is open. */
  readonly path: Path | undefined;
}

const SERVICES: Readonly<Record<string, string>> = {
  [NS.mediaServerDirectory]: 'directory',
  [NS.mediaServerTransfer]: 'transfer',
  [NS.player]: 'playback',
  [NS.control]: 'rendering',
};

export interface Knowledge {
  readonly directory: PeerDirectory;
  isHere(jid: Jid): boolean;
  isOnLink(jid: Jid): boolean;
  path(jid: Jid): Path | undefined;
  /** What a device announces that this gateway bridges: known without its presence. */
  featuresOf(jid: Jid): readonly string[] | undefined;
  /** The name of this gateway, or of a device that it bridges: known without anybody's presence. */
  nameOf(jid: Jid): string | undefined;
}

interface ListedDevice {
  readonly jid: Jid;
  readonly trust: ListedVerdict;
  readonly isListedHere: boolean;
  /** Names the legacy device that it stands for. */
  readonly source?: string | undefined;
}

/** The devices that the lists of my network name, as what. They say which devices there are, and only they. */
export function listedDevices({ id, lists: { snapshot }, gateway }: Pick<Network, 'id' | 'lists' | 'gateway'>): ListedDevice[] {
  const own = devicesList(snapshot, id)?.devices ?? [];
  const hosted = currentHosts(snapshot, id).flatMap(({ key }) => hostedList(snapshot, id, key)?.devices.map(({ jid, source }) => ({ jid, trust: 'own-hosted' as const, isListedHere: key === gateway.key, source })) ?? []);
  return [...own.map(({ jid }) => ({ jid, trust: 'own' as const, isListedHere: false })), ...hosted];
}

export function isListed(network: Network, jid: Jid): boolean {
  return listedDevices(network).some((device) => device.jid === jid);
}

/**
 * All of them, with what presence says: which are there, and what they offer. A legacy device that several gateways have bridged is listed by
 * each of them, for good: while one of these is there, the others are nothing to the user.
 */
export function knownDevices(network: Parameters<typeof listedDevices>[0], knowledge: Knowledge): KnownDevice[] {
  const all = listedDevices(network).map((listed) => ({ listed, known: describe(listed, knowledge) }));
  const there = new Set(all.flatMap(({ listed: { source }, known }) => (source !== undefined && known.isAvailable ? [source] : [])));
  return all.filter(({ listed: { source }, known }) => known.isAvailable || source === undefined || !there.has(source)).map(({ known }) => known);
}

function describe({ jid, trust, isListedHere }: ListedDevice, { directory, isHere, isOnLink, path, featuresOf, nameOf }: Knowledge): KnownDevice {
  const presence = directory.find(jid);
  const [here, onLink] = [isHere(jid), isOnLink(jid)];
  const features = featuresOf(jid) ?? [...(presence?.features ?? [])];
  const services = features.flatMap((feature) => (Object.hasOwn(SERVICES, feature) ? (SERVICES[feature] as string) : []));
  return { jid, name: presence?.name ?? nameOf(jid), trust, isHere: here, isListedHere, isAvailable: here || onLink || presence !== undefined, isOnLink: onLink, services, path: path(jid) };
}
