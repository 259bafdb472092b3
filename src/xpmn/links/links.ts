import type { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { Dialer } from './dialer.ts';
import { Link } from './link.ts';

export interface LinksDeps {
  readonly dialers: readonly Dialer[];
  readonly tasks: TaskGroup;
  readonly log: Logger;
  readonly onChannel: (peer: Jid, channel: StanzaChannel) => void;
}

/** The links of one of our devices, by peer. A link with nothing open is forgotten. */
export class Links implements PeerLinks {
  private readonly deps: LinksDeps;
  private readonly byPeer = new Map<Jid, Link>();

  constructor(deps: LinksDeps) {
    this.deps = deps;
  }

  to(peer: Jid): Link {
    const known = this.byPeer.get(peer);
    if (known) return known;
    const link = new Link(peer, {
      dialers: this.deps.dialers,
      tasks: this.deps.tasks,
      log: this.deps.log,
      onChannel: (channel) => this.deps.onChannel(peer, channel),
      onIdle: () => {
        if (this.byPeer.get(peer) === link) this.byPeer.delete(peer);
      },
    });
    this.byPeer.set(peer, link);
    return link;
  }

  /** The link to `peer` if there is one now. */
  find(peer: Jid): Link | undefined {
    return this.byPeer.get(peer);
  }

  all(): readonly Link[] {
    return [...this.byPeer.values()];
  }

  /** Ends everything to `peer`. */
  drop(peer: Jid, error: XpmnError): void {
    this.byPeer.get(peer)?.destroy(error);
    this.byPeer.delete(peer);
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    await Promise.all(this.all().map((link) => link.close(options)));
  }
}
