import type { Duplex } from 'node:stream';
import type { Role } from '../../../ports/transport.ts';
import { ALERT, RecordCursor } from './record-cursor.ts';
import type { SessionKeys, TlsEngine } from './tls-engine.ts';

export interface PumpDeps {
  readonly engine: TlsEngine;
  readonly role: Role;
  /** Ciphertext. */
  readonly wire: Duplex;
  /** Plaintext; untouched until the handshake is complete. */
  readonly plain: Duplex;
  /** What passes next lets the peer test one guess of the PIN: it passes once this has resolved. Called once at most. */
  burn(): Promise<void>;
  /** The handshake is complete: both ends have proven that they know the PIN. */
  onEstablished(keys: SessionKeys): void;
  /** The peer has said that nothing follows. Called before `plain` ends. */
  onClosed(): void;
  /** The wire has ended without that: `plain` will not end. */
  onCut(): void;
  /** It is over, badly: `plain` will not end, and an alert for the peer, if there is one, is on the wire. */
  onFailed(error: Error): void;
}

/** A fatal alert in the clear: a header and two bytes. */
const ALERT_RECORD = 7;

/**
 * Moves bytes between a TLS engine and the streams on its two sides. Nothing is read that can't be put anywhere: a side that
 * does not read stops the other one, and what waits is bounded by the streams' own buffers and the engine's.
 *
 * The point of no return: the client's Finished, which goes out together with its key exchange, lets a fake server test one
 * guess; the server's answer to it lets a fake client test one. So an initiator holds back its second flight, and a responder
 * what comes after its first one, until the attempt is burnt. Alerts pass: nothing can be tested with them.
 *
 * @spec RFC 5054 §2.2
 */
export class TlsPump {
  private readonly deps: PumpDeps;
  private readonly incoming = new RecordCursor();
  private phase: 'handshake' | 'open' | 'over' = 'handshake';
  private gate: 'shut' | 'asked' | 'open' = 'shut';
  /** Initiator: something has come from the peer. Responder: something has gone to it. */
  private isUnderWay = false;
  private isAdvancing = false;
  private ciphertext: Buffer | null = null;
  private plaintext: Buffer | null = null;
  private held: Buffer | undefined;
  private wireEnded = false;
  private plainEnded = false;
  private peerClosed = false;
  private selfClosed = false;

  constructor(deps: PumpDeps) {
    this.deps = deps;
    const { wire, plain } = deps;
    for (const side of [wire, plain]) {
      side.on('readable', () => this.advance());
      side.on('drain', () => this.advance());
      side.on('error', (error) => this.fail(error));
    }
    // A wire that was destroyed has not said that it ended.
    for (const event of ['end', 'close'] as const) {
      wire.on(event, () => {
        this.wireEnded = true;
        this.advance();
      });
    }
    plain.on('end', () => {
      this.plainEnded = true;
      this.advance();
    });
    this.advance();
  }

  /** Does whatever can be done now. */
  private advance(): void {
    if (this.isAdvancing || this.phase === 'over') return;
    this.isAdvancing = true;
    try {
      // Last: a step that could not be completed may have left something to send all the same.
      while (this.send() || (this.phase === 'handshake' ? this.shake() : this.move()) || this.receive() || this.canSend) continue;
      this.finish();
    } catch (error) {
      this.fail(error as Error);
    } finally {
      this.isAdvancing = false;
    }
  }

  /** From the engine to the wire. */
  private send(): boolean {
    const bytes = this.canSend ? this.deps.engine.take() : undefined;
    if (bytes === undefined) return false;
    if (this.isTestable) {
      this.held = bytes;
      this.ask();
    } else {
      this.deps.wire.write(bytes);
      if (this.deps.role === 'responder') this.isUnderWay = true;
    }
    return true;
  }

  /** One flight after the other: nothing is taken in while something waits to go out. */
  private shake(): boolean {
    const { engine } = this.deps;
    if (this.hasOutput) return false;
    if (!engine.handshake()) return false;
    this.phase = 'open';
    this.deps.onEstablished(engine.keys);
    return true;
  }

