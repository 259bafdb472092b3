import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { KeyName, ListedPeer, PairingPeer, PeerIdentity, Verdict } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { brandSecured } from '../../src/xpmn/ports/security.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import { createInProcessPair } from '../../src/xpmn/jingle/security/in-process.ts';
import { settings } from './settings.ts';

export interface SecuredPair {
  readonly initiator: SecuredStream;
  readonly responder: SecuredStream;
}

/** A pair with a wire between that a test can handle. */
export interface WiredPair extends SecuredPair {
  /** Nothing passes any more, either way, and nobody is told. */
  hold(): void;
  release(): void;
  /** Both ends see the bytes below go, without an end. */
  cut(): void;
}

/** Two devices of one owner, as seen by one another. */
export const tester: { readonly initiator: ListedPeer; readonly responder: ListedPeer } = {
  initiator: identity('me@example.org/controller', 'a'),
  responder: identity('me@example.org/server', 'b'),
};

/** A peer by that key; one that is being paired has proven it. */
export function identity(jid: string, key: string, verdict?: ListedPeer['verdict']): ListedPeer;
export function identity(jid: string, key: string, verdict: 'pairing'): PairingPeer;
export function identity(jid: string, key: string, verdict?: Verdict): PeerIdentity;
export function identity(jid: string, key: string, verdict: Verdict = 'own'): PeerIdentity {
  const proven = { key: key.repeat(64) as KeyName, jid: parseJid(jid) };
  return verdict === 'pairing' ? { verdict, ...proven } : { verdict, ...proven, network: 'c'.repeat(64) as KeyName, roles: [] };
}

/** Two secured streams back to back, accepted by one another. */
export function securedPair(): SecuredPair {
  return createInProcessPair({ random: systemRandom }, tester, settings.inProcess);
}

/** As `securedPair`; bytes arrive in pieces of `split` bytes. */
export function wiredPair({ split = Infinity }: { readonly split?: number } = {}): WiredPair {
  const [left, right] = [securedPair(), securedPair()];
  const [near, far] = [left.responder.stream, right.initiator.stream];
  let gate = Promise.resolve();
  let release = (): void => undefined;
  // The wire ends one direction at a time, whatever its ends do.
  near.allowHalfOpen = true;
  far.allowHalfOpen = true;
  const pass = async (from: Duplex, to: Duplex): Promise<void> => {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += split) {
          await gate;
          if (!to.write(chunk.subarray(at, Math.min(at + split, chunk.length)))) await once(to, 'drain');
        }
      }
      await gate;
      to.end();
    } catch {
      to.destroy();
    }
  };
  void pass(near, far);
  void pass(far, near);
  return {
    initiator: left.initiator,
    responder: brandSecured({ ...left.responder, stream: right.responder.stream }),
    hold() {
      gate = new Promise((resolve) => (release = resolve));
    },
    release: () => release(),
    cut() {
      release();
      near.destroy();
      far.destroy();
    },
  };
}
