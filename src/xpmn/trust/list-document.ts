import { XpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { childrenNamed, elements, xml } from '../model/xml.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import { tryKeyName } from './keys.ts';
import { isSourceName } from './names.ts';

export const NS_TRUST = NS.trust;

/**
 * The `<list/>` document inside a signed list, as data. What it means is decided elsewhere; here it is only well-made:
 * the void rules of PROTOCOL §1 that need no key and no other list.
 */
export type ListType = 'devices' | 'friends' | 'hosted';

export interface DeviceEntry {
  readonly key: KeyName;
  /** Full JID. */
  readonly jid: Jid;
  readonly roles: readonly string[];
  /** Full JIDs it had before. */
  readonly aliases: readonly Jid[];
  /** Of a bridged device: the `sourceName` of the legacy device that it stands for. */
  readonly source?: string;
}

export interface FriendEntry {
  /** Their user key, which is their network's id. */
  readonly key: KeyName;
  /** Bare JID, a hint. */
  readonly jid: Jid;
}

export interface RemovedEntry {
  readonly key: KeyName;
  /** Unix ms. */
  readonly at: number;
}

export interface ListContent {
  readonly type: ListType;
  readonly network: KeyName;
  readonly seq: number;
  /** Unix ms; whole seconds on the wire. */
  readonly issued: number;
  readonly expires: number;
  /** Of the types `devices` and `hosted`. */
  readonly devices: readonly DeviceEntry[];
  /** Of the type `friends`. */
  readonly friends: readonly FriendEntry[];
  readonly removed: readonly RemovedEntry[];
}

/** Why a list counts for nothing. */
export type VoidReason =
  | 'malformed' | 'too-large' | 'weak-key' | 'bad-signature' | 'wrong-signer' | 'unknown-type' | 'foreign-entry'
  | 'key-twice' | 'listed-and-removed' | 'other-network' | 'issued-ahead' | 'too-many-hosts' | 'too-many-removed';

export function voidList(reason: VoidReason, message: string, cause?: unknown): XpmnError {
  const codes: Partial<Record<VoidReason, ErrorCode>> = { 'too-large': 'too-large', 'bad-signature': 'not-trusted', 'wrong-signer': 'not-trusted' };
  return new XpmnError(codes[reason] ?? 'malformed', message, { cause, details: { reason } });
}

/** The entries that each type has, beside `removed`. */
const ENTRY_OF: Readonly<Record<ListType, 'device' | 'friend'>> = { devices: 'device', friends: 'friend', hosted: 'device' };

export function formatList(list: ListContent): XmlElement {
  return xml('list', NS_TRUST,
    { type: list.type, network: list.network, seq: list.seq, issued: formatTime(list.issued), expires: formatTime(list.expires) },
    list.devices.map(({ key, jid, roles, aliases, source }) =>
      xml('device', NS_TRUST, { key, jid, roles: roles.length > 0 ? roles.join(' ') : undefined, source }, aliases.map((alias) => xml('alias', NS_TRUST, { jid: alias })))),
    list.friends.map(({ key, jid }) => xml('friend', NS_TRUST, { key, jid })),
    list.removed.map(({ key, at }) => xml('removed', NS_TRUST, { key, at: formatTime(at) })));
}

/** @throws XpmnError with a VoidReason in `details.reason` */
export function parseList(root: XmlElement, limits: { readonly listEntries: number }): ListContent {
  if (root.name !== 'list' || root.ns !== NS_TRUST) throw voidList('malformed', 'The signed data is not a list.');
  const type = root.attrs['type'] ?? '';
  if (!isListType(type)) throw voidList('unknown-type', 'The list has an unknown type.');
  const foreign = ENTRY_OF[type] === 'device' ? 'friend' : 'device';
  if (childrenNamed(root, foreign, NS_TRUST).length > 0) throw voidList('foreign-entry', `A list of ${type} has an entry that its type doesn't have.`);
  const entries = elements(root).filter(({ name, ns }) => ns === NS_TRUST && (name === ENTRY_OF[type] || name === 'removed'));
  if (entries.length > limits.listEntries) throw voidList('too-large', `The list has more than ${limits.listEntries} entries.`);
  const named = (name: string): XmlElement[] => entries.filter((entry) => entry.name === name);
  const list: ListContent = {
    type,
    network: keyAttr(root, 'network'),
    seq: seqAttr(root),
    issued: timeAttr(root, 'issued'),
    expires: timeAttr(root, 'expires'),
    devices: named('device').map(parseDevice),
    friends: named('friend').map(parseFriend),
    removed: named('removed').map((entry) => ({ key: keyAttr(entry, 'key'), at: timeAttr(entry, 'at') })),
  };
  refuseRepeated(list);
  return list;
}

/** XEP-0082 in UTC with `Z`, whole seconds. */
export function formatTime(time: number): string {
  return new Date(Math.floor(time / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** Unix ms of a XEP-0082 DateTime with `Z`, or undefined: real dates only. */
function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/.test(text)) return undefined;
  const time = Date.parse(text);
  // Date.parse rolls 30 February over into March; such a date comes back as another.
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 19) === text.slice(0, 19) ? time : undefined;
}

/** Decimal of a sequence number that can still be counted on, or undefined. */
export function parseSeq(text: string): number | undefined {
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}

export function isListType(text: string): text is ListType {
  return Object.hasOwn(ENTRY_OF, text);
}

function refuseRepeated({ devices, friends, removed }: ListContent): void {
  const listed = new Set<KeyName>();
  for (const { key } of [...devices, ...friends]) {
    if (listed.has(key)) throw voidList('key-twice', 'The list has a key twice.');
    listed.add(key);
  }
  const gone = new Set<KeyName>();
  for (const { key } of removed) {
    if (listed.has(key)) throw voidList('listed-and-removed', 'The list has a key both listed and removed.');
    if (gone.has(key)) throw voidList('key-twice', 'The list has a removed key twice.');
    gone.add(key);
  }
}

function parseDevice(entry: XmlElement): DeviceEntry {
  const { source } = entry.attrs;
  return {
    key: keyAttr(entry, 'key'),
    jid: jidAttr(entry, 'full'),
    roles: (entry.attrs['roles'] ?? '').split(/\s+/).filter((role) => role !== ''),
    aliases: childrenNamed(entry, 'alias', NS_TRUST).map((alias) => jidAttr(alias, 'full')),
    ...(source !== undefined && isSourceName(source) && { source }),
  };
}

function parseFriend(entry: XmlElement): FriendEntry {
  return { key: keyAttr(entry, 'key'), jid: jidAttr(entry, 'bare') };
}

function keyAttr(element: XmlElement, name: string): KeyName {
  const key = tryKeyName(element.attrs[name]);
  if (!key) throw voidList('malformed', `<${element.name}/> has no proper key name in '${name}'.`);
  return key;
}

function jidAttr(element: XmlElement, kind: 'full' | 'bare'): Jid {
  const jid = tryJid(element.attrs['jid']);
  if (!jid || isFullJid(jid) !== (kind === 'full')) throw voidList('malformed', `<${element.name}/> has no ${kind} JID.`);
  return jid;
}

function timeAttr(element: XmlElement, name: string): number {
  const time = parseTime(element.attrs[name] ?? '');
  if (time === undefined) throw voidList('malformed', `<${element.name}/> has no proper time in '${name}'.`);
  return time;
}

function seqAttr(element: XmlElement): number {
  const seq = parseSeq(element.attrs['seq'] ?? '');
  if (seq === undefined) throw voidList('malformed', 'The list has no proper sequence number.');
  return seq;
}
