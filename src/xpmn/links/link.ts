import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { abortable } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { OpenApplication } from '../ports/application.ts';
import type { ByteStreams, PeerLink } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { ByteSession, Dialer, Opened, Path, SecuredChannel } from './dialer.ts';

export interface LinkDeps {
  readonly dialers: readonly Dialer[];
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** A secured stream to the peer has opened, by whichever side. */
  readonly onChannel: (channel: StanzaChannel) => void;
  /** Nothing is open any more, and nothing is being opened. */
  readonly onIdle: () => void;
}

/** Best first: new requests take the first that is open. */
const PREFERENCE: readonly Path[] = ['in-process', 'direct', 'in-band'];

/**
 * What one of our devices has open to one peer: secured streams for stanzas, the best of which is used, and sessions for
 * bytes. Several callers that need the same thing wait for the same attempt; one that gives up does not end it.
 */
export class Link implements PeerLink {
  readonly peer: Jid;
  private readonly deps: LinkDeps;
  private readonly channels = new OpenSet<SecuredChannel>();
  private readonly sessions = new OpenSet<ByteSession>();
  private openingChannel: Promise<SecuredChannel> | undefined;
  private openingBytes: Promise<ByteSession> | undefined;

  constructor(peer: Jid, deps: LinkDeps) {
    this.peer = peer;
    this.deps = deps;
  }

  /** How the peer is reached now; undefined while nothing is open. */
  get path(): Path | undefined {
    return this.sessions.bestPath ?? this.channels.bestPath;
  }

  get openByteStreams(): ByteStreams | undefined {
    return this.sessions.best;
  }

  get openChannels(): readonly StanzaChannel[] {
    return this.channels.all.map(({ channel }) => channel);
  }

  async channel({ signal }: { readonly signal: AbortSignal }): Promise<StanzaChannel> {
    return (this.channels.best ?? (await abortable(this.dialChannel(), signal))).channel;
  }

  async byteStreams({ signal }: { readonly signal: AbortSignal }): Promise<ByteStreams> {
    return this.sessions.best ?? (await abortable(this.dialBytes(), signal));
  }

  /** Takes a stream that opened, from either side. */
  addChannel(opened: Opened<SecuredChannel>): void {
    this.add(this.channels, opened);
    this.deps.onChannel(opened.application.channel);
  }

  addBytes(opened: Opened<ByteSession>): void {
    this.add(this.sessions, opened);
  }

  /** The peer is gone, or is trusted no more: everything ends at once. */
  destroy(error: XpmnError): void {
    for (const application of [...this.sessions.all, ...this.channels.all]) application.destroy(error);
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    await Promise.all(this.sessions.all.map((application) => application.close(options)));
    await Promise.all(this.channels.all.map((application) => application.close(options)));
  }

  private add<T extends OpenApplication>(set: OpenSet<T>, opened: Opened<T>): void {
    set.add(opened, () => this.checkIdle());
  }

  private dialChannel(): Promise<SecuredChannel> {
    this.openingChannel ??= this.background(async (signal) => {
      const opened = await this.dialer().openChannel(this.peer, { signal });
      this.addChannel(opened);
      this.upgrade(opened);
      return opened.application;
    }).finally(() => {
      this.openingChannel = undefined;
      this.checkIdle();
    });
    return this.openingChannel;
  }

  private dialBytes(): Promise<ByteSession> {
    this.openingBytes ??= this.background(async (signal) => {
      const via = await this.channel({ signal });
      const dialer = this.dialer();
      const opened = await dialer.openBytes(this.peer, via, { signal });
      this.addBytes(opened);
      return opened.application;
    }).finally(() => {
      this.openingBytes = undefined;
      this.checkIdle();
    });
    return this.openingBytes;
  }

  /** The initiator of the first stream opens a second one on a better path; until then, and if it fails, the first serves. */
  private upgrade({ application, path }: Opened<SecuredChannel>): void {
    if (path !== 'in-band') return;
    this.deps.tasks.run(async (signal) => {
      try {
        const better = await this.dialer().upgradeChannel(this.peer, application.channel, { signal });
        if (better) this.addChannel(better);
      } catch (error) {
        this.deps.log.info('the direct path could not be opened', { peer: this.peer, error });
      }
    });
  }

  /** Runs `work` as a task of the device: it ends with the device, not with the caller who happened to be first. */
  private background<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal } = this.deps.tasks;
      if (signal.aborted) reject(new XpmnError('aborted', 'The device is closing.'));
      this.deps.tasks.run(() => work(signal).then(resolve, reject));
    });
  }

  private dialer(): Dialer {
    const dialer = this.deps.dialers.find((candidate) => candidate.reaches(this.peer));
    if (!dialer) throw new XpmnError('peer-unavailable', 'The device is not reachable now.');
    return dialer;
  }

  private checkIdle(): void {
    if (this.channels.size + this.sessions.size === 0 && !this.openingChannel && !this.openingBytes) this.deps.onIdle();
  }
}

/** Applications that are open, best path first, the newest first among equals. They leave by themselves when they end. */
class OpenSet<T extends OpenApplication> {
  private readonly entries: Opened<T>[] = [];

  get size(): number {
    return this.entries.length;
  }

  get all(): T[] {
    return this.entries.map(({ application }) => application);
  }

  get best(): T | undefined {
    return this.entries[0]?.application;
  }

  get bestPath(): Path | undefined {
    return this.entries[0]?.path;
  }

  add(opened: Opened<T>, onEmpty: () => void): void {
    const { closed } = opened.application;
    if (closed.aborted) return;
    this.entries.unshift(opened);
    this.entries.sort((a, b) => PREFERENCE.indexOf(a.path) - PREFERENCE.indexOf(b.path));
    closed.addEventListener('abort', () => {
      this.entries.splice(this.entries.indexOf(opened), 1);
      if (this.entries.length === 0) onEmpty();
    }, { once: true });
  }
}
