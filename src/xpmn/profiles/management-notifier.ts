import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Pacer } from '../kernel/pacer.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { PubsubService } from '../pubsub/service.ts';
import type { PubsubWire } from '../pubsub/wire.ts';
import type { CertificateShelf, ShelfItem } from '../trust/certificate-shelf.ts';
import { headOf, headsElement } from '../trust/heads.ts';
import { LIST_NODES, itemIdOf, listsOn } from '../trust/list-nodes.ts';
import type { ListStore } from '../trust/list-store.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { formatHint, hintAudience } from './management-hint.ts';
import { listChange } from './management-nodes.ts';

/**
 * How others hear of changes. `streams`: own devices over the streams that they have open. `hints`: whoever is there, over
 * the server. `both`: each in the one way that reaches it, over a stream if there is one.
 */
export type NotifyVariant = 'streams' | 'hints' | 'both';

export interface ManagementNotifierDeps {
  readonly service: PubsubService<XmlElement>;
  readonly wire: Pick<PubsubWire, 'notify' | 'present'>;
  readonly lists: ListStore;
  readonly certificates: CertificateShelf;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** The full JID of this device. */
  readonly local: Jid;
  /** The stream to the server; undefined while there is none. */
  server(): StanzaChannel | undefined;
  /** Whether another device is there, as far as the server says. */
  isAvailable(jid: Jid): boolean;
}

export interface ManagementNotifierOptions {
  readonly notify: NotifyVariant;
  /** Devices that are told of one change over the server. */
  readonly hints: number;
  /** Milliseconds between two of these for one node: what changes meanwhile is one hint. */
  readonly hintInterval: number;
}

/** Tells others that what is on the nodes of this management device has changed. Who has subscribed is told in any case. */
export class ManagementNotifier {
  private readonly deps: ManagementNotifierDeps;
  private readonly options: ManagementNotifierOptions;
  private readonly hints: ReadonlyMap<string, { readonly pacer: Pacer; readonly changed: Set<string> }>;

  constructor(deps: ManagementNotifierDeps, options: ManagementNotifierOptions) {
    this.deps = deps;
    this.options = options;
    this.hints = new Map(LIST_NODES.map((node) => {
      const changed = new Set<string>();
      return [node, { changed, pacer: new Pacer(deps, options.hintInterval, () => this.hint(node, changed)) }];
    }));
  }

  start(): void {
    this.deps.lists.on('changed', this.onListChanged);
    this.deps.certificates.on('changed', this.onCertificateChanged);
  }

  stop(): void {
    this.deps.lists.off('changed', this.onListChanged);
    this.deps.certificates.off('changed', this.onCertificateChanged);
  }

  /** After all others have heard of it: whom the list cuts off is not told, and the list itself goes before the news of it. */
  private readonly onListChanged = (list: VerifiedList): void => {
    this.deps.tasks.run(async () => {
      await Promise.resolve();
      this.tell(list);
    });
  };

  private tell(list: VerifiedList): void {
    const { lists, service, wire } = this.deps;
    const changed = listChange(lists, list);
    if (!changed) return;
    wire.notify(service.notification(changed.node, changed.change, wire.present()));
    const hints = this.hints.get(changed.node);
    if (this.options.notify === 'streams' || !hints) return;
    hints.changed.add(itemIdOf(list));
    hints.pacer.ask();
  }

  private readonly onCertificateChanged = (item: ShelfItem): void => {
    const { service, wire } = this.deps;
    wire.notify(service.notification(NS.pubkey, { published: [item], retracted: [] }, wire.present()));
  };

  /** A hint that is lost is made good when its device has a stream again. */
  private async hint(node: string, changed: Set<string>): Promise<void> {
    const { lists, wire, local, log } = this.deps;
    const heads = headsElement(listsOn(lists.snapshot, node).filter((list) => changed.has(itemIdOf(list))).map(headOf));
    changed.clear();
    const server = this.deps.server();
    if (!server) return;
    const told = new Set(this.options.notify === 'both' ? wire.present().map(({ jid }) => jid) : []);
    const audience = hintAudience(lists.snapshot, node, { local, told, isAvailable: (jid) => this.deps.isAvailable(jid) });
    try {
      for (const jid of audience.slice(0, this.options.hints)) await server.send(formatHint(jid, { node, heads }));
    } catch (error) {
      log.debug('a hint could not be sent', { node, error });
    }
  }
}
