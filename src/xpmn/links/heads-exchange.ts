import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { elements } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { headsElement, readHeads } from '../trust/heads.ts';
import type { ListStore } from '../trust/list-store.ts';
import type { TrustOptions } from '../trust/options.ts';
import { listsElement, signedIn } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';

export interface HeadsDeps {
  readonly lists: ListStore;
  readonly registry: IqRegistry;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** All end-to-end channels of this device that are open now; of one peer's, the best first. */
  channels(): readonly StanzaChannel[];
}

export type HeadsOptions = Pick<TrustOptions, 'heads' | 'listsPerAnswer'>;

/**
 * Gossip of signed lists between devices that have accepted each other, so that a server can keep a removal from a device
 * only if that device meets no other. Each side tells what it has when a stream opens; nobody waits for the answer.
 */
export class HeadsExchange {
  private readonly deps: HeadsDeps;
  private readonly options: HeadsOptions;

  constructor(deps: HeadsDeps, options: HeadsOptions) {
    this.deps = deps;
    this.options = options;
    deps.registry.handle({ ns: NS.trust, name: 'heads', type: 'get' }, (iq) => this.answer(iq));
    deps.registry.handle({ ns: NS.trust, name: 'lists', type: 'set' }, (iq) => this.take(iq));
  }

  /** A channel has opened: the first stanza of each side. */
  begin(channel: StanzaChannel): void {
    const { peer } = channel;
    if (!peer) return;
    this.deps.tasks.run(async (signal) => {
      try {
        const heads = headsElement(this.deps.lists.heads(peer));
        const [lists] = elements(await channel.request({ type: 'get', payload: heads }, { signal }));
        if (lists) await this.offer(lists);
      } catch (error) {
        this.deps.log.debug('lists could not be exchanged', { peer: peer.jid, error });
      }
    });
  }

  /** News, passed on once: whoever has it already does not pass it on again. */
  passOn(list: VerifiedList): void {
    const told = new Set<Jid>();
    for (const channel of this.deps.channels()) {
      if (!channel.peer || told.has(channel.peer.jid) || !this.deps.lists.mayRead(list, channel.peer)) continue;
      told.add(channel.peer.jid);
      this.deps.tasks.run((signal) =>
        channel.request({ type: 'set', payload: listsElement([list]) }, { signal }).catch(() => undefined));
    }
  }

  private answer(iq: IncomingIq): XmlElement {
    const { peer } = iq.channel;
    if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    return listsElement(this.deps.lists.lacking(readHeads(iq.payload, this.options), peer));
  }

  private async take(iq: IncomingIq): Promise<undefined> {
    if (!iq.channel.peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    await this.offer(iq.payload);
    return undefined;
  }

  private async offer(lists: XmlElement): Promise<void> {
    await this.deps.lists.offerAll(signedIn(lists, this.options.listsPerAnswer));
  }
}
