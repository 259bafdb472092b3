import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto';
import type { Random } from '../kernel/clock.ts';
import { asXpmnError, XpmnError } from '../kernel/errors.ts';

/** A kind of file that lies under a password. */
export interface SealedKind {
  /** What it begins with: eight ASCII letters. */
  readonly magic: string;
  /** For messages: "That is not a …". */
  readonly name: string;
}

export interface SealOptions {
  /** Bytes of a file. */
  readonly bytes: number;
  readonly scrypt: { readonly logN: number; readonly r: number; readonly p: number };
  /** The most work that a file may ask for: N doubles with each. */
  readonly maxLogN: number;
}

const VERSION = 1;
const MAGIC_BYTES = 8;
const HEADER_BYTES = 12;
const [SALT_BYTES, NONCE_BYTES, TAG_BYTES] = [16, 12, 16];
const PREFIX_BYTES = HEADER_BYTES + SALT_BYTES + NONCE_BYTES;
/** Block size and parallelism of scrypt that a file may ask for; with maxLogN they bound the memory. */
const [MAX_R, MAX_P] = [8, 4];

/**
 * Puts something under a password. Layout: magic(8) | version 1 | scrypt log2 N | r | p | salt(16) | nonce(12) |
 * AES-256-GCM of the content | tag(16). The header is authenticated with the rest. A password is the same however it is
 * typed (NFC).
 * @throws XpmnError `bad-password` (an empty one), `too-large`, `not-supported` (by these options, it could not be opened again)
 */
export async function seal(kind: SealedKind, content: string, password: string, deps: { readonly random: Random }, options: SealOptions): Promise<Buffer> {
  if (password === '') throw new XpmnError('bad-password', 'The file needs a password.');
  const { logN, r, p } = options.scrypt;
  const header = Buffer.concat([Buffer.from(kind.magic, 'latin1'), Buffer.from([VERSION, logN, r, p])]);
  checkHeader(kind, header, options);
  const prefix = Buffer.concat([header, deps.random.bytes(SALT_BYTES), deps.random.bytes(NONCE_BYTES)]);
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(kind, password, prefix), nonceOf(prefix));
  cipher.setAAD(prefix);
  const file = Buffer.concat([prefix, cipher.update(content, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  if (file.length > options.bytes) throw tooLarge(kind, options);
  return file;
}

/**
 * The content of a sealed file: nobody who did not know the password can have written it.
 * @throws XpmnError as `checkSealed`; `bad-password` (or damaged inside: nobody can tell)
 */
export async function unseal(kind: SealedKind, file: Uint8Array, password: string, options: SealOptions): Promise<string> {
  checkSealed(kind, file, options);
  const bytes = bufferOf(file);
  const prefix = bytes.subarray(0, PREFIX_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', await deriveKey(kind, password, prefix), nonceOf(prefix), { authTagLength: TAG_BYTES });
  decipher.setAAD(prefix);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(PREFIX_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    throw new XpmnError('bad-password', 'The password is wrong, or the file is damaged.');
  }
}

/**
 * What can be said of a file without its password.
 * @throws XpmnError `malformed` (no such file, or damaged in its frame), `not-supported` (made by a later version, or asks for too much work), `too-large`
 */
export function checkSealed(kind: SealedKind, file: Uint8Array, options: SealOptions): void {
  if (file.length > options.bytes) throw tooLarge(kind, options);
  if (file.length < PREFIX_BYTES + TAG_BYTES) throw new XpmnError('malformed', `That is not a ${kind.name}.`);
  checkHeader(kind, bufferOf(file), options);
}

function checkHeader(kind: SealedKind, header: Buffer, options: SealOptions): void {
  if (header.toString('latin1', 0, MAGIC_BYTES) !== kind.magic) throw new XpmnError('malformed', `That is not a ${kind.name}.`);
  const [version = 0, logN = 0, r = 0, p = 0] = header.subarray(MAGIC_BYTES);
  if (version !== VERSION) throw new XpmnError('not-supported', `The ${kind.name} was made by another version.`);
  if (logN < 1 || logN > options.maxLogN || r < 1 || r > MAX_R || p < 1 || p > MAX_P) throw new XpmnError('not-supported', `The ${kind.name} asks for too much work.`);
}

function deriveKey({ name }: SealedKind, password: string, prefix: Buffer): Promise<Buffer> {
  const [logN = 0, r = 0, p = 0] = prefix.subarray(MAGIC_BYTES + 1);
  const cost = { N: 2 ** logN, r, p, maxmem: 256 * r * (2 ** logN + p) };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), prefix.subarray(HEADER_BYTES, HEADER_BYTES + SALT_BYTES), 32, cost, (error, key) => {
      if (error) reject(asXpmnError(error, 'not-supported', `The ${name} asks for work that can't be done here.`));
      else resolve(key);
    });
  });
}

function bufferOf(file: Uint8Array): Buffer {
  return Buffer.from(file.buffer, file.byteOffset, file.byteLength);
}

function nonceOf(prefix: Buffer): Buffer {
  return prefix.subarray(-NONCE_BYTES);
}

function tooLarge({ name }: SealedKind, { bytes }: SealOptions): XpmnError {
  return new XpmnError('too-large', `A ${name} has at most ${bytes} bytes.`);
}
