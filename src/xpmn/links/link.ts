import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { abortReason, abortable, throwIfAborted } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { OpenApplication } from '../ports/application.ts';
import type { ByteStreams, IncomingStream, MediaSink, PeerLink } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { ByteSession, ByteWay, Dialer, Opened, Path, SecuredChannel } from './dialer.ts';
import { firstToOpen } from './first-way.ts';
import type { FirstWayOptions } from './first-way.ts';
import { OpenSet } from './open-set.ts';
import { StreamClaim } from './stream-claim.ts';

export interface LinkDeps {
  readonly clock: Clock;
  readonly dialers: readonly Dialer[];
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** A secured stream to the peer has opened, by whichever side. Once for each stream. */
  readonly onChannel: (channel: StanzaChannel) => void;
  /** Nothing is open any more, and nothing is being opened. */
  readonly onIdle: () => void;
}

/**
 * What one of our devices has open to one peer: secured streams for stanzas, the best of which is used, and sessions for
 * bytes. Several callers that need the same thing wait for the same attempt; one that gives up does not end it.
 */
export class Link implements PeerLink {
  readonly peer: Jid;
  private readonly deps: LinkDeps;
  private readonly options: FirstWayOptions;
  private readonly channels = new OpenSet<SecuredChannel>();
  private readonly sessions = new OpenSet<ByteSession>();
  /** Streams of which nothing has come yet: a session that opens now may be the one that brings them. */
  private readonly claims = new Set<StreamClaim>();
  private readonly attempts = new Set<AbortController>();
  private openingChannel: Promise<SecuredChannel> | undefined;
  private openingBytes: Promise<ByteSession> | undefined;

  constructor(peer: Jid, deps: LinkDeps, options: FirstWayOptions) {
    this.peer = peer;
    this.deps = deps;
    this.options = options;
  }

  /** How the peer is reached now; undefined while nothing is open. */
  get path(): Path | undefined {
    return this.sessions.bestPath ?? this.channels.bestPath;
  }

  get openByteStreams(): ByteStreams | undefined {
    const { best } = this.sessions;
    if (!best) return undefined;
    const sender = this.roomy ?? best;
    return {
      send: (...args) => sender.send(...args),
      sendBytes: (...args) => sender.sendBytes(...args),
      receive: (id, sink, { size }) => this.receive(id, sink, size),
      get canSend() {
        return sender.canSend;
      },
      closed: best.closed,
    };
  }

  get openChannels(): readonly StanzaChannel[] {
    return this.channels.all.map(({ channel }) => channel);
  }

  async channel({ signal }: { readonly signal: AbortSignal }): Promise<StanzaChannel> {
    return (this.channels.best ?? (await abortable(this.dialChannel(), signal))).channel;
  }

  async byteStreams({ signal }: { readonly signal: AbortSignal }): Promise<ByteStreams> {
    return this.roomy ?? (await abortable(this.dialBytes(), signal));
  }

  abortedByPeer(id: string): boolean {
    return this.sessions.all.some((session) => session.abortedByPeer(id));
  }

  /** Takes a stream that opened, from either side. */
  addChannel(opened: Opened<SecuredChannel>): void {
    if (!this.channels.add(opened, () => this.checkIdle())) return this.checkIdle();
    const { application: { closed, channel }, path } = opened;
    closed.addEventListener('abort', () => this.channelEnded(asXpmnError(abortReason(closed)), path), { once: true });
    this.deps.onChannel(channel);
  }

  addBytes(opened: Opened<ByteSession>): void {
    if (this.sessions.add(opened, () => this.checkIdle())) for (const claim of [...this.claims]) claim.claimLate(opened.application);
    else this.checkIdle();
  }

  /**
   * The peer is gone, says the server, which may lie. What goes through it and what is idle ends; what is in use on a path
   * of its own is asked.
   */
  peerGone(error: XpmnError): void {
    const idle = this.sessions.all.filter(({ isIdle }) => isIdle);
    for (const application of [...idle, ...this.sessions.on('in-band'), ...this.channels.on('in-band')]) application.destroy(error);
    if (this.channels.size === 0) for (const attempt of [...this.attempts]) attempt.abort(error);
    this.doubt();
  }

  /** There is a reason to think that the peer is out of reach, unsaid: every stream asks for a sign of life. */
  doubt(): void {
    for (const channel of this.channels.all) channel.doubt();
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    await Promise.all(this.sessions.all.map((application) => application.close(options)));
    await Promise.all(this.channels.all.map((application) => application.close(options)));
  }

  /** Where a stream for stanzas has died, sessions for bytes have no better path. */
  private channelEnded({ code }: XpmnError, path: Path): void {
    if (code !== 'connection-lost') return;
    for (const session of this.sessions.on(path)) session.suspect();
  }

