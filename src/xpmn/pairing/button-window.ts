import { EventEmitter } from 'node:events';
import type { Clock, Random, Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { abortable, deferred } from '../kernel/tasks.ts';
import type { Deferred } from '../kernel/tasks.ts';
import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { PairingPin, PinAttempt } from '../ports/pairing-pin.ts';
import { ListingHold } from '../trust/listing-hold.ts';
import type { ButtonState, Presser, Refusal } from './button-state.ts';
import { commitmentTo, comparisonNumber, makeNonce } from './comparison.ts';
import { callTime } from './pairing-joiner.ts';
import type { CallTimes } from './pairing-joiner.ts';

export interface ButtonOptions extends CallTimes {
  /** Milliseconds from one press to the other. */
  readonly buttonTime: number;
  /** Milliseconds that exactly one other has to be seen before it is called. */
  readonly buttonLook: number;
  /** Milliseconds after the proof, and after `buttonLook`, in which a second one may show: one that came at the same time has called by then. */
  readonly buttonDoubt: number;
  /** Milliseconds that others are told why this one has given up. */
  readonly buttonLinger: number;
}

/** What both ends prove that they know: nothing. No PIN is like it, since none has a control character. */
export const BUTTON_PIN = '\u0000button';

/** Why it closes with nothing more to tell. */
type Ending = Exclude<Extract<ButtonState, { state: 'closed' }>['why'], 'untold'>;

interface Caller {
  readonly peer: Jid;
  exporter: Buffer | undefined;
  commitment: string | undefined;
  readonly nonce: string;
  number: string | undefined;
  /** Settles when it may be added, or why not. */
  readonly verdict: Deferred<void>;
}

/**
 * Pairing by a button on each machine: nobody is checked but by being alone. What is the one that is new, and what the one
 * that takes it in, follows from what both are; of two new ones the lower network id takes in the other.
 *
 *   closed ──press──▶ looking ──one seen──▶ found ──still one──▶ calling ──▶ (another machine's device now) · closed
 *                       │ one seen, it is new, too, and ours is the lower id
 *                       ▼
 *             press ▶ hosting ──proven──▶ proven ──still one──▶ joining ──complete──▶ paired
 *
 *   any of these up to `proven`, and calling ──another seen, or called by another──▶ refused ──later──▶ closed
 *   any ──by the user · expired · failed──▶ closed
 *
 * Who was seen once counts to the end: whoever is too many can't make that undone by going away.
 *
 * (thesis 6.2.5)
 */
export class ButtonWindow extends EventEmitter<{ changed: [state: ButtonState] }> implements PairingPin {
  private readonly deps: { readonly clock: Clock; readonly random: Random };
  private readonly options: ButtonOptions;
  private now: ButtonState = { state: 'closed', why: 'not-pressed' };
  private own: { readonly isUsed: boolean; readonly network: KeyName } | undefined;
  private readonly seen = new Map<string, Presser>();
  private readonly called = new Set<Jid>();
  private caller: Caller | undefined;
  private call = new AbortController();
  private timer: Timer | undefined;
  private readonly listingHold = new ListingHold<Ending>();

  constructor(deps: { readonly clock: Clock; readonly random: Random }, options: ButtonOptions) {
    super();
    this.deps = deps;
    this.options = options;
  }

  get state(): ButtonState {
    return this.now;
  }

  /** Whether the method is offered. After a proof, too: a second caller has to get so far that it is seen. */
  get isOpen(): boolean {
    return this.now.state === 'hosting' || this.now.state === 'proven';
  }

  /** What is said on the link. */
  get announced(): Presser['says'] | undefined {
    if (this.now.state === 'refused') return this.now.why;
    if (this.now.state === 'closed' || this.now.state === 'paired') return undefined;
    return this.own?.isUsed ? 'button' : 'looking';
  }

  /** The user has pressed it; what was under way counts for nothing any more. `isUsed`: this machine can't become part of another network. */
  press(own: { readonly isUsed: boolean; readonly network: KeyName }): ButtonState {
    if (!this.isOver) this.shut('by-user');
    this.caller = undefined;
    this.own = own;
    this.seen.clear();
    this.called.clear();
    const { buttonTime } = this.options;
    this.until(buttonTime, () => this.shut('expired'));
    this.enter({ state: own.isUsed ? 'hosting' : 'looking', expires: this.deps.clock.now() + buttonTime });
    return this.now;
  }

  /** The user does not want it any more. */
  close(): void {
    if (!this.isOver) this.end('by-user');
  }

  /** Who is seen on the link now, but for this machine. */
  look(pressers: readonly Presser[]): void {
    if (!this.isWatching || !this.own) return;
    for (const presser of pressers) this.seen.set(presser.instance, presser);
    const [only, ...others] = this.seen.values();
    if (others.length > 0 || pressers.some(({ says }) => says === 'crowded')) return this.giveUp('crowded');
    if (only && (this.now.state === 'looking' || this.now.state === 'hosting')) this.decide(only, this.own);
  }

  /** Whom to call, and until when. @throws XpmnError `not-allowed` unless it is time */
  target(): Presser & { readonly signal: AbortSignal } {
    const [only] = this.seen.values();
    if (this.now.state !== 'calling' || !only) throw new XpmnError('not-allowed', 'No other machine is to be called.');
    return { ...only, signal: this.call.signal };
  }

  /** The call came to nothing. */
  callFailed(): void {
    if (this.now.state === 'calling') this.shut('failed');
  }

  begin(peer: Jid): PinAttempt | undefined {
    if (!this.isOpen) return undefined;
    this.called.add(peer);
    if (this.called.size > 1) this.giveUp('crowded');
    if (this.now.state !== 'hosting' || this.caller) return undefined;
    const caller: Caller = { peer, exporter: undefined, commitment: undefined, nonce: makeNonce(this.deps.random), number: undefined, verdict: deferred() };
    this.caller = caller;
    return {
      pin: BUTTON_PIN,
      // It is no secret: there is nothing to guess.
      burn: () => Promise.resolve(),
      done: (proven) => {
        if (proven && this.now.state === 'closed') throw new XpmnError('not-allowed', 'Nobody is added any more.');
        if (this.caller !== caller) return;
        if (proven) this.doubt(caller);
        else this.caller = undefined;
      },
      lost: () => {
        if (this.caller === caller && (this.now.state === 'proven' || this.now.state === 'joining')) this.end('unfinished');
      },
    };
  }

  /** Keying material of the session that has proven itself (`COMPARISON`). */
  proven(peer: Jid, exporter: Buffer): void {
    if (this.caller?.peer === peer) this.caller.exporter ??= exporter;
  }

  /** Whether it is this window that has to do with `peer`. */
  concerns(peer: Jid): boolean {
    return this.now.state !== 'closed' && this.called.has(peer);
  }

  /** Our part of the number, for one commitment. @throws XpmnError `not-allowed`, also the second time: who may try often finds what fits */
  compare(peer: Jid, commitment: string): string {
    const caller = this.callerNamed(peer);
    if (caller.commitment !== undefined || !/^[0-9a-f]{64}$/.test(commitment)) throw new XpmnError('not-allowed', 'The number is made once.');
    caller.commitment = commitment;
    return caller.nonce;
  }

  /** Resolves when `peer` was alone for long enough. @throws XpmnError `conflict`, `not-allowed`; the signal's reason */
  async admission(peer: Jid, nonce: string, signal: AbortSignal): Promise<void> {
    const caller = this.callerNamed(peer);
    if (!caller.exporter || caller.commitment !== commitmentTo(nonce)) throw new XpmnError('not-allowed', 'The number was not made as it has to be.');
    if (caller.number === undefined) {
      caller.number = comparisonNumber(caller.exporter, { joiner: nonce, host: caller.nonce });
      this.enter({ state: 'proven', peer, number: caller.number });
    }
    await abortable(caller.verdict.promise, signal);
    // It may have been too slow to say its part.
    if (this.now.state === 'proven') this.admit(caller, caller.number);
    this.assertJoining(peer);
  }

  isJoining(peer: Jid): boolean {
    return this.now.state === 'joining' && this.now.peer === peer;
  }

  /** As `PairingWindow.listing`. @throws XpmnError `not-allowed` */
  listing(peer: Jid): void {
    this.assertJoining(peer);
    this.listingHold.hold();
  }

  /** As `PairingWindow.notListed`. */
  notListed(peer: Jid): void {
    if (!this.isJoining(peer)) return;
    const ending = this.listingHold.release();
    if (ending) this.shut(ending);
  }

  /** The device is listed, and knows it. @throws XpmnError `not-allowed` if it is not the one that is being added */
  complete(peer: Jid, device: Jid, name: string): void {
    const { number } = this.assertJoining(peer);
    this.timer?.cancel();
    this.enter({ state: 'paired', device, name, number });
  }

  /** As `PairingWindow.untold`. */
  untold(peer: Jid, device: Jid, name: string): void {
    if (!this.isJoining(peer) && this.now.state !== 'closed') return;
    this.timer?.cancel();
    this.enter({ state: 'closed', why: 'untold', device, name });
  }

  private get isOver(): boolean {
    return this.now.state === 'closed' || this.now.state === 'paired';
  }

  private get isWatching(): boolean {
    return ['looking', 'hosting', 'found', 'calling', 'proven'].includes(this.now.state);
  }

  private decide(only: Presser, { isUsed, network }: { readonly isUsed: boolean; readonly network: KeyName }): void {
    const isTheirsUsed = only.says === 'button' || only.says === 'in-use';
    const { jid, name } = only;
    if ((isUsed && isTheirsUsed) || only.network === undefined || only.network === network) return this.giveUp('in-use');
    // It has met another one in use.
    if (only.says === 'in-use') return this.giveUp('crowded');
    if (this.now.state === 'hosting') return;
    if (!isTheirsUsed && network < only.network) return this.enter({ state: 'hosting', expires: (this.now as { expires: number }).expires });
    this.until(this.options.buttonLook, () => {
      this.until(callTime(this.options), () => this.shut('unfinished'));
      this.enter({ state: 'calling', jid, name });
    });
    this.enter({ state: 'found', jid, name });
  }

  private doubt(caller: Caller): void {
    const { buttonLook, buttonDoubt } = this.options;
    this.until(buttonLook + buttonDoubt, () => {
      this.until(this.options.joinTime, () => this.end('unfinished'));
      caller.verdict.resolve();
    });
    this.enter({ state: 'proven', peer: caller.peer, number: undefined });
  }

  private admit({ peer }: Caller, number: string): void {
    this.listingHold.reset();
    this.enter({ state: 'joining', peer, number });
  }

  private giveUp(why: Refusal): void {
    this.until(this.options.buttonLinger, () => this.shut(why));
    this.refuse(refusal(why));
    this.enter({ state: 'refused', why });
  }

  private end(why: Ending): void {
    if (this.now.state !== 'joining' || !this.listingHold.defers(why)) this.shut(why);
  }

  private shut(why: Ending): void {
    this.timer?.cancel();
    this.refuse(new XpmnError('not-allowed', 'Nobody is added any more.'));
    this.enter({ state: 'closed', why });
  }

  private refuse(error: XpmnError): void {
    this.caller?.verdict.reject(error);
    this.caller = undefined;
    this.call.abort(error);
    this.call = new AbortController();
  }

  private assertJoining(peer: Jid): Extract<ButtonState, { state: 'joining' }> {
    if (this.now.state !== 'joining' || this.now.peer !== peer) throw new XpmnError('not-allowed', 'No pairing is open for this device.');
    return this.now;
  }

  private callerNamed(peer: Jid): Caller {
    if (this.now.state === 'refused') throw refusal(this.now.why);
    if (!this.caller || this.caller.peer !== peer || (this.now.state !== 'proven' && this.now.state !== 'joining')) throw new XpmnError('not-allowed', 'No pairing is open for this device.');
    return this.caller;
  }

  private until(delay: number, act: () => void): void {
    this.timer?.cancel();
    this.timer = this.deps.clock.after(delay, act);
  }

  private enter(state: ButtonState): void {
    this.now = state;
    this.emit('changed', state);
  }
}

function refusal(why: Refusal): XpmnError {
  if (why === 'in-use') return new XpmnError('conflict', 'Both machines are part of a media network already.');
  return new XpmnError('conflict', 'More than two machines are waiting for each other: nobody was added.');
}
