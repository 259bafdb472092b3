import { createHash } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../../src/xpmn/kernel/clock.ts';
import type { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../../../src/xpmn/kernel/system.ts';
import { abortReason, deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import { xml } from '../../../../src/xpmn/model/xml.ts';
import { FrameParser } from '../../../../src/xpmn/jingle/applications/oob-frames.ts';
import { createOutOfBand } from '../../../../src/xpmn/jingle/applications/oob.ts';
import type { OobOptions, OobSession } from '../../../../src/xpmn/jingle/applications/oob-session.ts';
import { SendPool, type PoolOptions } from '../../../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../../../src/xpmn/jingle/applications/oob-window.ts';
import type { Lease, OpenMedia } from '../../../../src/xpmn/ports/media-source.ts';
import type { IncomingStream, MediaSink } from '../../../../src/xpmn/ports/peer-link.ts';
import type { SecuredStream } from '../../../../src/xpmn/ports/security.ts';
import { securedPair, type SecuredPair } from '../../../support/secured-pair.ts';
import { settings } from '../../../support/settings.ts';

export const never = new AbortController().signal;
setMaxListeners(0, never);
export const PLAIN = xml('description', 'urn:xmpp:jingle:apps:out-of-band:0');
export type Options = OobOptions & PoolOptions & { readonly windowBudget: number };

export interface End {
  readonly session: OobSession;
  readonly pool: SendPool;
  readonly budget: WindowBudget;
  readonly givenUp: string[];
  /** How often it was said that the peer is silent. */
  readonly doubts: { count: number };
  readonly secured: SecuredStream;
}

export interface RigOptions {
  readonly clock?: Clock;
  readonly flow?: boolean;
  readonly pair?: SecuredPair;
  readonly initiator?: Partial<Options>;
  readonly responder?: Partial<Options>;
}

function prepare(secured: SecuredStream, clock: Clock, overrides: Partial<Options> = {}) {
  const options: Options = { ...settings.outOfBand, ...overrides };
  const pool = new SendPool(options);
  const budget = new WindowBudget(options.windowBudget);
  const givenUp: string[] = [];
  const doubts = { count: 0 };
  const method = createOutOfBand({
    clock, pool, budget, givenUp: (_session, id) => givenUp.push(id), doubted: () => (doubts.count += 1),
  }, options);
  return { method, end: { pool, budget, givenUp, doubts, secured } };
}

/** Two sessions on one pair of streams. */
export async function openPair({ clock = systemClock, flow = true, pair = securedPair(), initiator, responder }: RigOptions = {}): Promise<{ initiator: End; responder: End }> {
  const a = prepare(pair.initiator, clock, initiator);
  const b = prepare(pair.responder, clock, responder);
  const [first, second] = await Promise.all([
    a.method.open(pair.initiator, flow ? b.method.describe() : PLAIN, { signal: never }),
    b.method.open(pair.responder, flow ? a.method.describe() : PLAIN, { signal: never }),
  ]);
  return { initiator: { ...a.end, session: first }, responder: { ...b.end, session: second } };
}

/** A session (the responder) whose peer is played by the test, byte by byte. */
export async function openAgainstBytes({ clock = systemClock, flow = true, responder }: RigOptions = {}): Promise<End & { readonly wire: Duplex; readonly seen: Seen }> {
  const pair = securedPair();
  const wire = pair.initiator.stream;
  const seen = watch(wire);
  const { method, end } = prepare(pair.responder, clock, responder);
  const session = await method.open(pair.responder, flow ? method.describe() : PLAIN, { signal: never });
  return { ...end, session, wire, seen };
}

/** Frames that came over a wire: `ID:SIZE` and `ID.` for a last-chunk; payload by id. */
export interface Seen {
  readonly frames: string[];
  readonly payload: Map<string, Buffer[]>;
  /** Resolves when `test` holds, looked at after each read. */
  until(test: () => boolean): Promise<void>;
}

export function watch(wire: Duplex): Seen {
  const frames: string[] = [];
  const payload = new Map<string, Buffer[]>();
  let current = '';
  const parser = new FrameParser({
    chunk: (id, size) => {
      frames.push(`${id}:${size}`);
      current = id;
    },
    data: (slice) => void payload.set(current, [...(payload.get(current) ?? []), Buffer.from(slice)]),
    chunkEnd: () => undefined,
    last: (id) => void frames.push(`${id}.`),
  }, { maxChunk: 2 ** 30 });
  wire.on('data', (data: Buffer) => parser.push(data));
  return {
    frames, payload,
    async until(test) {
      while (!test()) await once(wire, 'data');
    },
  };
}

export function frame(id: string, payload: string | Buffer): Buffer {
  const data = Buffer.from(payload as string, 'latin1');
  return Buffer.concat([Buffer.from(`${data.length.toString(16)} ${id}\r\n`), data, Buffer.from('\r\n')]);
}

/** A sink that adds up, and hashes; it uses what it gets at once unless told to hold on. */
export class CountingSink implements MediaSink {
  bytes = 0;
  writes = 0;
  lying = 0;
  ended = false;
  error: XpmnError | undefined;
  holding: boolean;
  stream: IncomingStream | undefined;
  readonly done = deferred();
  private readonly hash = createHash('sha256');
  private readonly waiters: { bytes: number; resolve: () => void }[] = [];

  constructor(options: { holding?: boolean } = {}) {
    this.holding = options.holding ?? false;
  }

  attach(session: OobSession, id: string, size?: number): this {
    this.stream = session.receive(id, this, { size });
    return this;
  }

  write(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.writes += 1;
    this.lying += chunk.length;
    this.hash.update(chunk);
    if (!this.holding) this.use(this.lying);
    for (const waiter of this.waiters) if (this.bytes >= waiter.bytes) waiter.resolve();
  }

  use(count: number): void {
    this.lying -= count;
    this.stream?.consumed(count);
  }

  end(): void {
    this.ended = true;
    this.done.resolve();
  }

  fail(error: XpmnError): void {
    this.error = error;
    this.done.reject(error);
  }

  digest(): string {
    return this.hash.digest('hex');
  }

  /** Resolves when so many bytes have come. */
  async reached(bytes: number): Promise<void> {
    if (this.bytes < bytes) await new Promise<void>((resolve) => this.waiters.push({ bytes, resolve }));
  }
}

export interface TestMedia extends OpenMedia {
  closed: boolean;
  delivered: number;
}

/** `content` as a source that fills as much as it is lent, `step` bytes at a time at most. */
export function mediaFrom(content: Buffer, { step = Infinity, failAt = Infinity, unknownSize = false } = {}): TestMedia {
  const media: TestMedia = {
    closed: false,
    delivered: 0,
    entity: { size: unknownSize ? undefined : content.length, type: 'video/mp4', etag: 'e' },
    range: unknownSize || content.length === 0 ? undefined : { from: 0, to: content.length - 1 },
    close: () => void (media.closed = true),
    read: async (lease: Lease, { signal }) => {
      while (media.delivered < content.length) {
        if (signal.aborted) throw abortReason(signal);
        if (media.delivered >= failAt) throw new Error('the origin broke');
        const room = lease.buffer();
        const count = content.copy(room, 0, media.delivered, media.delivered + Math.min(room.length, step, failAt - media.delivered));
        media.delivered += count;
        await lease.filled(count);
      }
      if (media.delivered >= failAt) throw new Error('the origin broke');
    },
  };
  return media;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export async function aborted(signal: AbortSignal): Promise<XpmnError> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason as XpmnError;
}
