import type { XpmnError } from '../kernel/errors.ts';
import { throwIfAborted } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { ByteStreams, PeerLink, PeerLinks } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { ByteSession, Opened, SecuredChannel } from './dialer.ts';
import type { FirstWayOptions } from './first-way.ts';
import { Link } from './link.ts';
import type { LinkDeps } from './link.ts';

export interface LinksDeps extends Pick<LinkDeps, 'clock' | 'dialers' | 'tasks' | 'log'> {
  readonly onChannel: (peer: Jid, channel: StanzaChannel) => void;
}

/** The links of one of our devices, by peer. A link with nothing open is forgotten. */
export class Links implements PeerLinks {
  private readonly deps: LinksDeps;
  private readonly options: FirstWayOptions;
  private readonly byPeer = new Map<Jid, Link>();

  constructor(deps: LinksDeps, options: FirstWayOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** The way to `peer`: may be kept, whether the link behind it is forgotten meanwhile or not. */
  to(peer: Jid): LinkHandle {
    return new LinkHandle(peer, { find: () => this.find(peer), need: () => this.find(peer) ?? this.create(peer) });
  }

  /** The link to `peer` if there is one now. */
  find(peer: Jid): Link | undefined {
    return this.byPeer.get(peer);
  }

  all(): readonly Link[] {
    return [...this.byPeer.values()];
  }

  /** The server says that `peer` is gone. */
  peerGone(peer: Jid, error: XpmnError): void {
    this.byPeer.get(peer)?.peerGone(error);
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    await Promise.all(this.all().map((link) => link.close(options)));
  }

  private create(peer: Jid): Link {
    const { onChannel, ...deps } = this.deps;
    const link = new Link(peer, {
      ...deps,
      onChannel: (channel) => onChannel(peer, channel),
      onIdle: () => {
        if (this.byPeer.get(peer) === link) this.byPeer.delete(peer);
      },
    }, this.options);
    this.byPeer.set(peer, link);
    return link;
  }
}

interface Behind {
  find(): Link | undefined;
  need(): Link;
}

/** Whoever keeps it always speaks to the one link there is now: so nothing is open that `Links` does not know. */
export class LinkHandle implements PeerLink {
  readonly peer: Jid;
  private readonly behind: Behind;

  constructor(peer: Jid, behind: Behind) {
    this.peer = peer;
    this.behind = behind;
  }

  get openByteStreams(): ByteStreams | undefined {
    return this.behind.find()?.openByteStreams;
  }

  async channel(options: { readonly signal: AbortSignal }): Promise<StanzaChannel> {
    throwIfAborted(options.signal);
    return await this.behind.need().channel(options);
  }

  async byteStreams(options: { readonly signal: AbortSignal }): Promise<ByteStreams> {
    throwIfAborted(options.signal);
    return await this.behind.need().byteStreams(options);
  }

  abortedByPeer(id: string): boolean {
    return this.behind.find()?.abortedByPeer(id) ?? false;
  }

  addChannel(opened: Opened<SecuredChannel>): void {
    this.behind.need().addChannel(opened);
  }

  addBytes(opened: Opened<ByteSession>): void {
    this.behind.need().addBytes(opened);
  }
}
