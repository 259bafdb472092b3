import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortReason, deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../src/xpmn/kernel/tasks.ts';
import { child, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { TransportContext, TransportMethod, TransportNegotiation } from '../../src/xpmn/ports/transport.ts';

/** `work`; fail as soon as connecting; wait for a peer that never comes; or never even describe itself. */
export type FakeTransportMode = 'work' | 'fail' | 'stall' | 'mute';

/**
 * The wire below fake transports: byte streams in memory, found by transport sid. Each end says `<ready/>` by
 * transport-info; both have their stream when both have said and heard it.
 */
export class FakeNetwork {
  private readonly waiting = new Map<string, Duplex>();
  private readonly streams = new Set<Duplex>();
  private readonly negotiations = new Set<FakeNegotiation>();
  private count = 0;

  method(namespace: string, preference: number, modes: { mode?: FakeTransportMode } = {}): TransportMethod {
    const make = (context: TransportContext, sid: string): FakeNegotiation => {
      const negotiation = new FakeNegotiation({ network: this, context, namespace, sid, mode: () => modes.mode ?? 'work' });
      if (!context.signal.aborted) this.negotiations.add(negotiation);
      return negotiation;
    };
    return {
      namespace,
      preference,
      offer: (context) => make(context, `t${(this.count += 1)}`),
      accept: (context, offered) => make(context, sidOf(offered, namespace)),
    };
  }

  get leftovers(): string[] {
    return [
      ...[...this.negotiations].map((negotiation) => `negotiation ${negotiation.sid}`),
      ...[...this.streams].map(() => 'stream'),
    ];
  }

  /** Every byte path is gone. */
  cut(): void {
    for (const stream of this.streams) stream.destroy(new XpmnError('connection-lost', 'The network was cut.'));
  }

  forget(negotiation: FakeNegotiation): void {
    this.negotiations.delete(negotiation);
  }

  /** The first to come makes the pair, the second takes the other end. */
  endOf(sid: string): Duplex {
    const other = this.waiting.get(sid);
    if (other) {
      this.waiting.delete(sid);
      return other;
    }
    const [a, b] = duplexPair();
    for (const [mine, theirs] of [[a, b], [b, a]] as const) {
      this.streams.add(mine);
      mine.on('error', () => undefined);
      mine.once('close', () => {
        this.streams.delete(mine);
        if (this.waiting.get(sid) === mine) this.waiting.delete(sid);
        if (!mine.readableEnded || !mine.writableFinished) theirs.destroy(new XpmnError('connection-lost', 'The other end is gone.'));
      });
    }
    this.waiting.set(sid, b);
    return a;
  }
}

interface FakeParts {
  readonly network: FakeNetwork;
  readonly context: TransportContext;
  readonly namespace: string;
  readonly sid: string;
  readonly mode: () => FakeTransportMode;
}

class FakeNegotiation implements TransportNegotiation {
  readonly sid: string;
  private readonly parts: FakeParts;
  private readonly heard: Deferred<void> = deferred();
  private readonly over: Deferred<never> = deferred<never>();
  private readonly onAbort: () => void;
  private connectedAlready = false;

  constructor(parts: FakeParts) {
    this.parts = parts;
    this.sid = parts.sid;
    this.onAbort = () => this.stop(abortReason(parts.context.signal));
    if (parts.context.signal.aborted) this.onAbort();
    else parts.context.signal.addEventListener('abort', this.onAbort, { once: true });
  }

  async describe(): Promise<XmlElement> {
    if (this.parts.mode() === 'mute') return this.over.promise;
    await Promise.resolve();
    return xml('transport', this.parts.namespace, { sid: this.sid });
  }

  answered(transport: XmlElement): void {
    if (sidOf(transport, this.parts.namespace) !== this.sid) throw new XpmnError('malformed', 'The answer is for another transport.');
  }

  received(info: XmlElement): void {
    if (sidOf(info, this.parts.namespace) !== this.sid) throw new XpmnError('not-found', 'No such transport.');
    if (!child(info, 'ready')) throw new XpmnError('malformed', 'The transport-info says nothing.');
    this.heard.resolve();
  }

  async connect(): Promise<Duplex> {
    return Promise.race([this.over.promise, this.meet()]);
  }

  destroy(): void {
    this.stop(new XpmnError('aborted', 'The negotiation was destroyed.'));
  }

  private async meet(): Promise<Duplex> {
    const mode = this.parts.mode();
    if (mode === 'fail') {
      this.stop(new XpmnError('transport-failed', 'No path was found.'));
      return this.over.promise;
    }
    if (mode !== 'work') return this.over.promise;
    await this.parts.context.sendInfo(xml('transport', this.parts.namespace, { sid: this.sid }, xml('ready', this.parts.namespace)));
    await Promise.race([this.over.promise, this.heard.promise]);
    const stream = this.parts.network.endOf(this.sid);
    this.connectedAlready = true;
    this.stop(new XpmnError('aborted', 'The negotiation has ended.'));
    return stream;
  }

  private stop(reason: Error): void {
    this.parts.context.signal.removeEventListener('abort', this.onAbort);
    this.parts.network.forget(this);
    if (!this.connectedAlready) this.over.reject(reason);
  }
}

function sidOf(transport: XmlElement, namespace: string): string {
  const sid = transport.attrs.sid;
  if (transport.ns !== namespace || sid === undefined || sid === '') throw new XpmnError('malformed', 'The transport has no sid.');
  return sid;
}
