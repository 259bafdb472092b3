import { isIPv4, isIPv6 } from 'node:net';

/** What an address is good for. `public` includes private ranges: the LAN is where most peers are. */
export type AddressScope = 'unusable' | 'loopback' | 'link-local' | 'public';

/**
 * An IP literal as 4 or 16 bytes, undefined for anything else. An IPv6 zone (`%eth0`) is ignored; an IPv4 address mapped
 * into IPv6 is the IPv4 address, so that one machine has one name, unless `mapped` asks for its 16 bytes.
 */
export function ipBytes(text: string, { mapped = false } = {}): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text)) return undefined;
  const bytes = ipv6Bytes(text.replace(/%.*$/, ''));
  const isIpv4 = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff';
  return isIpv4 && !mapped ? bytes.subarray(12) : bytes;
}

/** 4 or 16 bytes as text, in the shortest form. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16));
  return canonical(groups.join(':'));
}

export function addressScope(text: string): AddressScope {
  const bytes = ipBytes(text);
  if (!bytes) return 'unusable';
  return bytes.length === 4 ? scope4(bytes) : scope6(bytes);
}

/** Whom to count as one: an IPv4 address, or the /64 that one IPv6 host can use freely. */
export function addressOwner(text: string): string {
  const bytes = ipBytes(text);
  return bytes ? bytes.subarray(0, 8).toString('hex') : text;
}

function scope4(bytes: Buffer): AddressScope {
  const [a, b] = bytes as unknown as [number, number];
  if (a === 0 || a >= 224) return 'unusable';
  if (a === 127) return 'loopback';
  return a === 169 && b === 254 ? 'link-local' : 'public';
}

function scope6(bytes: Buffer): AddressScope {
  const [a, b] = bytes as unknown as [number, number];
  if (a === 0xff || bytes.every((byte) => byte === 0)) return 'unusable';
  if (bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return 'loopback';
  return a === 0xfe && (b & 0xc0) === 0x80 ? 'link-local' : 'public';
}

function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = canonical(text).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function canonical(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}