  /** From the wire to the engine; during the handshake at most one record, or part of one, at a time. */
  private receive(): boolean {
    const { engine, wire } = this.deps;
    const isShaking = this.phase === 'handshake';
    if (isShaking && this.hasOutput) return false;
    const bytes = (this.ciphertext ??= wire.read() as Buffer | null);
    if (bytes === null) return false;
    if (this.peerClosed) {
      // Whatever comes after a close_notify is nobody's.
      this.ciphertext = null;
      return true;
    }
    if (isShaking && this.isTest(bytes)) {
      this.ask();
      return false;
    }
    const piece = isShaking ? bytes.subarray(0, this.incoming.reach(bytes)) : bytes;
    const count = engine.give(piece);
    if (isShaking) this.incoming.pass(piece.subarray(0, count));
    if (this.deps.role === 'initiator') this.isUnderWay = true;
    this.ciphertext = rest(bytes, count);
    return count > 0;
  }

  /** Between the engine and the application. */
  private move(): boolean {
    const { engine, plain } = this.deps;
    if (!this.peerClosed && !plain.writableNeedDrain) {
      const got = engine.read();
      if (got === 'closed') this.endPlain();
      else if (got !== 'nothing') plain.write(got);
      if (got !== 'nothing') return true;
    }
    if (this.selfClosed) return false;
    this.plaintext ??= plain.read() as Buffer | null;
    if (this.plaintext === null) return this.plainEnded && (this.selfClosed = engine.close());
    const count = engine.write(this.plaintext);
    this.plaintext = rest(this.plaintext, count);
    return count > 0;
  }

  /** What the ends of the streams mean, once nothing can be moved any more. */
  private finish(): void {
    const { plain, wire } = this.deps;
    if (this.wireEnded && this.ciphertext === null && !this.peerClosed && this.gate !== 'asked' && !plain.writableNeedDrain) {
      // Who has said goodbye needs none in return: not every transport lets the peer answer.
      if (!this.selfClosed) return this.cut();
      this.endPlain();
    }
    if (this.selfClosed && !this.hasOutput && !wire.writableEnded) wire.end();
  }

  private endPlain(): void {
    this.peerClosed = true;
    this.deps.onClosed();
    this.deps.plain.end();
  }

  private cut(): void {
    this.phase = 'over';
    this.deps.wire.end();
    this.deps.onCut();
  }

  private fail(error: Error): void {
    if (this.phase === 'over') return;
    const { engine, wire } = this.deps;
    const last = engine.take();
    // SECURITY: a flight that a guess could be tested with does not get out by a failure either.
    const mayPass = last !== undefined && (!this.isTestable || (last.length === ALERT_RECORD && last[0] === ALERT));
    this.phase = 'over';
    if (mayPass) wire.write(last);
    wire.end();
    this.deps.onFailed(error);
  }

  private ask(): void {
    if (this.gate !== 'shut') return;
    this.gate = 'asked';
    this.deps.burn().then(() => {
      this.gate = 'open';
      if (this.held !== undefined && this.phase === 'handshake') this.deps.wire.write(this.held);
      this.held = undefined;
      this.advance();
    }, (error: unknown) => this.fail(error as Error));
  }

  private get hasOutput(): boolean {
    return this.held !== undefined || this.deps.engine.hasOutput;
  }

  private get canSend(): boolean {
    return this.held === undefined && !this.deps.wire.writableNeedDrain && this.deps.engine.hasOutput;
  }

  /** Whether a guess could be tested with what goes out now. */
  private get isTestable(): boolean {
    return this.phase === 'handshake' && this.deps.role === 'initiator' && this.isUnderWay && this.gate !== 'open';
  }

  /** Whether what has come may be a guess. */
  private isTest(bytes: Buffer): boolean {
    return this.deps.role === 'responder' && this.isUnderWay && this.gate !== 'open' && this.incoming.isAtStart && bytes[0] !== ALERT;
  }
}

function rest(bytes: Buffer, from: number): Buffer | null {
  return from < bytes.length ? bytes.subarray(from) : null;
}
