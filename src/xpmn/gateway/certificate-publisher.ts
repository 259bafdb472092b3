import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Pacer } from '../kernel/pacer.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { bareJid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { KeyInfo, KeyInfoLimits } from '../trust/keyinfo.ts';
import type { Network } from '../trust/network.ts';
import { certificateView, planCertificates } from '../trust/published-certificates.ts';
import type { CertificateItem } from '../trust/published-certificates.ts';
import { fetchItems, parseEvent, publishList, retractItem } from '../xmpp/pep.ts';

export interface CertificatePublisherOptions {
  /** Milliseconds for reading or publishing. */
  readonly pepTimeout: number;
  /** Milliseconds from one reading of the certificates to the next. */
  readonly certificateInterval: number;
  /** Items that the node has to hold. */
  readonly pepItems: number;
  readonly trust: KeyInfoLimits;
}

export interface CertificatePublisherDeps {
  readonly channel: StanzaChannel;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the owner: ends everything. */
  readonly tasks: TaskGroup;
  /** Told what lies on the account, each time that it was read. */
  found?(items: readonly CertificateItem[]): void;
}

/**
 * The certificates of own devices, beside the lists, for programs that know only those. A device that has no user key puts
 * its own there unsigned; the one that has it signs what it finds. Nothing that is read here is believed.
 *
 * Devices that have heard different things want different certificates there, and each change asks all of them. So nobody
 * puts one there twice unless it has heard something new; and since not all may keep to that, there is a pace.
 *
 * @spec XEP-0189 v0.9 §3
 */
export class CertificatePublisher {
  private readonly deps: CertificatePublisherDeps;
  private readonly options: CertificatePublisherOptions;
  private readonly pacer: Pacer;
  /** Ids of what was put there since there was news: whoever took it away knows more, or there is no room for it. */
  private readonly put = new Set<string>();
  private known: KeyInfo | undefined;

  constructor(deps: CertificatePublisherDeps, options: CertificatePublisherOptions) {
    this.deps = deps;
    this.options = options;
    this.pacer = new Pacer(deps, options.certificateInterval, (signal) => this.run(signal));
  }

  /** This gateway's own certificate, as it lay on the account last; undefined while that is not known. */
  get own(): KeyInfo | undefined {
    return this.known;
  }

  /** There is news: a connection, another list, the user key. */
  sync(): void {
    this.put.clear();
    this.pacer.ask();
  }

  /** Takes a notification; false if it tells of something else than the own node. */
  received(message: XmlElement): boolean {
    const event = parseEvent(message);
    if (event?.from !== bareJid(this.deps.channel.local) || event.node !== NS.pubkey) return false;
    this.pacer.ask();
    return true;
  }

  /** For others to read: nothing of ours waits for it. */
  private async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.deps;
    try {
      await withDeadline({ clock, signal, delay: this.options.pepTimeout, what: 'Publishing certificates' }, (within) => this.syncNow(within));
    } catch (error) {
      log.info('the certificates on the account could not be kept in step', { error });
    }
  }

  private async syncNow(signal: AbortSignal): Promise<void> {
    const { channel, network, log } = this.deps;
    if (!network.isMember) return;
    const items = await fetchItems(channel, undefined, NS.pubkey, { signal });
    this.deps.found?.(items);
    const { publish, retract, own } = planCertificates(items, certificateView(network), this.options.trust);
    this.known = own;
    const news = publish.filter(({ id }) => !this.put.has(id));
    for (const { id } of news) this.put.add(id);
    if (news.length > 0) await publishList(channel, { node: NS.pubkey, access: 'presence', maxItems: this.options.pepItems }, news, { signal });
    for (const id of retract) await retractItem(channel, NS.pubkey, id, { signal });
    if (news.length + retract.length > 0) log.info('certificates published', { published: news.length, retracted: retract.length });
  }
}
