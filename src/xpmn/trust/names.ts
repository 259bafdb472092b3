import { base32 } from '../kernel/ids.ts';
import type { KeyName } from '../model/identity.ts';
import { parseJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';

/** A resource is for ever and part of an mDNS label (63 bytes, with the host's name): so these are no settings. */
const MAX_SLUG = 32;
const KEY_CHARACTERS = 4;
const NETWORK_CHARACTERS = 8;

/** Letters that don't fall apart into an ASCII letter and a mark. */
const FOLDED: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ð: 'd', þ: 'th', ł: 'l', ı: 'i' };

/** The resource of a device (PROTOCOL §2): `living-room-tv-k3fq`. The same for ever, so it is made once and kept. */
export function resourceName(friendlyName: string, key: KeyName): string {
  return `${slugOf(friendlyName)}-${keyBase32(key).slice(0, KEY_CHARACTERS)}`;
}

/** The bare JID of a media network without an account (PROTOCOL §2): `net-<8>@xpmn.local`. */
export function localBareJid(network: KeyName): Jid {
  return parseJid(`net-${keyBase32(network).slice(0, NETWORK_CHARACTERS)}@xpmn.local`);
}

/** ASCII letters, digits and single hyphens, at most 32; `device` where nothing is left of the name. */
export function slugOf(friendlyName: string): string {
  const folded = friendlyName
    .replace(/\.instance\d+$/, '') // a second instance of an MPRIS player is not another player
    .normalize('NFKD').toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\p{ASCII}]/gu, (letter) => FOLDED[letter] ?? ' ');
  const slug = folded.replace(/[^a-z0-9]+/g, '-').slice(0, MAX_SLUG + 1).replace(/^-/, '').slice(0, MAX_SLUG).replace(/-$/, '');
  return slug === '' ? 'device' : slug;
}

/** Lower-case base32 of the 32 bytes of the hash that a key name is. */
function keyBase32(key: KeyName): string {
  return base32(Buffer.from(key, 'hex'));
}
