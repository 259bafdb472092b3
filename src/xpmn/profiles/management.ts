import { XpmnError } from '../kernel/errors.ts';
import { isFullJid, tryJid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IqRegistry } from '../ports/stanza-channel.ts';
import { tryKeyName } from '../trust/keys.ts';
import type { DeviceEntry } from '../trust/list-document.ts';
import type { KeyName, ListedPeer } from '../model/identity.ts';
import { listsElement } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { ownDevice } from './access.ts';

/** Who can sign for the network: the management device. */
export interface ListSigner {
  /** @throws XpmnError as `Network.addDevice` */
  addDevice(entry: Omit<DeviceEntry, 'aliases'>): Promise<VerifiedList>;
  /** @throws XpmnError as `Network.removeDevice` */
  removeDevice(key: KeyName): Promise<VerifiedList>;
}

/**
 * The management service: signs lists at the request of own devices, and of nobody else. Asked for what is so already, it
 * answers with the list that says so.
 *
 *   <add xmlns='urn:xmpp:xpmn:management:0' key='NAME' jid='FULL JID' roles='host'/>   → <lists/> with the new list
 *   <remove xmlns='urn:xmpp:xpmn:management:0' key='NAME'/>                            → the same
 */
export function serveManagement({ registry, signer }: { readonly registry: IqRegistry; readonly signer: ListSigner }): void {
  registry.handle({ ns: NS.management, name: 'add', type: 'set' }, async (iq) => {
    const asker = ownDevice(iq);
    return listsElement([await signer.addDevice(entryIn(iq.payload, asker))]);
  });
  registry.handle({ ns: NS.management, name: 'remove', type: 'set' }, async (iq) => {
    ownDevice(iq);
    return listsElement([await signer.removeDevice(keyIn(iq.payload))]);
  });
}

/** Roles that a device may give to another one, if it has them itself. */
const GRANTABLE: ReadonlySet<string> = new Set(['host']);

export function formatAdd({ key, jid, roles }: Omit<DeviceEntry, 'aliases'>): XmlElement {
  return xml('add', NS.management, { key, jid, roles: roles.length > 0 ? roles.join(' ') : undefined });
}

export function formatRemove(key: KeyName): XmlElement {
  return xml('remove', NS.management, { key });
}

/** SECURITY: what is a host learns how to log in, and what has the role `management` is asked to sign. Nobody gives away more than it has, and that one nobody but the owner. */
function entryIn(payload: XmlElement, asker: ListedPeer): Omit<DeviceEntry, 'aliases'> {
  const jid = tryJid(payload.attrs['jid']);
  if (!jid || !isFullJid(jid)) throw new XpmnError('bad-request', 'A device has a full JID.');
  const asked = (payload.attrs['roles'] ?? '').split(/\s+/).filter((role) => role !== '');
  const beyond = asked.find((role) => !GRANTABLE.has(role) || !asker.roles.includes(role));
  if (beyond !== undefined) throw new XpmnError('not-allowed', `This device can't give the role "${beyond}" to another one.`);
  return { key: keyIn(payload), jid, roles: asked };
}

function keyIn({ attrs }: XmlElement): KeyName {
  const key = tryKeyName(attrs['key']);
  if (!key) throw new XpmnError('bad-request', 'A device is named by its key.');
  return key;
}
