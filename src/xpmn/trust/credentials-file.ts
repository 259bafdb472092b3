import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto';
import type { Random } from '../kernel/clock.ts';
import { asXpmnError, XpmnError } from '../kernel/errors.ts';
import { bareJid, isFullJid, parseJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { parseXml } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { certificateFromPem } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { readCredentials } from './device-credentials.ts';
import type { DeviceCredentials } from './device-credentials.ts';

/**
 * What is carried to a second machine, so that it becomes a device of the network: a file under a password. Layout:
 * `XPMNCRED` | version 1 | scrypt log2 N | r | p | salt(16) | nonce(12) | AES-256-GCM of a JSON document | tag(16).
 * The header is authenticated with the rest.
 */
export interface CarriedCredentials {
  /** Bare JID. */
  readonly account: Jid;
  /** Until logging in by certificate exists, and for gateways only. */
  readonly password?: string | undefined;
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust for the server. */
  readonly ca?: string | undefined;
  /** The friendly name of the new device. */
  readonly name: string;
  readonly device: DeviceCredentials;
  readonly userCertificate: Certificate;
  /** The newest `<signed/>` lists, not verified here. */
  readonly lists: readonly XmlElement[];
}

export interface CredentialsFileOptions {
  readonly xml: XmlLimits;
  readonly listsPerAnswer: number;
  readonly credentials: {
    /** Bytes of a file. */
    readonly bytes: number;
    readonly scrypt: { readonly logN: number; readonly r: number; readonly p: number };
    /** The most work that a file may ask for: N doubles with each. */
    readonly maxLogN: number;
  };
}

const MAGIC = Buffer.from('XPMNCRED', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 12;
const [SALT_BYTES, NONCE_BYTES, TAG_BYTES] = [16, 12, 16];
const PREFIX_BYTES = HEADER_BYTES + SALT_BYTES + NONCE_BYTES;
/** Block size and parallelism of scrypt that a file may ask for; with maxLogN they bound the memory. */
const [MAX_R, MAX_P] = [8, 4];

/** @throws XpmnError `bad-password` (an empty one), `too-large` */
export async function encodeCredentials(content: CarriedCredentials, password: string, deps: { readonly random: Random }, options: CredentialsFileOptions): Promise<Buffer> {
  if (password === '') throw new XpmnError('bad-password', 'The file needs a password.');
  const { logN, r, p } = options.credentials.scrypt;
  const prefix = Buffer.concat([MAGIC, Buffer.from([VERSION, logN, r, p]), deps.random.bytes(SALT_BYTES), deps.random.bytes(NONCE_BYTES)]);
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(password, prefix), nonceOf(prefix));
  cipher.setAAD(prefix);
  const file = Buffer.concat([prefix, cipher.update(formatContent(content)), cipher.final(), cipher.getAuthTag()]);
  if (file.length > options.credentials.bytes) throw tooLarge(options);
  return file;
}

/**
 * @throws XpmnError `malformed` (no such file, or damaged in its frame), `not-supported` (made by a later version, or asks for too much work),
 *   `too-large`, `bad-password` (or damaged inside: nobody can tell)
 */
export async function decodeCredentials(file: Uint8Array, password: string, options: CredentialsFileOptions): Promise<CarriedCredentials> {
  if (file.length > options.credentials.bytes) throw tooLarge(options);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < PREFIX_BYTES + TAG_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new XpmnError('malformed', 'That is not a credentials file.');
  const prefix = bytes.subarray(0, PREFIX_BYTES);
  const [version = 0, logN = 0, r = 0, p = 0] = prefix.subarray(MAGIC.length);
  if (version !== VERSION) throw new XpmnError('not-supported', 'The credentials file was made by another version.');
  if (logN < 1 || logN > options.credentials.maxLogN || r < 1 || r > MAX_R || p < 1 || p > MAX_P) throw new XpmnError('not-supported', 'The credentials file asks for too much work.');
  const decipher = createDecipheriv('aes-256-gcm', await deriveKey(password, prefix), nonceOf(prefix), { authTagLength: TAG_BYTES });
  decipher.setAAD(prefix);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  let plain: Buffer;
  try {
    plain = Buffer.concat([decipher.update(bytes.subarray(PREFIX_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new XpmnError('bad-password', 'The password is wrong, or the file is damaged.');
  }
  return parseContent(plain.toString('utf8'), options);
}

function deriveKey(password: string, prefix: Buffer): Promise<Buffer> {
  const [logN = 0, r = 0, p = 0] = prefix.subarray(MAGIC.length + 1);
  const cost = { N: 2 ** logN, r, p, maxmem: 256 * r * (2 ** logN + p) };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), prefix.subarray(HEADER_BYTES, HEADER_BYTES + SALT_BYTES), 32, cost, (error, key) => {
      if (error) reject(asXpmnError(error, 'not-supported', 'The credentials file asks for work that can\'t be done here.'));
      else resolve(key);
    });
  });
}

function nonceOf(prefix: Buffer): Buffer {
  return prefix.subarray(-NONCE_BYTES);
}

function formatContent({ account, password, server, ca, name, device, userCertificate, lists }: CarriedCredentials): string {
  return JSON.stringify({
    account, password, server, ca, name,
    device: { jid: device.jid, privateKey: device.privateKey, certificate: device.certificate.pem },
    userCertificate: userCertificate.pem,
    lists: lists.map((list) => serialise(list)),
  });
}

/** Whoever knows the password wrote it; still nothing is taken that is not of the right kind. */
function parseContent(text: string, options: CredentialsFileOptions): CarriedCredentials {
  const json = objectOf(parseJson(text));
  const device = objectOf(json['device']);
  const [account, lists] = [parseJid(textOf(json, 'account')), json['lists']];
  if (isFullJid(account)) throw malformed('account');
  if (!Array.isArray(lists) || lists.length > options.listsPerAnswer || !lists.every((list) => typeof list === 'string')) throw malformed('lists');
  const credentials = readCredentials({ jid: textOf(device, 'jid'), privateKey: textOf(device, 'privateKey'), certificate: textOf(device, 'certificate') });
  if (!isFullJid(credentials.jid) || bareJid(credentials.jid) !== account) throw malformed('device');
  return {
    account, device: credentials, name: textOf(json, 'name'),
    password: optionalText(json, 'password'), ca: optionalText(json, 'ca'), server: serverOf(json['server']),
    userCertificate: certificateFromPem(textOf(json, 'userCertificate')),
    lists: (lists as string[]).map((list) => parseXml(list, { ...options.xml, bytes: 2 * options.xml.bytes })),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new XpmnError('malformed', 'The credentials file has no proper content.');
  }
}

function serverOf(value: unknown): CarriedCredentials['server'] {
  if (value === undefined) return undefined;
  const server = objectOf(value);
  const { port } = server;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) throw malformed('server');
  return { host: textOf(server, 'host'), port };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new XpmnError('malformed', 'The credentials file has no proper content.');
  return value as Readonly<Record<string, unknown>>;
}

function textOf(json: Readonly<Record<string, unknown>>, name: string): string {
  const value = optionalText(json, name);
  if (value === undefined) throw malformed(name);
  return value;
}

function optionalText(json: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = json[name];
  if (value !== undefined && typeof value !== 'string') throw malformed(name);
  return value;
}

function malformed(what: string): XpmnError {
  return new XpmnError('malformed', `The credentials file has no proper '${what}'.`);
}

function tooLarge({ credentials }: CredentialsFileOptions): XpmnError {
  return new XpmnError('too-large', `A credentials file has at most ${credentials.bytes} bytes.`);
}
