import type { Duplex } from 'node:stream';
import { XpmnError } from '../kernel/errors.ts';
import { abortable, deferred } from '../kernel/tasks.ts';
import type { XmlElement } from '../model/xml.ts';
import type { TransportContext, TransportMethod, TransportNegotiation } from '../ports/transport.ts';

export interface AttemptParts {
  readonly method: TransportMethod;
  readonly context: Omit<TransportContext, 'signal'>;
  /** Of the peer, if this is the answer to it. */
  readonly offered?: XmlElement | undefined;
  /** transport-infos that may wait for their negotiation. */
  readonly earlyInfos: number;
}

/**
 * One try to get a byte path: a negotiation with its own lifetime, so that replacing the transport ends exactly that.
 * Keeps what the peer says too early for a negotiation to take, and what we say until the peer can know of it.
 */
export class TransportAttempt {
  readonly namespace: string;
  private readonly isAnswer: boolean;
  private readonly earlyInfos: number;
  private readonly negotiation: TransportNegotiation;
  private readonly controller = new AbortController();
  private readonly announced = deferred();
  private readonly agreed = deferred();
  private readonly early: XmlElement[] = [];
  private phase: 'describing' | 'negotiating' | 'over' = 'describing';
  private isConnected = false;

  /** @throws XpmnError `malformed` for an offer of the peer that makes no sense */
  constructor({ method, offered, context, earlyInfos }: AttemptParts) {
    this.namespace = method.namespace;
    this.isAnswer = offered !== undefined;
    this.earlyInfos = earlyInfos;
    const sendInfo = async (info: XmlElement): Promise<void> => {
      await abortable(this.announced.promise, this.signal);
      await context.sendInfo(info);
    };
    const full: TransportContext = { ...context, sendInfo, signal: this.controller.signal };
    this.negotiation = offered ? method.accept(full, offered) : method.offer(full);
  }

  /** Aborts when this attempt is given up, or the session ends. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether another transport may help: this one has failed, not what ran on it. */
  get mayBeReplaced(): boolean {
    return !this.isConnected || this.signal.aborted;
  }

  async describe(): Promise<XmlElement> {
    const transport = await this.negotiation.describe();
    if (this.isAnswer) this.listen();
    return transport;
  }

  /** Our description is on its way: transport-infos may follow it. */
  announce(): void {
    this.announced.resolve();
  }

  /** The peer's answer to our offer. @throws XpmnError `malformed` */
  answered(transport: XmlElement): void {
    this.negotiation.answered(transport);
    this.listen();
    this.agreed.resolve();
  }

  /** The peer has acknowledged our answer to its offer. */
  acknowledged(): void {
    this.agreed.resolve();
  }

  /** Waits until both sides know both descriptions. Rejects as `refuse` says, or with the signal's reason. */
  agreement(): Promise<void> {
    return abortable(this.agreed.promise, this.signal);
  }

  refuse(error: Error): void {
    this.agreed.reject(error);
  }

  /** Takes a transport-info. @throws XpmnError `malformed`, `not-found`, `resource-limit` */
  received(info: XmlElement): void {
    // Late words about a transport that was replaced, or that carries bytes already, change nothing.
    if (this.phase === 'over' || info.ns !== this.namespace) return;
    if (this.phase === 'negotiating') return this.negotiation.received(info);
    if (this.early.length >= this.earlyInfos) throw new XpmnError('resource-limit', 'Too much about a transport that is not agreed yet.');
    this.early.push(info);
  }

  /** The raw stream; owned by the caller. Rejects as TransportNegotiation.connect. */
  async connect(): Promise<Duplex> {
    const raw = await this.negotiation.connect();
    // It must not crash us if it fails before the security layer listens.
    raw.on('error', () => undefined);
    this.isConnected = true;
    this.phase = 'over';
    return raw;
  }

  /** Frees what the negotiation holds. Idempotent. */
  release(): void {
    this.phase = 'over';
    this.early.length = 0;
    this.negotiation.destroy();
  }

  /** Gives up whatever this attempt has come to. Idempotent. */
  destroy(reason: Error): void {
    this.controller.abort(reason);
    this.release();
  }

  private listen(): void {
    if (this.phase !== 'describing') return;
    this.phase = 'negotiating';
    for (const info of this.early.splice(0)) {
      try {
        this.negotiation.received(info);
      } catch (error) {
        // It was acknowledged when it came; nobody waits for a verdict.
        if (!(error instanceof XpmnError)) throw error;
      }
    }
  }
}