  private receive(id: string, sink: MediaSink, size: number | undefined): IncomingStream {
    const claim = new StreamClaim(id, sink, { size, settled: () => this.claims.delete(claim) });
    this.claims.add(claim);
    try {
      for (const session of this.sessions.all) claim.claimOn(session);
    } catch (error) {
      claim.cancel();
      throw error;
    }
    return claim;
  }

  private dialChannel(): Promise<SecuredChannel> {
    this.openingChannel ??= this.background(async (signal) => {
      const { dialer, opened } = await this.openFirst(signal);
      this.addChannel(opened);
      this.upgrade(dialer, opened);
      return opened.application;
    }).finally(() => (this.openingChannel = undefined));
    return this.openingChannel;
  }

  private dialBytes(): Promise<ByteSession> {
    this.openingBytes ??= this.background(async (signal) => {
      const via = await this.channel({ signal });
      const [dialer] = this.dialers();
      const { clock, log } = this.deps;
      const failed = (error: unknown): void => log.info('one way to carry bytes could not be opened', { peer: this.peer, error });
      const open = (way: ByteWay, isWanted: AbortSignal): Promise<ByteSession> => this.openBytes(way, isWanted);
      return await firstToOpen(dialer.waysToBytes(this.peer, via), { clock, open, failed }, this.options, signal).catch((error: unknown) => {
        throwIfAborted(signal);
        // The peer may have opened one meanwhile.
        const theirs = this.roomy;
        if (!theirs) throw error;
        return theirs;
      });
    }).finally(() => (this.openingBytes = undefined));
    return this.openingBytes;
  }

  private openBytes(way: ByteWay, isWanted: AbortSignal): Promise<ByteSession> {
    return this.background(async (closing) => {
      const signal = AbortSignal.any([closing, isWanted]);
      const opened = await kept(way({ signal }), signal);
      this.addBytes(opened);
      return opened.application;
    });
  }

  /** The best session that takes one more stream. */
  private get roomy(): ByteSession | undefined {
    return this.sessions.all.find(({ canSend }) => canSend);
  }

  /** By the best way that works: that a device is on the local link may be old news, or a lie. Ways that have opened meanwhile count, too. */
  private async openFirst(signal: AbortSignal): Promise<{ readonly dialer: Dialer; readonly opened: Opened<SecuredChannel> }> {
    let [dialer] = this.dialers();
    const tried = new Set<Dialer>();
    for (;;) {
      try {
        return { dialer, opened: await kept(dialer.openChannel(this.peer, { signal }), signal) };
      } catch (error) {
        tried.add(dialer);
        const next = this.deps.dialers.find((candidate) => !tried.has(candidate) && candidate.reaches(this.peer));
        if (signal.aborted || !next) throw error;
        dialer = next;
        this.deps.log.info('one way to the device did not work: trying another', { peer: this.peer, error });
      }
    }
  }

  /** The initiator of the first stream opens a second one on a better path; until then, and if it fails, the first serves. */
  private upgrade(dialer: Dialer, { application, path }: Opened<SecuredChannel>): void {
    if (path !== 'in-band') return;
    this.background(async (signal) => {
      const better = await dialer.upgradeChannel(this.peer, application.channel, { signal });
      if (!better) return;
      await kept(Promise.resolve(better), signal);
      this.addChannel(better);
    }).catch((error: unknown) => this.deps.log.info('the direct path could not be opened', { peer: this.peer, error }));
  }

  /** Runs `work` as a task of the device: it ends with the device or the link, not with the caller who happened to be first. */
  private background<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { tasks } = this.deps;
      if (tasks.signal.aborted) reject(new XpmnError('aborted', 'The device is closing.'));
      tasks.run(async (signal) => {
        const attempt = new AbortController();
        const forward = (): void => attempt.abort(abortReason(signal));
        signal.addEventListener('abort', forward, { once: true });
        this.attempts.add(attempt);
        await work(attempt.signal).then(resolve, reject);
        signal.removeEventListener('abort', forward);
        this.attempts.delete(attempt);
        this.checkIdle();
      });
    });
  }

  /** Those that may reach the peer, the best first. */
  private dialers(): [Dialer, ...Dialer[]] {
    const [best, ...others] = this.deps.dialers.filter((candidate) => candidate.reaches(this.peer));
    if (!best) throw new XpmnError('peer-unavailable', 'The device is not reachable now.');
    return [best, ...others];
  }

  private checkIdle(): void {
    if (this.channels.size + this.sessions.size + this.attempts.size === 0) this.deps.onIdle();
  }
}

/** What a dialer opened; one that comes too late is not kept. */
async function kept<T extends OpenApplication>(opening: Promise<Opened<T>>, signal: AbortSignal): Promise<Opened<T>> {
  const opened = await opening;
  if (signal.aborted) opened.application.destroy(abortReason(signal));
  throwIfAborted(signal);
  return opened;
}
