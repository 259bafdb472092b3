import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Pacer } from '../kernel/pacer.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { KeyName, PeerIdentity } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { ListStore } from '../trust/list-store.ts';
import { currentManagers } from '../trust/snapshot.ts';
import type { TrustSnapshot } from '../trust/snapshot.ts';
import { fetchItems } from '../xmpp/pep.ts';

export interface ManagementErrandsDeps {
  readonly lists: ListStore;
  readonly links: PeerLinks;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly log: Logger;
}

export interface ManagementErrandsOptions {
  /** Milliseconds between two readings of one network's management device, whoever asks for them. */
  readonly fetchInterval: number;
  /** Milliseconds for one, with all that it takes to get there. */
  readonly fetchTimeout: number;
  /** Lists that are taken from one answer. */
  readonly listsPerAnswer: number;
}

/** Item ids by node; an empty set is all of the node. */
type Wanted = Map<string, Set<string>>;

interface Errand {
  from: Jid;
  wanted: Wanted;
  readonly pacer: Pacer;
}

/** Reads lists from management devices, once an interval for each network, and offers them to the store. */
export class ManagementErrands {
  private readonly deps: ManagementErrandsDeps;
  private readonly options: ManagementErrandsOptions;
  private readonly byNetwork = new Map<KeyName, Errand>();

  constructor(deps: ManagementErrandsDeps, options: ManagementErrandsOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** Without an id, all of the node is wanted. Asked for meanwhile, it is read in the next turn, from whom was named last. */
  want(network: KeyName, from: Jid, node: string, id?: string): void {
    const errand = this.byNetwork.get(network) ?? { from, wanted: new Map(), pacer: new Pacer(this.deps, this.options.fetchInterval, (signal) => this.run(network, signal)) };
    this.byNetwork.set(network, errand);
    errand.from = from;
    const ids = errand.wanted.get(node);
    if (id === undefined) errand.wanted.set(node, new Set());
    else if (!ids) errand.wanted.set(node, new Set([id]));
    else if (ids.size > 0) ids.add(id);
    errand.pacer.ask();
  }

  private async run(network: KeyName, signal: AbortSignal): Promise<void> {
    const errand = this.byNetwork.get(network) as Errand;
    // All that is wanted in one turn is one errand.
    await Promise.resolve();
    const { from, wanted } = errand;
    errand.wanted = new Map();
    const { clock, log } = this.deps;
    try {
      await withDeadline({ clock, signal, delay: this.options.fetchTimeout, what: 'Reading from the management device' }, (within) => this.fetch(from, wanted, within));
    } catch (error) {
      log.info('the management device could not be read', { device: from, error });
    }
  }

  private async fetch(from: Jid, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { lists, links, log } = this.deps;
    const channel = await links.to(from).channel({ signal });
    if (!channel.peer || !isManagementDevice(lists.snapshot, channel.peer)) return log.warn('who is reached there is no management device', { device: from });
    for (const [node, ids] of wanted) {
      const items = await fetchItems(channel, undefined, node, { signal, ids: [...ids] });
      await lists.offerAll(items.flatMap(({ payload }) => payload ?? []).slice(0, this.options.listsPerAnswer));
    }
  }
}

/** Whether a proven peer is the management device of its network: by its identity, or by its network's list; never because it says so. */
export function isManagementDevice(lists: TrustSnapshot, peer: PeerIdentity): boolean {
  if (peer.verdict === 'own') return peer.roles.includes('management');
  return peer.verdict === 'friend' && currentManagers(lists, peer.network).some(({ key }) => key === peer.key);
}
