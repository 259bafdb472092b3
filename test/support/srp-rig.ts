import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Role } from '../../src/xpmn/ports/transport.ts';
import { loadOpenSsl } from '../../src/xpmn/jingle/security/srp/openssl.ts';
import { createSrpContext } from '../../src/xpmn/jingle/security/srp/srp-context.ts';
import { TlsEngine } from '../../src/xpmn/jingle/security/srp/tls-engine.ts';
import type { SessionKeys } from '../../src/xpmn/jingle/security/srp/tls-engine.ts';
import { TlsPump } from '../../src/xpmn/jingle/security/srp/tls-pump.ts';
import { settle } from './fake-clock.ts';
import { settings } from './settings.ts';
import { duplexWire } from './wire.ts';

export const PIN = '493021';
export const romeo = parseJid('romeo@montague.test/phone');
export const juliet = parseJid('juliet@capulet.test/tv');

export interface PumpEndOptions {
  readonly pin?: string;
  readonly names?: readonly string[];
  readonly groupBits?: number;
  readonly bufferBytes?: number;
  /** Of the pipe to the application. */
  readonly highWaterMark?: number;
  /** Answers to the burning; at once if missing. */
  readonly burn?: () => Promise<void>;
}

/** One end of TLS-SRP in this process: the real OpenSSL, without a process of its own. */
export interface PumpEnd {
  /** What the application has in its hands. */
  readonly application: Duplex;
  /** What was called, in order: burn, established, closed, cut, failed. */
  readonly events: string[];
  readonly established: Promise<SessionKeys>;
  /** Also when the wire was cut. */
  readonly failed: Promise<Error>;
}

const openssl = loadOpenSsl();

export function pumpEnd(role: Role, wire: Duplex, options: PumpEndOptions = {}): PumpEnd {
  const { pin = PIN, names = [romeo], groupBits = settings.srp.groupBits, bufferBytes = settings.srp.bufferBytes, highWaterMark = 65536 } = options;
  const [application, plain] = duplexPair({ highWaterMark });
  const events: string[] = [];
  const [established, failed] = [deferred<SessionKeys>(), deferred<Error>()];
  const over = (how: string, error: Error): void => {
    events.push(how);
    failed.resolve(error);
    established.reject(error);
  };
  const context = createSrpContext(openssl, { role, names, pin, decoy: 'nobody knows', groupBits });
  new TlsPump({
    engine: new TlsEngine(openssl, context, role, { bufferBytes }),
    role,
    wire,
    plain,
    burn() {
      events.push('burn');
      return options.burn?.() ?? Promise.resolve();
    },
    onEstablished(keys) {
      events.push('established');
      established.resolve(keys);
    },
    onClosed: () => events.push('closed'),
    onCut: () => over('cut', new Error('cut')),
    onFailed: (error) => over('failed', error),
  });
  return { application, events, established: established.promise, failed: failed.promise };
}

/** Both ends over a wire of their own. */
export function pumpPair(initiator: PumpEndOptions = {}, responder: PumpEndOptions = {}, [up, down] = duplexWire()): { client: PumpEnd; server: PumpEnd } {
  return { client: pumpEnd('initiator', up, initiator), server: pumpEnd('responder', down, responder) };
}

/** A wire on which everything arrives in pieces of `size` bytes, each on its own. */
export function splitWire(size: number): [Duplex, Duplex] {
  const [up, far] = duplexWire();
  return [up, splitBy(size, far)];
}

/** `stream`, but what passes comes in pieces of `size` bytes, both ways. */
export function splitBy(size: number, stream: Duplex): Duplex {
  const [near, end] = duplexWire();
  void pass(stream, near, size);
  void pass(near, stream, size);
  return end;
}

async function pass(from: Duplex, to: Duplex, size: number): Promise<void> {
  try {
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += size) {
        if (!to.write(chunk.subarray(at, at + size))) await once(to, 'drain');
        // Else the next piece would join it in the reader's buffer.
        await settle(2);
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}
