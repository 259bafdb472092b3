import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { OpenApplication } from '../../src/xpmn/ports/application.ts';
import type { MediaSink } from '../../src/xpmn/ports/peer-link.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import type { ByteSession, ByteWay, Dialer, Opened, Path, SecuredChannel } from '../../src/xpmn/links/dialer.ts';

class FakeApp implements OpenApplication {
  private readonly controller = new AbortController();
  closes = 0;

  get closed(): AbortSignal {
    return this.controller.signal;
  }

  close(): Promise<void> {
    this.closes += 1;
    this.controller.abort(new Error('closed'));
    return Promise.resolve();
  }

  destroy(error: Error): void {
    if (!this.closed.aborted) this.controller.abort(error);
  }
}

/** An end-to-end stream that only has a name. */
export class FakeChannel extends FakeApp implements SecuredChannel {
  readonly channel: StanzaChannel = {} as StanzaChannel;
  /** How often it was asked for a sign of life. */
  doubts = 0;

  doubt(): void {
    this.doubts += 1;
  }
}

/** A session whose streams a test feeds. */
export class FakeSession extends FakeApp implements ByteSession {
  canSend = true;
  isIdle = true;
  suspected = 0;
  readonly sent: string[] = [];
  readonly claimed = new Map<string, { sink: MediaSink; size: number | undefined; consumed: number; cancelled: boolean }>();

  send(id: string): Promise<void> {
    this.sent.push(id);
    return Promise.resolve();
  }

  sendBytes(id: string): Promise<void> {
    return this.send(id);
  }

  suspect(): void {
    this.suspected += 1;
  }

  abortedByPeer(id: string): boolean {
    return this.sent.includes(id);
  }

  receive(id: string, sink: MediaSink, { size }: { readonly size?: number | undefined }): { consumed: (count: number) => void; cancel: () => void } {
    if (this.closed.aborted) throw this.closed.reason as Error;
    const claim = { sink, size, consumed: 0, cancelled: false };
    this.claimed.set(id, claim);
    return { consumed: (count) => (claim.consumed += count), cancel: () => (claim.cancelled = true) };
  }
}

type Kind = 'channel' | 'upgrade' | 'bytes' | 'more bytes';
interface Attempt { readonly kind: Kind; readonly signal: AbortSignal; readonly result: Deferred<Opened<OpenApplication> | undefined> }

/** A dialer whose attempts the test ends. */
export class FakeDialer implements Dialer {
  reachable = true;
  /** How bytes can be had; one way only, unless the test says so. */
  byteWays: readonly Kind[] = ['bytes'];
  readonly attempts: Attempt[] = [];

  reaches(_peer: Jid): boolean {
    return this.reachable;
  }

  openChannel(_peer: Jid, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel>> {
    return this.begin('channel', signal) as Promise<Opened<SecuredChannel>>;
  }

  upgradeChannel(_peer: Jid, _via: StanzaChannel, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel> | undefined> {
    return this.begin('upgrade', signal) as Promise<Opened<SecuredChannel> | undefined>;
  }

  waysToBytes(): readonly ByteWay[] {
    return this.byteWays.map((kind) => ({ signal }) => this.begin(kind, signal) as Promise<Opened<ByteSession>>);
  }

  /** What was asked for, in order. */
  get asked(): Kind[] {
    return this.attempts.map(({ kind }) => kind);
  }

  /** The newest attempt of a kind succeeds. */
  succeed(kind: Kind, application: OpenApplication | undefined, path: Path = 'in-process'): void {
    this.newest(kind).result.resolve(application && { application, path });
  }

  fail(kind: Kind, error: Error): void {
    this.newest(kind).result.reject(error);
  }

  newest(kind: Kind): Attempt {
    const found = this.attempts.findLast((attempt) => attempt.kind === kind);
    if (!found) throw new Error(`No ${kind} was asked for.`);
    return found;
  }

  private begin(kind: Kind, signal: AbortSignal): Promise<Opened<OpenApplication> | undefined> {
    const result = deferred<Opened<OpenApplication> | undefined>();
    this.attempts.push({ kind, signal, result });
    return result.promise;
  }
}
