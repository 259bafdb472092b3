import { XpmnError } from '../xpmn/kernel/errors.ts';

/** The head of an HTTP/1.x answer. Header names in lower case; of a repeated header the first counts, but for those of the framing, which are lists. */
export interface HttpHead {
  readonly status: number;
  readonly minor: 0 | 1;
  readonly headers: Readonly<Record<string, string>>;
}

/** What says where the body ends, or what it is: all of it counts. */
const FRAMING: readonly string[] = ['connection', 'content-encoding', 'content-length', 'transfer-encoding'];

const LF = 10;
const CR = 13;

/** Where the head ends in the bytes so far (the first byte after it), or -1. Bare LF is understood. */
export function endOfHead(bytes: Buffer): number {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1] === CR ? at + 2 : at + 1;
    if (bytes[next] === LF) return next + 1;
  }
  return -1;
}

/**
 * @spec RFC 9112 v2022 §4
 * @throws XpmnError `origin-broken`
 */
export function parseHead(head: string): HttpHead {
  const [line = '', ...rest] = head.split(/\r?\n/);
  const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(line);
  if (!match) throw new XpmnError('origin-broken', 'The media server does not speak HTTP.');
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const field of rest) {
    const colon = field.indexOf(':');
    // A continued line (obsolete) would be read as a header of its own: what it says is not needed.
    if (colon <= 0 || /^[ \t]/.test(field)) continue;
    const name = field.slice(0, colon).trim().toLowerCase();
    const value = field.slice(colon + 1).trim();
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (FRAMING.includes(name)) headers[name] = `${before}, ${value}`;
  }
  return { status: Number(match[2]), minor: match[1] === '0' ? 0 : 1, headers };
}

/** `Content-Range: bytes FROM-TO/SIZE`; SIZE `*` is undefined. Undefined for anything else. */
export function parseContentRange(value: string | undefined): { from: number; to: number; size: number | undefined } | undefined {
  const match = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(value ?? '');
  if (!match) return undefined;
  const [from, to] = [Number(match[1]), Number(match[2])];
  const size = match[3] === '*' ? undefined : Number(match[3]);
  return from <= to && (size === undefined || to < size) ? { from, to, size } : undefined;
}

/** The size in `Content-Range: bytes *\/SIZE` of a 416. */
export function sizeOfUnsatisfied(value: string | undefined): number | undefined {
  const match = /^bytes\s+\*\/(\d{1,15})$/i.exec(value ?? '');
  return match ? Number(match[1]) : undefined;
}

/**
 * The length of the body as the head tells it. With a transfer coding it tells nothing.
 *
 * @spec RFC 9112 v2022 §6.2, §6.3
 * @throws XpmnError `origin-broken` for one that is no number, or several that differ
 */
export function contentLength({ headers }: HttpHead): number | undefined {
  const text = headers['content-length'];
  if (text === undefined || headers['transfer-encoding'] !== undefined) return undefined;
  const [first = '', ...others] = text.split(',').map((part) => part.trim());
  if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first)) {
    throw new XpmnError('origin-broken', 'The media server sends a length that makes no sense.');
  }
  return Number(first);
}
