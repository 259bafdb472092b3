/**
 * What a process that runs TLS-SRP and the one that started it tell each other, beside the two byte streams. Frames:
 * u8 type, u16 big-endian length of the body, body.
 */
import { XpmnError } from '../../../kernel/errors.ts';
import type { SrpSettings } from './srp-context.ts';
import type { SessionKeys } from './tls-engine.ts';

const TYPES = {
  // to the process
  /** First, and once. JSON of RunSettings. */
  start: 1,
  /** The attempt is burnt. Empty. */
  burnt: 2,
  // from the process
  /** Its OpenSSL can do SRP. Empty. */
  ready: 17,
  /** A guess can be tested from here on: it waits for `burnt`. Empty. */
  burn: 18,
  /** The handshake is complete. The session's keys. */
  established: 19,
  /** The peer has said that nothing follows. Empty. */
  closed: 20,
  /** The wire has ended without that. Empty. */
  cut: 21,
  /** It is over, badly. A few words why, in ASCII. */
  failed: 22,
} as const;

export type FrameName = keyof typeof TYPES;

export interface Frame {
  readonly name: FrameName;
  readonly body: Buffer;
}

const NAMES = new Map<number, FrameName>(Object.entries(TYPES).map(([name, type]) => [type, name as FrameName]));

/** What a process is told to do. */
export interface RunSettings extends SrpSettings {
  /** Bytes that may wait in each of its buffers. */
  readonly bufferBytes: number;
}

const HEADER = 3;
const MASTER = 48;
const RANDOM = 32;
/** The longest reason that is passed on. */
const REASON = 200;

export function encodeFrame(name: FrameName, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(TYPES[name], 0);
  header.writeUInt16BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** Cuts a byte stream into frames, however it is split. */
export class FrameReader {
  private readonly bodyLimit: number;
  private buffered: Buffer = Buffer.alloc(0);

  constructor({ bodyLimit }: { readonly bodyLimit: number }) {
    this.bodyLimit = bodyLimit;
  }

  /** @throws XpmnError `malformed`, `too-large`: both as soon as the header is there */
  *read(bytes: Buffer): Generator<Frame> {
    this.buffered = Buffer.concat([this.buffered, bytes]);
    while (this.buffered.length >= HEADER) {
      const name = NAMES.get(this.buffered.readUInt8(0));
      const length = this.buffered.readUInt16BE(1);
      if (name === undefined) throw new XpmnError('malformed', 'There is no such control frame.');
      if (length > this.bodyLimit) throw new XpmnError('too-large', 'A control frame is too long.');
      if (this.buffered.length < HEADER + length) return;
      const frame = { name, body: this.buffered.subarray(HEADER, HEADER + length) };
      this.buffered = this.buffered.subarray(HEADER + length);
      yield frame;
    }
  }
}

export function encodeRunSettings(settings: RunSettings): Buffer {
  return Buffer.from(JSON.stringify(settings), 'utf8');
}

/** Of our own making: what comes out of it is what went in. */
export function decodeRunSettings(body: Buffer): RunSettings {
  return JSON.parse(body.toString('utf8')) as RunSettings;
}

export function encodeKeys({ master, clientRandom, serverRandom }: SessionKeys): Buffer {
  return Buffer.concat([master, clientRandom, serverRandom]);
}

/** @throws XpmnError `malformed` */
export function decodeKeys(body: Buffer): SessionKeys {
  if (body.length !== MASTER + 2 * RANDOM) throw new XpmnError('malformed', 'These are no keys of a TLS session.');
  return {
    master: Buffer.from(body.subarray(0, MASTER)),
    clientRandom: Buffer.from(body.subarray(MASTER, MASTER + RANDOM)),
    serverRandom: Buffer.from(body.subarray(MASTER + RANDOM)),
  };
}

export function encodeReason(error: Error): Buffer {
  return Buffer.from(error.message.slice(0, REASON), 'latin1');
}

/** What a log can take, whatever the process wrote. */
export function decodeReason(body: Buffer): string {
  return body.toString('latin1').replace(/[^ -~]/g, '?').slice(0, REASON);
}
