import { XpmnError } from '../kernel/errors.ts';

/** Bytes of a DNS label, and of one string of a TXT record. */
export const MAX_LABEL = 63;
const MAX_STRING = 255;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as UTF-8 text; undefined where they are none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Whether a text can be the label of a service instance: any UTF-8 without control characters, dots and spaces included.
 * @spec RFC 6763 §4.1.1
 */
export function isInstanceLabel(text: string): boolean {
  const bytes = Buffer.from(text);
  return bytes.length > 0 && bytes.length <= MAX_LABEL && bytes.toString() === text && !/[\u0000-\u001f\u007f]/.test(text);
}

/** The label to try next when `label` is taken on the link, for the `attempt`th time (2, 3, …). */
export function nextLabel(label: string, attempt: number): string {
  const suffix = `-${attempt}`;
  let base = label;
  while (Buffer.byteLength(base + suffix) > MAX_LABEL) base = [...base].slice(0, -1).join('');
  return base + suffix;
}

/**
 * The TXT record of what is to be announced, if all of it can be.
 * @throws XpmnError `bad-request` for a label, port or key that is none, `too-large` as `encodeTxt`
 */
export function encodeService(
  { instance, port, txt }: { readonly instance: string; readonly port: number; readonly txt: Readonly<Record<string, string>> },
  maxBytes: number,
): Buffer[] {
  if (!isInstanceLabel(instance)) throw new XpmnError('bad-request', 'The name of a service is 1 to 63 bytes of text without control characters.');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new XpmnError('bad-request', 'A service is at a port from 1 to 65535.');
  return encodeTxt(txt, maxBytes);
}

/** Under which name an instance is one and the same: DNS knows no case in ASCII. @spec RFC 6762 §16 */
export function instanceKey(label: string): string {
  return label.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * The strings of a TXT record, in the order of the keys.
 * @throws XpmnError `bad-request` for a key that is none, `too-large` for an entry over 255 bytes or all over `maxBytes`
 * @spec RFC 6763 §6.4
 */
export function encodeTxt(txt: Readonly<Record<string, string>>, maxBytes: number): Buffer[] {
  const strings = Object.entries(txt).map(([key, value]) => {
    if (!/^[\x20-\x3c\x3e-\x7e]+$/.test(key)) throw new XpmnError('bad-request', 'The key of a TXT entry is printable ASCII without "=".');
    return Buffer.from(`${key}=${value}`);
  });
  if (strings.some(({ length }) => length > MAX_STRING) || bytesOf(strings) > maxBytes) {
    throw new XpmnError('too-large', 'The TXT record of a service is too large.');
  }
  return strings;
}

/**
 * What the strings say: keys in lower case, the first of a key counts, one without a value is ''. Strings that make no
 * sense are left out; undefined if there is more than `maxBytes`.
 * @spec RFC 6763 §6.4
 */
export function decodeTxt(strings: readonly Buffer[], maxBytes: number): Record<string, string> | undefined {
  if (bytesOf(strings) > maxBytes) return undefined;
  const entries = new Map<string, string>();
  for (const bytes of strings) {
    const text = textOf(bytes);
    const [, key, value = ''] = /^([\x20-\x3c\x3e-\x7e]+)(?:=([^]*))?$/.exec(text ?? '') ?? [];
    const name = key?.toLowerCase();
    if (name !== undefined && !entries.has(name)) entries.set(name, value);
  }
  return Object.fromEntries(entries);
}

function bytesOf(strings: readonly Buffer[]): number {
  return strings.reduce((sum, { length }) => sum + 1 + length, 0);
}
