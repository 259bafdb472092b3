import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { elements } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import { formatAdd, formatRemove } from '../profiles/management.ts';
import type { DeviceEntry } from '../trust/list-document.ts';
import type { Network } from '../trust/network.ts';
import { signedIn } from '../trust/signed-list.ts';
import { devicesList, isRemoved } from '../trust/snapshot.ts';

export interface MembershipDeps {
  readonly network: Network;
  readonly links: PeerLinks;
  readonly clock: Clock;
  /** Puts the lists on the account, if there is one that answers; never rejects for what goes wrong there. `signal` ends the wait only. */
  publish(signal: AbortSignal): Promise<void>;
}

export interface MembershipOptions {
  readonly listsPerAnswer: number;
  /** Milliseconds that a new device waits for its list to be published. */
  readonly publishTime: number;
}

/**
 * Which devices belong to the network: changed here, where the user key is, else by the management device, which is asked.
 * What it answers is believed only if the lists say so.
 */
export class Membership {
  private readonly deps: MembershipDeps;
  private readonly options: MembershipOptions;

  constructor(deps: MembershipDeps, options: MembershipOptions) {
    this.deps = deps;
    this.options = options;
  }

  /**
   * Listed when it resolves and, where that is possible in short time, published. `listing` is called right before it is
   * listed; if it throws, nothing happens. From then on nothing is given up by `signal` but waiting for the server.
   * @throws XpmnError as `Network.addDevice`, `not-authorized` also where the user key is locked on the management device; could not reach that
   */
  async add(entry: Omit<DeviceEntry, 'aliases'>, { signal, listing }: { readonly signal: AbortSignal; listing(): void }): Promise<void> {
    const { network } = this.deps;
    if (network.isManagement) await network.addDevice(entry, { listing });
    else await this.atManager(formatAdd(entry), signal, listing);
    if (!this.entries().some(({ key, jid }) => key === entry.key && jid === entry.jid)) throw new XpmnError('protocol-violation', 'The management device has not listed the new device.');
    await this.publishSoon(signal);
  }

  /** The same for a removal, which is for ever; resolves to what the device was. @throws XpmnError `not-found`, `not-allowed`, `not-authorized`; could not reach the management device */
  async remove(device: Jid, signal: AbortSignal): Promise<DeviceEntry> {
    const { network } = this.deps;
    const entry = this.entryOf(device);
    const { key } = entry;
    if (network.isManagement) await network.removeDevice(key);
    else await this.atManager(formatRemove(key), signal);
    if (!isRemoved(network.lists.snapshot, network.id, 'devices', key)) throw new XpmnError('protocol-violation', 'The management device has not removed the device.');
    await this.deps.publish(signal);
    return entry;
  }

  /** Takes in again what joined after the backup that the network was restored from. @throws XpmnError `not-found`; as `Network.relist` */
  async relist(device: Jid, signal: AbortSignal): Promise<void> {
    const { network } = this.deps;
    const entry = network.unlisted.devices.find(({ jid }) => jid === device);
    if (!entry) throw new XpmnError('not-found', 'That is no machine that waits to be taken in again.');
    await network.relist(entry.key);
    await this.deps.publish(signal);
  }

  /** A server that does not answer keeps nobody waiting: it hears the rest in the background. */
  private async publishSoon(signal: AbortSignal): Promise<void> {
    const { clock, publish } = this.deps;
    await withDeadline({ clock, signal, delay: this.options.publishTime, what: 'Publishing the list' }, publish).catch(() => undefined);
  }

  private entryOf(device: Jid): DeviceEntry {
    const known = [...this.entries(), ...this.deps.network.unlisted.devices];
    const entry = known.find(({ jid, aliases }) => jid === device || aliases.includes(device));
    if (!entry) throw new XpmnError('not-found', 'That is no machine of the media network by itself: what a gateway bridges goes with the gateway.');
    return entry;
  }

  private async atManager(payload: XmlElement, signal: AbortSignal, listing?: () => void): Promise<void> {
    const manager = this.entries().find(({ roles }) => roles.includes('management'));
    if (!manager) throw new XpmnError('not-allowed', 'The media network has no device that may add and remove others.');
    const channel = await this.deps.links.to(manager.jid).channel({ signal });
    listing?.();
    // What was asked for may be done, whoever has gone meanwhile: its answer is heard.
    const [answer] = elements(await channel.request({ type: 'set', payload }, { signal: listing ? channel.closed : signal }).catch((error: unknown) => Promise.reject(lockedThere(error))));
    if (answer) await this.deps.network.lists.offerAll(signedIn(answer, this.options.listsPerAnswer));
  }

  private entries(): readonly DeviceEntry[] {
    const { network } = this.deps;
    return devicesList(network.lists.snapshot, network.id)?.devices ?? [];
  }
}

/** In our own words: this one goes on to whoever asked us. */
function lockedThere(error: unknown): unknown {
  if (!(error instanceof XpmnError) || error.code !== 'not-authorized') return error;
  return new XpmnError('not-authorized', 'The user key is locked: it has to be unlocked first, on the machine that manages the media network.');
}
