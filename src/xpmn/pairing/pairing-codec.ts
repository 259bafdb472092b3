/**
 * What two devices say to each other on the stream that a PIN has proven: the new one asks to join, and is told that it
 * has. One request, one answer: when the answer comes, everything is done (thesis 6.2.4, "order guarantee").
 *
 *   <join xmlns='urn:xmpp:xpmn:pairing:0' name='Laptop' roles='host' [nonce='…']>
 *     <keyinfo xmlns='urn:xmpp:pubkey:0'>…the certificate that it would log in with…</keyinfo>
 *   </join>
 *   <paired xmlns='urn:xmpp:xpmn:pairing:0' jid='FULL JID'>
 *     <keyinfo xmlns='urn:xmpp:pubkey:0' jid='BARE JID'>…the user certificate…</keyinfo>
 *     <lists xmlns='urn:xmpp:xpmn:trust:0'>…</lists>
 *     <account [password='…'] [certificate='uploaded'] [host='…' port='…']><ca>PEM</ca></account>      where the network has an account
 *   </paired>
 *
 * The account's password comes only from who still has it. Who has forgotten it has put that certificate on the account,
 * and says so: the new machine logs in by it from the beginning.
 */
import { XpmnError } from '../kernel/errors.ts';
import { isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { child, childText, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { formatKeyInfo, parseKeyInfo } from '../trust/keyinfo.ts';
import type { KeyInfoLimits } from '../trust/keyinfo.ts';
import { signedIn } from '../trust/signed-list.ts';

export interface JoinRequest {
  /** Friendly name of the new machine. */
  readonly name: string;
  readonly roles: readonly string[];
  /** What its part of a number to compare was made of, where there is one. */
  readonly nonce?: string | undefined;
  /** DER: the device's own, under the JID that it will have if it is named as all are. */
  readonly certificate?: Buffer | undefined;
}

/** How the new machine gets into the account. */
export interface CarriedAccount {
  /** Only to gateways, and only until login by certificate works. */
  readonly password?: string | undefined;
  /** The certificate that the machine has sent is on the account: it logs in by that. */
  readonly isLetIn?: boolean | undefined;
  /** Where to connect instead of what DNS says. */
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust for the server. */
  readonly ca?: string | undefined;
}

export interface PairedParts {
  /** The full JID under which the new device is listed. */
  readonly jid: Jid;
  /** DER. */
  readonly userCertificate: Buffer;
  /** `<signed/>` elements. */
  readonly lists: readonly XmlElement[];
  readonly account?: CarriedAccount | undefined;
}

export interface PairingLimits extends KeyInfoLimits {
  readonly nameLength: number;
  readonly listsPerAnswer: number;
}

const UPLOADED = 'uploaded';
/** Roles that a device may ask for by itself; what is more only its owner gives. */
const ROLES: ReadonlySet<string> = new Set(['host']);

export function formatJoin({ name, roles, nonce, certificate }: JoinRequest): XmlElement {
  return xml('join', NS.pairing, { name, roles: roles.length > 0 ? roles.join(' ') : undefined, nonce }, certificate && formatKeyInfo({ certificate, signatures: [] }));
}

/** Roles that are not for the asking are left out; whose the certificate is, is not judged here. @throws XpmnError `bad-request`, `malformed`, `too-large` */
export function parseJoin(element: XmlElement, limits: Pick<PairingLimits, 'nameLength' | keyof KeyInfoLimits>): JoinRequest {
  const { attrs } = element;
  return { name: deviceName(attrs['name'] ?? '', limits), roles: (attrs['roles'] ?? '').split(/\s+/).filter((role) => ROLES.has(role)), ...parseCertificate(element, limits) };
}

/** A friendly name as others show it: in one line, and not longer than all are. @throws XpmnError `bad-request` */
export function deviceName(said: string, { nameLength }: Pick<PairingLimits, 'nameLength'>): string {
  const name = said.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  if (name === '' || [...name].length > nameLength) throw new XpmnError('bad-request', `A device has a name of at most ${nameLength} characters, and of one at least.`);
  return name;
}

/** The certificate that a device sends to be let in by. @throws XpmnError `malformed`, `too-large` */
export function parseCertificate(element: XmlElement, limits: KeyInfoLimits): { readonly certificate?: Buffer } {
  const keyinfo = child(element, 'keyinfo', NS.pubkey);
  return keyinfo ? { certificate: parseKeyInfo(keyinfo, limits).certificate } : {};
}

export function formatPaired({ jid, userCertificate, lists, account }: PairedParts): XmlElement {
  return xml('paired', NS.pairing, { jid },
    formatKeyInfo({ certificate: userCertificate, signatures: [] }),
    xml('lists', NS.trust, {}, [...lists]),
    account && formatAccount(account));
}

/** What it says is judged by the lists, like every device's. @throws XpmnError `malformed`, `too-large` */
export function parsePaired(element: XmlElement | undefined, limits: PairingLimits): PairedParts {
  const [keyinfo, lists, account] = element ? [child(element, 'keyinfo', NS.pubkey), child(element, 'lists', NS.trust), child(element, 'account', NS.pairing)] : [];
  const jid = tryJid(element?.attrs['jid']);
  if (element?.name !== 'paired' || element.ns !== NS.pairing || !jid || !isFullJid(jid) || !keyinfo || !lists) throw new XpmnError('malformed', 'The other device did not say what this one is now.');
  return { jid, userCertificate: parseKeyInfo(keyinfo, limits).certificate, lists: signedIn(lists, limits.listsPerAnswer), account: account && parseAccount(account) };
}

export function formatAccount({ password, isLetIn, server, ca }: CarriedAccount): XmlElement {
  return xml('account', NS.pairing, { password, certificate: isLetIn ? UPLOADED : undefined, host: server?.host, port: server?.port }, ca === undefined ? undefined : xml('ca', NS.pairing, {}, ca));
}

/** @throws XpmnError `malformed` */
export function parseAccount(element: XmlElement | undefined): CarriedAccount {
  if (element?.name !== 'account' || element.ns !== NS.pairing) throw new XpmnError('malformed', 'The other device named no account.');
  const { password, host, port } = element.attrs;
  const ca = childText(element, 'ca', NS.pairing);
  const number = Number(port);
  const isPort = /^\d{1,5}$/.test(port ?? '') && number >= 1 && number <= 65_535;
  if ((host === undefined) !== (port === undefined) || (port !== undefined && !isPort)) throw new XpmnError('malformed', 'The other device named no proper server.');
  return { password, ...(element.attrs['certificate'] === UPLOADED ? { isLetIn: true } : {}), ca, server: host === undefined ? undefined : { host, port: number } };
}
