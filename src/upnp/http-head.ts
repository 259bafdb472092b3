import { XpmnError } from '../xpmn/kernel/errors.ts';

/** The head of an HTTP/1.x answer. Header names in lower case; of a repeated header the first counts. */
export interface HttpHead {
  readonly status: number;
  readonly minor: 0 | 1;
  readonly headers: Readonly<Record<string, string>>;
}

const END = Buffer.from('\r\n\r\n');
const LENIENT_END = Buffer.from('\n\n');

/** Where the head ends in the bytes so far (the first byte after it), or -1. Bare LF is understood. */
export function endOfHead(bytes: Buffer): number {
  const strict = bytes.indexOf(END);
  if (strict >= 0) return strict + END.length;
  const lenient = bytes.indexOf(LENIENT_END);
  return lenient < 0 ? -1 : lenient + LENIENT_END.length;
}

/**
 * @spec RFC 9112 v2022 §4
 * @throws XpmnError `origin-broken`
 */
export function parseHead(head: string): HttpHead {
  const [line = '', ...rest] = head.split(/\r?\n/);
  const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(line);
  if (!match) throw new XpmnError('origin-broken', 'The media server does not speak HTTP.');
  const headers: Record<string, string> = {};
  for (const field of rest) {
    const colon = field.indexOf(':');
    if (colon <= 0) continue;
    const name = field.slice(0, colon).trim().toLowerCase();
    if (!Object.hasOwn(headers, name)) headers[name] = field.slice(colon + 1).trim();
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

export function contentLength(head: HttpHead): number | undefined {
  const text = head.headers['content-length'];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
