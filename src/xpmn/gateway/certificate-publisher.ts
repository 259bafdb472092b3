import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { SharedRun } from '../kernel/shared-run.ts';
import { withDeadline } from '../kernel/tasks.ts';
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
  readonly signal: AbortSignal;
  /** Told what lies on the account, each time that it was read. */
  found?(items: readonly CertificateItem[]): void;
}

/**
 * The certificates of own devices, beside the lists, for programs that know only those. A device that has no user key puts
 * its own there unsigned; the one that has it signs what it finds. Nothing that is read here is believed.
 *
 * @spec XEP-0189 v0.9 §3
 */
export class CertificatePublisher {
  private readonly deps: CertificatePublisherDeps;
  private readonly options: CertificatePublisherOptions;
  private readonly run: SharedRun;
  private known: KeyInfo | undefined;

  constructor(deps: CertificatePublisherDeps, options: CertificatePublisherOptions) {
    this.deps = deps;
    this.options = options;
    const { clock, signal } = deps;
    this.run = new SharedRun((owner) => withDeadline({ clock, signal: owner, delay: options.pepTimeout, what: 'Publishing certificates' }, (within) => this.syncNow(within)), signal);
  }

  /** This gateway's own certificate, as it lay on the account last; undefined while that is not known. */
  get own(): KeyInfo | undefined {
    return this.known;
  }

  /** Whether a message tells of changes to the own node. */
  concerns(message: XmlElement): boolean {
    const event = parseEvent(message);
    return event?.from === bareJid(this.deps.channel.local) && event.node === NS.pubkey;
  }

  /** Once for all who ask before it begins. */
  sync(): Promise<void> {
    return this.run.ask();
  }

  private async syncNow(signal: AbortSignal): Promise<void> {
    const { channel, network, log } = this.deps;
    if (!network.isMember) return;
    const items = await fetchItems(channel, undefined, NS.pubkey, { signal });
    this.deps.found?.(items);
    const { publish, retract, own } = planCertificates(items, certificateView(network), this.options.trust);
    this.known = own;
    if (publish.length > 0) await publishList(channel, { node: NS.pubkey, access: 'presence', maxItems: this.options.pepItems }, publish, { signal });
    for (const id of retract) await retractItem(channel, NS.pubkey, id, { signal });
    if (publish.length + retract.length > 0) log.info('certificates published', { published: publish.length, retracted: retract.length });
  }
}
