import { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../../../kernel/errors.ts';
import { deferred } from '../../../kernel/tasks.ts';
import { decodeKeys, decodeReason, encodeRunSettings } from './control-frames.ts';
import type { Frame, RunSettings } from './control-frames.ts';
import { afterFrame } from './run-phases.ts';
import type { Phase } from './run-phases.ts';
import { SrpChild } from './srp-child.ts';
import type { SrpChildOptions } from './srp-child.ts';
import type { SessionKeys } from './tls-engine.ts';

export interface SrpStreamDeps {
  /** Ciphertext. Owned from here on. */
  readonly raw: Duplex;
  readonly settings: RunSettings;
  /** The point of no return, once at most. If it rejects, nothing more is sent and the stream fails with that. */
  burn(): Promise<void>;
  /** The process is gone, whatever came of it. */
  onGone(): void;
}

export interface SrpStreamOptions extends SrpChildOptions {
  /** Bytes that may wait on this side of the process, each way, before it says "full". */
  readonly highWaterMark: number;
}

/**
 * The plaintext side of a TLS-SRP session whose TLS runs in another process: of no use before `established`. Unlike Node's own
 * TLS it tells a close_notify from a stream that was cut: only the former is an 'end'. The process lives as long as the stream.
 */
export class SrpStream extends Duplex {
  private readonly deps: SrpStreamDeps;
  private readonly child: SrpChild;
  private readonly keys = deferred<SessionKeys>();
  /** Everything for the peer has been handed to the stream below, or that stream is gone. */
  private readonly relayed = deferred();
  private phase: Phase = 'starting';
  private plainEnded = false;

  constructor(deps: SrpStreamDeps, options: SrpStreamOptions) {
    super({ allowHalfOpen: false, highWaterMark: options.highWaterMark });
    this.deps = deps;
    this.on('error', () => undefined);
    this.child = new SrpChild({
      onFrame: (frame) => this.hear(frame),
      onGone: (error) => {
        deps.onGone();
        this.destroy(error);
      },
    }, options);
    this.child.say('start', encodeRunSettings(deps.settings));
    this.relay();
  }

  /** Resolves when both ends have proven that they know the PIN; rejects with the reason of the end. */
  get established(): Promise<SessionKeys> {
    return this.keys.promise;
  }

  override _read(): void {
    this.child.plain.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // A write that fails has lost its process, whose end says why.
    this.child.plain.write(chunk, (error) => {
      if (!error) done();
    });
  }

  override _final(done: () => void): void {
    this.child.plain.end();
    void this.relayed.promise.then(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.child.kill();
    this.deps.raw.destroy();
    this.keys.reject(error ?? failed('The stream was closed.'));
    done(error);
  }

  /** Between the stream below and the process. Which end means what, TLS knows, in there. */
  private relay(): void {
    const { deps: { raw }, child: { wire } } = this;
    raw.on('error', () => undefined);
    // After the peer's end there may still be something to say: its close_notify wants ours.
    raw.allowHalfOpen = true;
    raw.once('finish', () => this.relayed.resolve());
    raw.once('close', () => {
      this.relayed.resolve();
      wire.unpipe(raw);
      wire.resume();
      // What has come is still judged: whether that was the whole.
      wire.end();
    });
    raw.pipe(wire);
    wire.pipe(raw);
  }

  /** @throws XpmnError for what does not belong there */
  private hear({ name, body }: Frame): void {
    if (this.phase === 'over' || this.destroyed) return;
    const wasOpen = this.phase === 'open' || this.phase === 'closed';
    this.phase = afterFrame(this.phase, name);
    switch (name) {
      case 'burn': return this.burn();
      case 'established': return this.open(decodeKeys(body));
      case 'closed': return this.endIfClosed();
      // Once open that is no error, and no end either: who reads sees that something is missing.
      case 'cut': return wasOpen ? void this.destroy() : this.giveUp(failed('The peer hung up.'));
      case 'failed': {
        const error = failed('TLS-SRP failed.', new Error(decodeReason(body)));
        return wasOpen ? void this.destroy(error) : this.giveUp(error);
      }
    }
  }

  private burn(): void {
    this.deps.burn().then(() => {
      if (this.phase !== 'burning' || this.destroyed) return;
      this.phase = afterFrame(this.phase, 'burnt');
      this.child.say('burnt');
    }, (error: unknown) => this.destroy(asXpmnError(error, 'storage-failed')));
  }

  private open(keys: SessionKeys): void {
    const { plain } = this.child;
    plain.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) plain.pause();
    });
    plain.once('end', () => {
      this.plainEnded = true;
      this.endIfClosed();
    });
    this.keys.resolve(keys);
  }

  /** The end of the pipe alone says nothing: the process may have ended. */
  private endIfClosed(): void {
    if (this.plainEnded && this.phase === 'closed') this.push(null);
  }

  /** The end of a handshake: the alert for the peer is on its way, and gets there first. */
  private giveUp(error: XpmnError): void {
    void this.relayed.promise.then(() => this.destroy(error));
  }
}

function failed(message: string, cause?: Error): XpmnError {
  return new XpmnError('security-failed', message, cause && { cause });
}
