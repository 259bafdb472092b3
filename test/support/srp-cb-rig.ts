import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { createSrpCb } from '../../src/xpmn/jingle/security/srp-cb.ts';
import { EXPORTER, contextHash } from '../../src/xpmn/jingle/security/srp/pairing-context.ts';
import { answerChallenge, beginServer } from '../../src/xpmn/jingle/security/srp/proof.ts';
import type { ClientRun, ServerRun } from '../../src/xpmn/jingle/security/srp/proof.ts';
import { readRecord } from '../../src/xpmn/jingle/security/srp/read-record.ts';
import { encodeRecord } from '../../src/xpmn/jingle/security/srp/records.ts';
import type { RecordType } from '../../src/xpmn/jingle/security/srp/records.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { KeyName } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { PairingPin } from '../../src/xpmn/ports/pairing-pin.ts';
import type { SecuredStream, SecurityMethod } from '../../src/xpmn/ports/security.ts';
import type { Role } from '../../src/xpmn/ports/transport.ts';
import { deviceKeyOf } from '../../src/xpmn/trust/certificate.ts';
import type { FakePin } from '../fakes/fake-pin.ts';
import { PIN, assertSilent } from './pin-play.ts';
import { settings } from './settings.ts';
import { testDevice } from './srp-cb-party.ts';
import type { Device } from './srp-cb-party.ts';
import { duplexWire } from './wire.ts';

const never = new AbortController().signal;
const jids = { initiator: parseJid('romeo@home.test/initiator'), responder: parseJid('romeo@home.test/responder') };
const methods = { initiator: ['srp-cb', 'x509'], responder: ['srp-cb'] };

export interface ScriptOptions {
  readonly pin: PairingPin;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly leastBurnTime?: number;
  readonly keyOf?: (leaf: Buffer) => KeyName;
  /** Who plays the peer. */
  readonly peer?: Device;
  readonly wire?: [Duplex, Duplex];
  /** As `honest` makes it; left out, each play has one of its own. */
  readonly method?: SecurityMethod;
}

/** The method of the honest end. */
export async function honest({ pin, clock = systemClock, leastBurnTime = 1, keyOf = deviceKeyOf }: ScriptOptions, runs = settings.pairing.runs): Promise<SecurityMethod> {
  const { credentials } = await testDevice('alice');
  return createSrpCb({ credentials, clock, random: systemRandom, pin, keyOf }, { ...settings.tls, proofTimeout: 8000, leastBurnTime, runs });
}

/** One end of `srp-cb` after the TLS handshake with a peer that says what the test wants. */
export interface Script {
  readonly secured: Promise<SecuredStream>;
  /** The stream that the honest end was given. */
  readonly raw: Duplex;
  /** The peer's end. */
  readonly tls: tls.TLSSocket;
  /** `ctx`, as the peer sees it, too. */
  readonly context: Buffer;
  /** The type and the body of the next record from the honest end. */
  read(): Promise<{ readonly type: RecordType; readonly body: Buffer }>;
  send(type: RecordType, body: Buffer): void;
}

/** `role` is the honest end's. */
async function script(role: Role, options: ScriptOptions): Promise<Script> {
  const own = await testDevice('alice');
  const peer = options.peer ?? (await testDevice('bob'));
  const [raw, far] = options.wire ?? duplexWire();
  const method = options.method ?? (await honest(options));
  const other = role === 'initiator' ? 'responder' : 'initiator';
  const secured = method.secure(raw, {
    role, methods, local: jids[role], peer: jids[other], announcedFingerprint: peer.fingerprint, signal: options.signal ?? never,
    accept: () => Promise.reject(new Error('Nobody is asked.')),
  });
  secured.catch(() => undefined);
  const end = await tlsEnd(other, far, peer);
  const [ours, theirs] = [sha256(own.certificate), sha256(peer.certificate)];
  const certificateHashes = role === 'initiator' ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours };
  return {
    secured, raw, tls: end,
    context: contextHash({ exporter: end.exportKeyingMaterial(EXPORTER.length, EXPORTER.label, Buffer.alloc(0)), certificateHashes, jids, methods }),
    read: () => readRecord(end, never),
    send: (type, body) => void end.write(encodeRecord({ type, body })),
  };
}

/** A plain TLS end of Node's own: the initiator is the client. */
export function tlsEnd(role: Role, raw: Duplex, { credentials }: Device): Promise<tls.TLSSocket> {
  // Peers may have keys that newer OpenSSL would not let its own user have: what they are worth, the honest end decides.
  const options = { cert: credentials.certificate, key: credentials.privateKey, minVersion: 'TLSv1.3', rejectUnauthorized: false, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  raw.on('error', () => undefined);
  return new Promise((resolve) => {
    if (role === 'initiator') {
      const socket = tls.connect({ ...options, socket: raw, checkServerIdentity: () => undefined });
      socket.on('error', () => undefined).once('secureConnect', () => resolve(socket));
      return;
    }
    const server = tls.createServer({ ...options, requestCert: true });
    server.once('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      resolve(socket);
    });
    server.emit('connection', raw);
  });
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Scripts that are ended together. */
export function scripts(): { start(role: Role, options: ScriptOptions): Promise<Script>; end(): void } {
  const started: Script[] = [];
  return {
    async start(role, options) {
      const play = await script(role, options);
      started.push(play);
      return play;
    },
    end() {
      for (const { raw, tls: end } of started.splice(0)) for (const stream of [raw, end]) stream.destroy();
    },
  };
}

/** The peer's half, honestly computed. */
export const asServer = ({ context }: Script, pin = PIN): ServerRun => beginServer({ context, pin }, { salt: randomBytes(16), b: randomBytes(32) });
export const asClient = ({ context }: Script, challenge: Buffer, pin = PIN): ClientRun => answerChallenge({ context, pin }, { a: randomBytes(32) }, challenge) as ClientRun;

export async function refused(play: Script, pin: FakePin, code = 'security-failed'): Promise<void> {
  await assert.rejects(play.secured, (error) => {
    assertSilent(error);
    return error instanceof XpmnError && error.code === code;
  });
  assert.ok(play.raw.destroyed);
  assert.ok(!pin.ended.includes(true));
  assert.equal(pin.open, 0);
}

/** What the honest end says last is that it failed, and nothing more. */
export async function lastWord(play: Script): Promise<void> {
  assert.deepEqual(await play.read(), { type: 'failure', body: Buffer.alloc(0) });
  await assert.rejects(play.read(), { code: 'truncated' });
}
