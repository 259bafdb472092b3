import { getDiffieHellman, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { waitUntil } from '../peers/wait.ts';

export const HANDSHAKE = 22;
export const ALERT = 21;
/** The prime of RFC 5054's 3072-bit group is that of RFC 3526; its generator is 5. */
export const N = getDiffieHellman('modp15').getPrime();
export const G = Buffer.from([5]);

const TLS_1_2 = 0x0303;
const SRP_AES_256 = 0xc020;

function vector(size: 1 | 2 | 3, bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(size);
  length.writeUIntBE(bytes.length, 0, size);
  return Buffer.concat([length, bytes]);
}

function u16(...numbers: readonly number[]): Buffer {
  return Buffer.concat(numbers.map((number) => Buffer.from([number >> 8, number & 255])));
}

/** One record in the clear. */
export function record(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type]), u16(TLS_1_2), vector(2, body)]);
}

function handshake(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return record(HANDSHAKE, Buffer.concat([Buffer.from([type]), vector(3, Buffer.concat(parts))]));
}

/** Extended master secret, secure renegotiation, and what else is given. */
function extensions(more: readonly Uint8Array[] = []): Buffer {
  return vector(2, Buffer.concat([u16(23, 0), u16(0xff01), vector(2, Buffer.from([0])), ...more]));
}

/** RFC 5054 §2.8.1: the user name is an extension. */
export function clientHello(name: string | undefined): Buffer {
  const srp = name === undefined ? [] : [Buffer.concat([u16(12), vector(2, vector(1, Buffer.from(name)))])];
  return handshake(1, u16(TLS_1_2), randomBytes(32), vector(1, Buffer.alloc(0)), vector(2, u16(SRP_AES_256)), vector(1, Buffer.from([0])), extensions(srp));
}

export function serverHello({ version = TLS_1_2, suite = SRP_AES_256 } = {}): Buffer {
  return handshake(2, u16(version), randomBytes(32), vector(1, Buffer.alloc(0)), u16(suite), Buffer.from([0]), extensions());
}

/** RFC 5054 §2.5.3. */
export function serverKeyExchange({ n = N, g = G, salt = randomBytes(16), b = G }: { n?: Buffer; g?: Buffer; salt?: Buffer; b?: Buffer } = {}): Buffer {
  return handshake(12, vector(2, n), vector(2, g), vector(1, salt), vector(2, b));
}

export const serverHelloDone = handshake(14);

/** RFC 5054 §2.5.4. */
export function clientKeyExchange(a: Uint8Array): Buffer {
  return handshake(16, vector(2, a));
}

/** Twice a number. */
export function twice(number: Buffer): Buffer {
  return Buffer.from((BigInt(`0x${number.toString('hex')}`) * 2n).toString(16).padStart(number.length * 2 + 2, '0'), 'hex');
}

export interface SeenRecord {
  readonly type: number;
  readonly body: Buffer;
}

/** The other end of a wire, in the hands of a test that speaks TLS by hand. */
export class RawTls {
  readonly stream: Duplex;
  readonly records: SeenRecord[] = [];
  private buffered = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => this.take(chunk));
  }

  /** Resolves to the first record that begins with a handshake message of this type. */
  until(messageType: number): Promise<SeenRecord> {
    return waitUntil(`handshake message ${messageType}`, () => this.records.find(({ type, body }) => type === HANDSHAKE && body[0] === messageType));
  }

  /** Resolves to the code of the first alert. */
  async alert(): Promise<number | undefined> {
    const { body } = await waitUntil('an alert', () => this.records.find(({ type }) => type === ALERT));
    return body[1];
  }

  private take(chunk: Buffer): void {
    this.buffered = Buffer.concat([this.buffered, chunk]);
    while (this.buffered.length >= 5 && this.buffered.length >= 5 + this.buffered.readUInt16BE(3)) {
      const end = 5 + this.buffered.readUInt16BE(3);
      this.records.push({ type: this.buffered.readUInt8(0), body: this.buffered.subarray(5, end) });
      this.buffered = this.buffered.subarray(end);
    }
  }
}
