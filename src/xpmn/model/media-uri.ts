import { XpmnError } from '../kernel/errors.ts';
import { isFullJid, parseJid, splitJid } from './jid.ts';
import type { Jid } from './jid.ts';

/** What a media URI names: an item's bytes on a device. */
export interface MediaReference {
  readonly device: Jid;
  readonly uid: string;
}

const UNRESERVED = /[A-Za-z0-9\-._~]/;

/**
 * `xmpp:user@domain/resource?transfer;uid=UID`. In resource and uid all but unreserved characters are percent-encoded.
 *
 * @spec RFC 5122 §2.2; the query type `transfer` is the XPMN Transfer profile's
 */
export function formatMediaUri({ device, uid }: MediaReference): string {
  const { local, domain, resource } = splitJid(device);
  const account = local === '' ? encode(domain) : `${encode(local)}@${encode(domain)}`;
  return `xmpp:${account}/${encode(resource)}?transfer;uid=${encode(uid)}`;
}

/** @throws XpmnError `bad-request` for anything but a transfer URI with a full JID and a uid */
export function parseMediaUri(text: string): MediaReference {
  const match = /^xmpp:([^/?#\s]+)\/([^?#\s]+)\?transfer((?:;[^;#\s]*)*)$/.exec(text);
  const uid = match?.[3]?.split(';').find((part) => part.startsWith('uid='))?.slice(4);
  if (!match || !uid) throw new XpmnError('bad-request', 'That is not the URI of a media item (xmpp:…?transfer;uid=…).');
  try {
    const bare = decodeURIComponent(match[1] as string);
    const device = parseJid(`${bare}/${decodeURIComponent(match[2] as string)}`);
    // An escaped slash in front would shift the border of the resource: one text, two devices.
    if (isFullJid(device) && !bare.includes('/')) return { device, uid: decodeURIComponent(uid) };
  } catch {
    // Falls through: bad escapes and bad JIDs are the same mistake to the user.
  }
  throw new XpmnError('bad-request', 'That media URI names no device.');
}

function encode(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const c = String.fromCharCode(byte);
    out += byte < 128 && UNRESERVED.test(c) ? c : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
