import { createHash } from 'node:crypto';
import { base32 } from '../kernel/ids.ts';
import type { KeyName } from '../model/identity.ts';
import { parseJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';

/** A resource is for ever and part of an mDNS label (63 bytes, with the host's name): so these are no settings. */
const MAX_SLUG = 32;
const KEY_CHARACTERS = 4;
const NETWORK_CHARACTERS = 8;
/** Enough that two devices of one home never share a name. */
const SOURCE_BYTES = 15;

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

/**
 * Names the legacy device that a bridged one stands for: other gateways of the same owner that see it compute the same
 * name, and nobody who does not know its UDN or bus name can tell what it is.
 */
export function sourceName(network: KeyName, deviceId: string): string {
  return base32(createHash('sha256').update(`xpmn-bridge-v1\0${network}\0${deviceId}`).digest().subarray(0, SOURCE_BYTES));
}

export function isSourceName(text: string): boolean {
  return /^[a-z2-7]{24}$/.test(text);
}

/** Lower-case base32 of the 32 bytes of the hash that a key name is. */
function keyBase32(key: KeyName): string {
  return base32(Buffer.from(key, 'hex'));
}
