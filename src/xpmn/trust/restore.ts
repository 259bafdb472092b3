import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { isFullJid, withResource } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import { readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { issueCredentials } from './device-credentials.ts';
import type { DeviceCredentials, IssueDeps } from './device-credentials.ts';
import { keyNameOf } from './keys.ts';
import type { DeviceEntry } from './list-document.ts';
import { ListIssuer } from './list-issuer.ts';
import { ListStore } from './list-store.ts';
import type { ListStoreDeps } from './list-store.ts';
import { resourceName } from './names.ts';
import type { TrustOptions } from './options.ts';
import { devicesList } from './snapshot.ts';
import type { RemovedKeys } from './snapshot.ts';

/** What makes any machine the management device of a network. Holds its greatest secret. */
export interface BackupParts {
  /** Bare JID that the network is in. */
  readonly account: Jid;
  /** The friendly name of the machine; for the one that restores it, its own if it has one. */
  readonly name: string;
  readonly userKey: KeyObject;
  readonly userCertificate: Certificate;
  /** The newest `<signed/>` lists, and what they have overtaken. */
  readonly lists: readonly XmlElement[];
  /** All that was ever removed: lists have room for the newest removals only. */
  readonly removed: readonly RemovedKeys[];
}

/** The roles of the management device. */
export const MANAGEMENT_ROLES: readonly string[] = ['host', 'management'];

/** The network whose user key and certificate these are. @throws XpmnError `malformed` (they do not belong together) */
export function networkOf({ userKey, userCertificate }: Pick<BackupParts, 'userKey' | 'userCertificate'>): KeyName {
  const network = keyNameOf(userKey);
  if (readCertificate(userCertificate.der).key !== network) throw new XpmnError('malformed', 'The user certificate is not of the user key.');
  return network;
}

/**
 * Makes a device for this machine, and lists it first of all by a new `devices` list. The lost machine stays listed, until
 * its owner removes it, but nobody asks it any more to sign. `storage` is empty.
 * @throws XpmnError `malformed` (not the parts of one network), `too-large`, `storage-failed`
 */
export async function restoreDevice(
  deps: ListStoreDeps & IssueDeps, options: TrustOptions, parts: BackupParts,
): Promise<{ readonly network: KeyName; readonly lists: ListStore; readonly device: DeviceCredentials }> {
  const network = networkOf(parts);
  const { account, name, userKey } = parts;
  if (isFullJid(account)) throw new XpmnError('malformed', 'An account is a bare JID.');
  const lists = await ListStore.open(deps, options, network);
  await lists.recall(parts.removed);
  await lists.offerAll(parts.lists);
  if (!devicesList(lists.snapshot, network)) throw new XpmnError('malformed', 'There is no list of the devices of that media network.');
  const key = await deps.generateKey();
  const device = issueCredentials(deps, options, key, withResource(account, resourceName(name, keyNameOf(key))), name);
  const entry: DeviceEntry = { key: device.key, jid: device.jid, roles: MANAGEMENT_ROLES, aliases: [] };
  await new ListIssuer({ lists, clock: deps.clock }, options, network)
    .issue('devices', userKey, (previous) => ({ devices: [entry, ...(previous?.devices ?? []).map(withoutManagement)] }));
  return { network, lists, device };
}

export function withoutManagement(entry: DeviceEntry): DeviceEntry {
  return { ...entry, roles: entry.roles.filter((role) => role !== 'management') };
}
