import { isIP } from 'node:net';

/**
 * SSDP datagrams ⇄ headers, tolerant of what devices send: LF alone, odd case, duplicate headers, lines that are none.
 * @spec UPnP-DeviceArchitecture v2.0 §1
 */

export const SSDP_IPV4 = '239.255.255.250';
export const SSDP_IPV6 = ['ff02::c', 'ff05::c'] as const;

export interface SsdpCodecOptions {
  /** Larger datagrams are ignored. */
  readonly datagramBytes: number;
  /** Header lines that are looked at. */
  readonly headers: number;
}

export interface SsdpMessage {
  readonly kind: 'notify' | 'search' | 'response';
  /** By lower-case name; the first of duplicates. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Undefined for what is not SSDP; never throws. */
export function parseSsdp(datagram: Uint8Array, options: SsdpCodecOptions): SsdpMessage | undefined {
  if (datagram.length > options.datagramBytes) return undefined;
  const lines = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength).toString('utf8').split(/\r?\n/, options.headers + 1);
  const kind = kindOf(lines[0] as string);
  if (!kind) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { kind, headers };
}

function kindOf(startLine: string): SsdpMessage['kind'] | undefined {
  if (/^NOTIFY\s+\*/i.test(startLine)) return 'notify';
  if (/^M-SEARCH\s+\*/i.test(startLine)) return 'search';
  return /^HTTP\/1\.\d\s+200\b/i.test(startLine) ? 'response' : undefined;
}

/** What a NOTIFY or an answer says about one device. */
export interface SsdpSighting {
  readonly kind: 'alive' | 'update' | 'byebye';
  /** The UDN, lower case, with `uuid:`. */
  readonly udn: string;
  /** NT or ST: `upnp:rootdevice`, a device or service type, or the UDN itself. */
  readonly target: string;
  /** As sent; undefined where there is none (byebye), or none that is a URL. */
  readonly location: URL | undefined;
  /** Seconds; undefined where nothing sensible is said. */
  readonly maxAge: number | undefined;
  /** Another one than before: the device has started anew. Of an update, the one that is told from now on, though it goes on living. */
  readonly bootId: number | undefined;
  /** Another one than before: it describes itself otherwise. */
  readonly configId: number | undefined;
}

/** Undefined for searches, and for announcements that name no device. */
export function sightingOf({ kind, headers }: SsdpMessage): SsdpSighting | undefined {
  const udn = parseUdn(headers.get('usn'));
  const nts = headers.get('nts')?.toLowerCase();
  if (kind === 'search' || udn === undefined) return undefined;
  const news = kind === 'notify' ? nts : undefined;
  const isUpdate = news === 'ssdp:update';
  return {
    // Anything else that is announced is a sign of life, too.
    kind: news === 'ssdp:byebye' ? 'byebye' : isUpdate ? 'update' : 'alive',
    udn,
    target: (kind === 'notify' ? headers.get('nt') : headers.get('st')) ?? '',
    location: parseLocation(headers.get('location')),
    maxAge: parseMaxAge(headers.get('cache-control')),
    bootId: parseNumber(headers.get(isUpdate ? 'nextbootid.upnp.org' : 'bootid.upnp.org')),
    configId: parseNumber(headers.get('configid.upnp.org')),
  };
}

/** `uuid:…` in any case, up to `::`; also without the scheme. Lower case, as UDNs are compared. */
export function parseUdn(text: string | undefined): string | undefined {
  const match = /^(?:uuid:)?([\w.{}-]{1,128})(?:::|$)/i.exec(text?.trim() ?? '');
  return match ? `uuid:${(match[1] as string).toLowerCase()}` : undefined;
}

function parseLocation(text: string | undefined): URL | undefined {
  if (text === undefined || text.length > 1024) return undefined;
  // A scope id (RFC 6874) is of no meaning on this host, and no URL to the parser.
  const plain = text.replace(/^(http:\/\/\[[\da-f:.]+)%[^\]]*\]/i, '$1]');
  const url = URL.canParse(plain) ? new URL(plain) : undefined;
  return url?.protocol === 'http:' && url.username === '' && url.password === '' ? url : undefined;
}

/** `max-age=1800`, however spaced and quoted. */
function parseMaxAge(text: string | undefined): number | undefined {
  const match = /max-age\s*=\s*"?\s*(\d{1,9})/i.exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}

function parseNumber(text: string | undefined): number | undefined {
  return /^\d{1,10}$/.test(text ?? '') ? Number(text) : undefined;
}

/** The literal address of a URL's host, without brackets; undefined for names. */
export function addressOfHost(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : host;
}

export interface SearchRequest {
  /** Group and port that it goes to; becomes HOST. */
  readonly group: string;
  readonly port: number;
  readonly target: string;
  /** Seconds that a device may wait before it answers. */
  readonly mx: number;
  readonly userAgent: string;
}

export function formatSearch({ group, port, target, mx, userAgent }: SearchRequest): Buffer {
  const host = group.includes(':') ? `[${group}]` : group;
  const lines = [
    'M-SEARCH * HTTP/1.1', `HOST: ${host}:${port}`, 'MAN: "ssdp:discover"', `MX: ${mx}`, `ST: ${target}`, `USER-AGENT: ${userAgent}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
