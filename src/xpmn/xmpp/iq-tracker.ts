import type { Clock, Random, Timer } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { base32 } from '../kernel/ids.ts';
import { abortReason, throwIfAborted } from '../kernel/tasks.ts';
import { bareJid, isFullJid, splitJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import type { OutgoingIq } from '../ports/stanza-channel.ts';
import { iqRequest } from './stanza.ts';
import { errorFromStanza } from './stanza-error.ts';

/** Whether an answer with that `from` may answer a request to `to`. */
export type AnswerRule = (to: Jid | undefined, from: string | undefined) => boolean;

export interface IqTrackerOptions {
  /** ms to wait for an answer when the caller does not say. */
  readonly timeout: number;
  /** Requests under way at one time; one more fails with `resource-limit`. */
  readonly outstanding: number;
}

export interface IqTrackerDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Hands the request to the stream; its failure is the request's. */
  send(stanza: XmlElement): Promise<void>;
  readonly answers: AnswerRule;
  /** One more answer is awaited. */
  asked?(): void;
}

interface Pending {
  readonly to: Jid | undefined;
  settle(outcome: XmlElement | Error): void;
}

/**
 * Requests of ours that wait for their answer.
 *
 * @spec RFC 6120 §8.2.3
 */
export class IqTracker {
  private readonly deps: IqTrackerDeps;
  private readonly options: IqTrackerOptions;
  private readonly pending = new Map<string, Pending>();

  constructor(deps: IqTrackerDeps, options: IqTrackerOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** Requests that wait. */
  get size(): number {
    return this.pending.size;
  }

  /**
   * Sends and resolves to the whole `<iq type='result'/>`.
   * @throws XpmnError as the answer says; `timeout`; `resource-limit`; what `send` or `failAll` said; the signal's reason
   */
  async request(iq: OutgoingIq, { signal, timeout = this.options.timeout }: { readonly signal: AbortSignal; readonly timeout?: number | undefined }): Promise<XmlElement> {
    throwIfAborted(signal);
    if (this.pending.size >= this.options.outstanding) throw new XpmnError('resource-limit', 'Too many requests are waiting for an answer.');
    // 128 random bits: nobody can answer what he has not read.
    const id = base32(this.deps.random.bytes(16));
    return new Promise<XmlElement>((resolve, reject) => {
      const onAbort = (): void => settle(abortReason(signal));
      const settle = (outcome: XmlElement | Error): void => {
        if (!this.pending.delete(id)) return;
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const timer: Timer = this.deps.clock.after(timeout, () => settle(new XpmnError('timeout', `No answer came within ${timeout} ms.`)));
      signal.addEventListener('abort', onAbort, { once: true });
      this.pending.set(id, { to: iq.to, settle });
      this.deps.asked?.();
      this.deps.send(iqRequest({ ...iq, id })).catch((error: unknown) => settle(error instanceof Error ? error : new XpmnError('connection-lost', 'The request could not be sent.')));
    });
  }

  /** Takes an `<iq/>` of type result or error; false if it answers nothing here. It is then to be ignored. */
  answered(stanza: XmlElement): boolean {
    const { id, type, from } = stanza.attrs;
    const pending = this.pending.get(id ?? '');
    if (!pending || (type !== 'result' && type !== 'error') || !this.deps.answers(pending.to, from)) return false;
    const unavailable = pending.to !== undefined && isFullJid(pending.to) ? 'peer-unavailable' : 'not-supported';
    pending.settle(type === 'result' ? stanza : errorFromStanza(stanza, { unavailable }));
    return true;
  }

  /** The channel is gone: everything that waits fails with `error`. */
  failAll(error: Error): void {
    for (const pending of [...this.pending.values()]) pending.settle(error);
  }
}

/** The other end of an end-to-end stream is the only one who can answer there. */
export const anyAnswer: AnswerRule = () => true;

/**
 * On the stream to the server: from whom was asked and nobody else. What is asked of the own account (no `to`, or the
 * own bare JID) is answered without `from` or in the name of the account (RFC 6120 §8.1.2.1, §10.3.3), by some servers in
 * their own name or that of the full JID; none of these can be forged by a third party.
 */
export function serverAnswers(own: Jid): AnswerRule {
  const bare = bareJid(own);
  const { domain } = splitJid(own);
  return (to, from) => {
    const who = tryJid(from);
    if (from !== undefined && who === undefined) return false;
    if (to === undefined) return who === undefined || who === bare || who === own || who === domain;
    if (to === bare) return who === undefined || who === bare || who === own;
    return who === to || (to === domain && who === undefined);
  };
}
