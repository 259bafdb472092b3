import { EventEmitter } from 'node:events';
import type { Clock, Random, Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { PairingPin, PinAttempt } from '../ports/pairing-pin.ts';
import type { Storage } from '../ports/storage.ts';
import { ListingHold } from './listing-hold.ts';
import { makePin } from './pin.ts';

export interface PairingWindowOptions {
  /** Milliseconds that a PIN is good for. */
  readonly pinLifetime: number;
  /** Attempts that may be burnt before the window closes. */
  readonly attempts: number;
  /** Digits of a PIN that is made here. */
  readonly pinDigits: number;
  /** The shortest PIN that a user may choose. */
  readonly shortestPin: number;
  /** Milliseconds after which an attempt that is not burnt gives way to another caller. */
  readonly attemptPatience: number;
  /** Milliseconds for a device that has proven itself to be added. */
  readonly joinTime: number;
}

export type PairingState =
  | { readonly state: 'closed'; readonly why: 'not-opened' | 'by-user' | 'expired' | 'burnt' | 'unfinished' }
  /** The device knew the PIN, and could not be added: why, as an error tells it. */
  | { readonly state: 'closed'; readonly why: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** `device` is listed, and may not know it: it was lost meanwhile. */
  | { readonly state: 'closed'; readonly why: 'untold'; readonly device: Jid; readonly name: string }
  /** `burnt` attempts have failed; the PIN is of now. */
  | { readonly state: 'open'; readonly pin: string; readonly expires: number; readonly burnt: number }
  /** `peer` has proven that it knows the PIN, and is being added. */
  | { readonly state: 'joining'; readonly peer: Jid }
  | { readonly state: 'paired'; readonly device: Jid; readonly name: string };

/** Why it closes with nothing more to tell. */
type Ending = Exclude<Extract<PairingState, { state: 'closed' }>['why'], 'refused' | 'untold'>;

interface Attempt {
  readonly begun: number;
  isBurning: boolean;
}

const DOCUMENT = 'trust/pairing';

/**
 * The time in which a device may be paired: opened by the user, one device, one attempt at a time.
 *
 *   closed ──open──▶ open ──proven──▶ joining ──complete──▶ paired
 *     ▲               │ ▲ └ failed, not the last: another PIN
 *     └───────────────┘ by the user · expired · too many burnt · joining was refused, took too long, or its stream was lost
 *
 * While the device is being listed, nothing else ends the window: its owner's "no" came too late then, or counts if it is
 * not listed after all.
 *
 * A PIN that could have been guessed at is spent, whatever came of it: the next attempt needs another one. Attempts are
 * counted on disk before they can fail, so that a crash wins nobody a second guess; after a restart the window is closed.
 *
 * (PROTOCOL §5)
 */
export class PairingWindow extends EventEmitter<{ changed: [state: PairingState] }> implements PairingPin {
  private readonly deps: { readonly clock: Clock; readonly random: Random; readonly storage: Storage };
  private readonly options: PairingWindowOptions;
  private now: PairingState = { state: 'closed', why: 'not-opened' };
  /** Whether the user has chosen the PIN: then there is no other one to go on with. */
  private isChosen = false;
  private attempt: Attempt | undefined;
  /** The attempt of the device that is being added. */
  private joining: Attempt | undefined;
  private readonly listingHold = new ListingHold<Ending>();
  private timer: Timer | undefined;
  private isOverdue = false;

  constructor(deps: { readonly clock: Clock; readonly random: Random; readonly storage: Storage }, options: PairingWindowOptions) {
    super();
    this.deps = deps;
    this.options = options;
  }

  get state(): PairingState {
    return this.now;
  }

  /** Whether methods that need a PIN are offered. */
  get isOpen(): boolean {
    return this.now.state === 'open';
  }

  /**
   * Opens it anew, with a PIN of the user's or one that is made here; what was under way counts for nothing any more.
   * @throws XpmnError `bad-request` for a PIN that is too short, or can't be typed; `storage-failed`
   */
  async open({ pin }: { readonly pin?: string | undefined } = {}): Promise<PairingState> {
    if (pin !== undefined && [...pin].length < this.options.shortestPin) throw new XpmnError('bad-request', `A PIN has at least ${this.options.shortestPin} characters.`);
    // What can't be typed is not for people: such a one stands for the button.
    if (pin !== undefined && /\p{Cc}/u.test(pin)) throw new XpmnError('bad-request', 'A PIN has no control characters.');
    await this.count(0);
    this.isChosen = pin !== undefined;
    this.attempt = undefined;
    this.show(pin ?? this.makePin(), 0);
    return this.now;
  }

  /** The user does not want it any more. */
  close(): void {
    if (this.now.state === 'open' || this.now.state === 'joining') this.end('by-user');
  }

  begin(peer: Jid): PinAttempt | undefined {
    if (this.now.state !== 'open' || this.isOverdue || (this.attempt && !this.givesWay(this.attempt))) return undefined;
    const { pin, burnt } = this.now;
    const attempt = { begun: this.deps.clock.monotonic(), isBurning: false };
    this.attempt = attempt;
    let isSpent = false;
    return {
      pin,
      burn: async () => {
        this.assertCounts(attempt);
        attempt.isBurning = true;
        await this.count(burnt + 1);
        isSpent = true;
        // Writing takes its time.
        this.assertCounts(attempt);
      },
      done: (proven) => {
        if (proven) this.assertCounts(attempt);
        if (this.attempt !== attempt) return;
        this.attempt = undefined;
        if (proven) this.admit(peer, attempt);
        else this.failed(isSpent ? burnt + 1 : burnt, isSpent);
      },
      lost: () => {
        if (this.now.state === 'joining' && this.joining === attempt) this.end('unfinished');
      },
    };
  }

  /** Asked right before the device is listed: from here on it is, unless `notListed` is called. @throws XpmnError `not-allowed` if it is not the one that is being added */
  listing(peer: Jid): void {
    this.assertJoining(peer);
    this.listingHold.hold();
  }

  /** It came to nothing; the device may ask again, unless the window has got to end meanwhile. */
  notListed(peer: Jid): void {
    if (!this.isJoining(peer)) return;
    const ending = this.listingHold.release();
    if (ending) this.shut(ending);
  }

  /** The device that has proven itself is listed, and knows it. @throws XpmnError `not-allowed` if it is not the one that is being added */
  complete(peer: Jid, device: Jid, name: string): void {
    this.assertJoining(peer);
    this.timer?.cancel();
    this.enter({ state: 'paired', device, name });
  }

  /** The device that has proven itself is listed, and may not know it: the user has to decide. Nothing is said in a window that was opened anew. */
  untold(peer: Jid, device: Jid, name: string): void {
    if (!this.isJoining(peer) && this.now.state !== 'closed') return;
    this.timer?.cancel();
    this.enter({ state: 'closed', why: 'untold', device, name });
  }

  /** The device that has proven itself can't be added, now or later: the user has to do something about it first. */
  refuse(peer: Jid, { code, message }: Pick<XpmnError, 'code' | 'message'>): void {
    this.assertJoining(peer);
    this.timer?.cancel();
    this.enter({ state: 'closed', why: 'refused', code, message });
  }

  /** @throws XpmnError `not-allowed` unless `peer` is the device that is being added now */
  assertJoining(peer: Jid): void {
    if (!this.isJoining(peer)) throw new XpmnError('not-allowed', 'No pairing is open for this device.');
  }

  isJoining(peer: Jid): boolean {
    return this.now.state === 'joining' && this.now.peer === peer;
  }

  private admit(peer: Jid, attempt: Attempt): void {
    this.joining = attempt;
    this.listingHold.reset();
    this.until(this.options.joinTime, () => this.end('unfinished'));
    this.enter({ state: 'joining', peer });
  }

  /** Who stays at a run that could have gone on may have been lost, or wants to keep others out. */
  private givesWay({ begun, isBurning }: Attempt): boolean {
    return !isBurning && this.deps.clock.monotonic() - begun >= this.options.attemptPatience;
  }

  private assertCounts(attempt: Attempt): void {
    if (this.attempt !== attempt) throw new XpmnError('not-allowed', 'The pairing window was closed, or another device has called.');
  }

  private failed(burnt: number, isSpent: boolean): void {
    if (burnt >= this.options.attempts || (isSpent && this.isChosen)) this.shut('burnt');
    else if (isSpent) this.show(this.makePin(), burnt);
    else if (this.isOverdue) this.shut('expired');
  }

  private show(pin: string, burnt: number): void {
    const { pinLifetime } = this.options;
    this.isOverdue = false;
    // Who has begun in time may end.
    this.until(pinLifetime, () => {
      this.isOverdue = true;
      if (!this.attempt) this.shut('expired');
    });
    this.enter({ state: 'open', pin, expires: this.deps.clock.now() + pinLifetime, burnt });
  }

  private end(why: Ending): void {
    if (this.now.state !== 'joining' || !this.listingHold.defers(why)) this.shut(why);
  }

  private shut(why: Ending): void {
    this.timer?.cancel();
    this.attempt = undefined;
    this.enter({ state: 'closed', why });
  }

  private until(delay: number, act: () => void): void {
    this.timer?.cancel();
    this.timer = this.deps.clock.after(delay, act);
  }

  private enter(state: PairingState): void {
    this.now = state;
    this.emit('changed', state);
  }

  private count(burnt: number): Promise<void> {
    return this.deps.storage.put(DOCUMENT, Buffer.from(JSON.stringify({ version: 1, burnt })));
  }

  private makePin(): string {
    return makePin(this.deps.random, this.options.pinDigits);
  }
}
