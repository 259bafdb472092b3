import type { Logger } from '../kernel/log.ts';
import { sleep } from '../kernel/tasks.ts';
import type { KeyName, ListedPeer } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { isBehind, readHeads } from '../trust/heads.ts';
import type { Head } from '../trust/heads.ts';
import { formatKeyInfo, keyInfoId } from '../trust/keyinfo.ts';
import { LIST_NODES, itemIdOf, nodeOf } from '../trust/list-nodes.ts';
import { slotOf } from '../trust/signed-list.ts';
import { currentHosts } from '../trust/snapshot.ts';
import { fetchItems, publishItem } from '../xmpp/pep.ts';
import { parseEvent } from '../xmpp/pubsub-codec.ts';
import type { PubsubItem } from '../xmpp/pubsub-codec.ts';
import { ManagementErrands, isManagementDevice } from './management-errands.ts';
import type { ManagementErrandsDeps, ManagementErrandsOptions } from './management-errands.ts';
import { networkManagedAt, parseHint } from './management-hint.ts';

export interface ManagementControllerDeps extends ManagementErrandsDeps {
  readonly log: Logger;
  /** The full JID of this device. */
  readonly local: Jid;
  /** DER of its certificate. */
  certificate(): Buffer;
}

export interface ManagementControllerOptions extends ManagementErrandsOptions {
  /** Milliseconds that lists are given to come by themselves, before the management device is asked for them. */
  readonly patience: number;
  /** Heads that may be told of at once. */
  readonly heads: number;
}

/**
 * Every device's side of the management service: told what the management device has, it reads what it lacks, and offers it
 * to its lists, which judge it. Between devices that have a stream, lists come by the exchange of heads, and from the account
 * by its events; so it waits a moment first, and asks for what has not come.
 *
 * SECURITY: what is said over the server is worth one look, once an interval, however often it is said. What is read counts
 * only because it is signed; and it is read only from a device that has proven to be the management device.
 */
export class ManagementController {
  private readonly deps: ManagementControllerDeps;
  private readonly options: ManagementControllerOptions;
  private readonly errands: ManagementErrands;
  /** Lists that a management device has, and that may be on their way: one of each slot. */
  private readonly awaited = new Map<string, { readonly head: Head; readonly from: Jid }>();
  /** Channels on which the management device has told what it has. */
  private readonly greeted = new WeakSet<StanzaChannel>();

  constructor(deps: ManagementControllerDeps, options: ManagementControllerOptions) {
    this.deps = deps;
    this.options = options;
    this.errands = new ManagementErrands(deps, options);
  }

  /** Takes a message that came over the server. */
  hinted(stanza: XmlElement): void {
    const hint = parseHint(stanza);
    if (!hint || hint.from === this.deps.local) return;
    const { snapshot } = this.deps.lists;
    const network = networkManagedAt(snapshot, hint.from);
    if (!network || !(network === snapshot.network ? LIST_NODES : [NS.trust]).includes(hint.node)) return;
    if (hint.heads) this.await(hint.heads, network, hint.from, hint.node);
    else this.errands.want(network, hint.from, hint.node);
  }

  /**
   * A stream has opened. The management device tells at once what it has; one that does not is asked for everything. That of
   * a friend is asked only when it hints: what it has for us came with the exchange of heads.
   */
  opened(channel: StanzaChannel): void {
    const peer = this.ownManager(channel);
    if (!peer) return;
    this.deps.tasks.run(async (signal) => {
      await sleep(this.deps.clock, this.options.patience, signal);
      if (channel.closed.aborted) return;
      if (!this.greeted.has(channel)) for (const node of LIST_NODES) this.errands.want(peer.network, peer.jid, node);
      await this.bringCertificate(channel, signal);
    });
  }

  /** Takes a message that came over an end-to-end stream. */
  received(stanza: XmlElement, channel: StanzaChannel): void {
    const event = parseEvent(stanza);
    const peer = event && LIST_NODES.includes(event.node) ? this.ownManager(channel) : undefined;
    if (!event || !peer) return;
    this.greeted.add(channel);
    for (const item of event.published) this.told(item, event.node, peer);
  }

  private ownManager({ peer }: StanzaChannel): ListedPeer | undefined {
    return peer?.verdict === 'own' && isManagementDevice(this.deps.lists.snapshot, peer) ? peer : undefined;
  }

  /** Ours name a list by its head; others may send all of it, or nothing but the id of its item. */
  private told({ id, payload }: PubsubItem, node: string, { network, jid }: ListedPeer): void {
    if (!payload) this.errands.want(network, jid, node, id);
    else if (payload.name === 'heads') this.await(payload, network, jid, node);
    else this.deps.tasks.run(() => this.deps.lists.offer(payload));
  }

  private await(heads: XmlElement, network: KeyName, from: Jid, node: string): void {
    const { snapshot } = this.deps.lists;
    const isIdle = this.awaited.size === 0;
    for (const head of this.read(heads)) {
      if (head.network !== network || nodeOf(head) !== node || !isBehind(snapshot, head)) continue;
      // So there is no more than one of each list that can be; of whom we do not know yet, the newest list of devices tells.
      if (!this.isPlausible(head)) this.errands.want(network, from, node);
      else if ((this.awaited.get(slotOf(head))?.head.seq ?? 0) <= head.seq) this.awaited.set(slotOf(head), { head, from });
    }
    if (isIdle && this.awaited.size > 0) this.deps.tasks.run((signal) => this.fetchWhatHasNotCome(signal));
  }

  /** Whoever tells of more than can be is not listened to. */
  private read(heads: XmlElement): readonly Head[] {
    try {
      return readHeads(heads, this.options);
    } catch (error) {
      this.deps.log.debug('heads that make no sense', { error });
      return [];
    }
  }

  private isPlausible({ type, network, signer }: Head): boolean {
    return type === 'hosted' ? currentHosts(this.deps.lists.snapshot, network).some(({ key }) => key === signer) : signer === network;
  }

  private async fetchWhatHasNotCome(signal: AbortSignal): Promise<void> {
    await sleep(this.deps.clock, this.options.patience, signal);
    const awaited = [...this.awaited.values()];
    this.awaited.clear();
    for (const { head, from } of awaited) {
      if (isBehind(this.deps.lists.snapshot, head)) this.errands.want(head.network, from, nodeOf(head), itemIdOf(head));
    }
  }

  /** For others to look up there; nothing of ours waits for it. */
  private async bringCertificate(channel: StanzaChannel, signal: AbortSignal): Promise<void> {
    const info = { certificate: this.deps.certificate(), signatures: [] };
    const id = keyInfoId(info);
    try {
      if ((await fetchItems(channel, undefined, NS.pubkey, { signal, ids: [id] })).length > 0) return;
      await publishItem(channel, NS.pubkey, { id, payload: formatKeyInfo(info) }, { signal });
    } catch (error) {
      this.deps.log.debug('the certificate could not be brought to the management device', { error });
    }
  }
}
