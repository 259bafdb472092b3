import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import type { PairingPin } from '../../src/xpmn/ports/pairing-pin.ts';
import type { SecurityContext } from '../../src/xpmn/ports/security.ts';
import type { Role } from '../../src/xpmn/ports/transport.ts';
import { contextFor, outcome } from '../compliance/security.suite.ts';
import type { Outcome, Party, Tap } from '../compliance/security.suite.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { DeadlineClock } from './deadline-clock.ts';

/** Words that stand in no error, log or certificate by chance. */
export const PIN = 'right-7350418';
export const WRONG_PIN = 'wrong-7350418';

/** Milliseconds that a run may take, of a clock whose deadlines do not expire by themselves. */
export const TIMEOUT = 8000;

export interface PinPartyOptions {
  readonly clock: Clock;
  /** Milliseconds that a run may take. */
  readonly timeout: number;
}

export interface PinSetup {
  /**
   * The device `name`: always the same certificate, key and JID. Its `identity` is what somebody sees who is about to be
   * paired with it.
   */
  party(name: 'alice' | 'bob', pin: PairingPin, options: PinPartyOptions): Promise<Party>;
  /** Two ends of a raw byte stream; `tap`, if given, is put between them. */
  wire(tap?: Tap): Promise<[Duplex, Duplex]>;
  /** What else than the PIN the proof covers: with these seen differently, even the right PIN opens nothing. */
  readonly binds: readonly ('jids' | 'methods')[];
}

export interface Play {
  /** What each side takes its PIN from; both know the same one unless told otherwise. */
  readonly initiator?: FakePin;
  readonly responder?: FakePin;
  readonly tap?: Tap | undefined;
  readonly contexts?: Partial<Record<Role, Partial<SecurityContext>>>;
  /** Deadlines expire when it says so. */
  readonly clock?: DeadlineClock;
}

export interface Played {
  readonly a: Outcome;
  readonly b: Outcome;
  readonly initiator: FakePin;
  readonly responder: FakePin;
  readonly alice: Party;
  readonly bob: Party;
}

/**
 * Alice calls Bob once, over a wire of its own. What holds for every run, however it ends, is checked here: attempts that began
 * have ended, no timer is left, no error shows a PIN, who failed has destroyed the stream.
 */
export async function play(setup: PinSetup, options: Play, use: (played: Played) => Promise<void> | void = () => undefined): Promise<void> {
  const { initiator = new FakePin(PIN), responder = new FakePin(PIN), contexts = {}, clock = new DeadlineClock() } = options;
  const alice = await setup.party('alice', initiator, { clock, timeout: TIMEOUT });
  const bob = await setup.party('bob', responder, { clock, timeout: TIMEOUT });
  const [up, down] = await setup.wire(options.tap);
  const [a, b] = await Promise.all([
    outcome(alice.method.secure(up, contextFor(alice, bob, 'initiator', contexts.initiator)), up),
    outcome(bob.method.secure(down, contextFor(bob, alice, 'responder', contexts.responder)), down),
  ]);
  try {
    for (const pin of [initiator, responder]) assert.equal(pin.open, 0, 'an attempt has not ended');
    assert.equal(clock.pending, 0, 'a timer is left');
    for (const { error, stream, raw } of [a, b]) {
      assert.ok(stream || raw.destroyed, 'failed, and left the stream open');
      assertSilent(error);
    }
    await use({ a, b, initiator, responder, alice, bob });
  } finally {
    for (const end of [a.stream?.stream, b.stream?.stream, up, down]) end?.destroy();
  }
}

/** Nothing of an error tells a PIN: not its message, its stack, its causes or its details. */
export function assertSilent(error: unknown): void {
  const text = inspect(error, { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity });
  for (const pin of [PIN, WRONG_PIN]) {
    for (const form of [pin, Buffer.from(pin).toString('hex').match(/../g)?.join(' ') as string, Buffer.from(pin).toString('hex')]) assert.ok(!text.includes(form), text);
  }
}
