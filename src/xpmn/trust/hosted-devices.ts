import type { KeyName } from '../model/identity.ts';
import { XpmnError } from '../kernel/errors.ts';
import { bareJid, withResource } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { issueCredentials, movedJid, privateKeyOf } from './device-credentials.ts';
import type { DeviceCredentials, IssueDeps } from './device-credentials.ts';
import { keyNameOf } from './keys.ts';
import type { DeviceEntry } from './list-document.ts';
import type { ListIssuer } from './list-issuer.ts';
import type { ListStore } from './list-store.ts';
import { resourceName, sourceName } from './names.ts';
import type { HostedRecord, NetworkDocuments } from './network-documents.ts';
import type { TrustOptions } from './options.ts';
import { currentHosts, hostedList, isRemoved } from './snapshot.ts';

export interface HostedDeps extends IssueDeps {
  readonly lists: ListStore;
  readonly issuer: ListIssuer;
  readonly documents: NetworkDocuments;
}

/**
 * The bridged devices of this gateway, which it signs for by its own device key. Not for concurrent use: its owner
 * queues. `host` is the gateway as it is at the time of the call.
 */
export class HostedDevices {
  private readonly deps: HostedDeps;
  private readonly options: TrustOptions;
  private readonly network: KeyName;
  private readonly records = new Map<string, HostedRecord>();

  constructor(deps: HostedDeps, options: TrustOptions, network: KeyName, records: readonly HostedRecord[]) {
    this.deps = deps;
    this.options = options;
    this.network = network;
    for (const record of records) this.records.set(record.id, record);
  }

  get all(): ReadonlyMap<string, DeviceCredentials> {
    return new Map([...this.records.values()].filter((record) => !this.isGone(record)).map(({ id, device }) => [id, device]));
  }

  isHost(host: DeviceCredentials): boolean {
    return currentHosts(this.deps.lists.snapshot, this.network).some(({ key }) => key === host.key);
  }

  async add(host: DeviceCredentials, id: string, name: string): Promise<DeviceCredentials> {
    const known = this.records.get(id);
    if (!known || this.isGone(known)) await this.make(host, id, name);
    await this.publish(host);
    return (this.records.get(id) as HostedRecord).device;
  }

  async remove(host: DeviceCredentials, id: string): Promise<void> {
    const known = this.records.get(id);
    if (!known) throw new XpmnError('not-found', 'There is no such device.');
    await this.publish(host, [known.device.key]);
    this.records.delete(id);
    await this.deps.documents.deleteHosted(id);
  }

  /** Moves all of them to the account of the host, and lists what is not listed. Resolves to whether any moved. */
  async follow(host: DeviceCredentials): Promise<boolean> {
    const account = bareJid(host.jid);
    let moved = false;
    for (const record of this.records.values()) {
      if (bareJid(record.device.jid) === account) continue;
      const { jid, aliases } = movedJid({ jid: record.device.jid, aliases: record.aliases }, account, this.options);
      const device = issueCredentials(this.deps, this.options, privateKeyOf(record.device), jid, record.name);
      await this.save({ ...record, aliases, device });
      moved = true;
    }
    if (this.records.size > 0 && this.isHost(host)) await this.publish(host);
    return moved;
  }

  private async make(host: DeviceCredentials, id: string, name: string): Promise<void> {
    if (!this.isHost(host)) throw notAHost();
    const key = await this.deps.generateKey();
    const jid: Jid = withResource(bareJid(host.jid), resourceName(name, keyNameOf(key)));
    await this.save({ id, name, device: issueCredentials(this.deps, this.options, key, jid, name), aliases: [] });
  }

  private async save(record: HostedRecord): Promise<void> {
    await this.deps.documents.saveHosted(record);
    this.records.set(record.id, record);
  }

  /** Issues the `hosted` list if it is not what it should be. */
  private async publish(host: DeviceCredentials, remove: readonly KeyName[] = []): Promise<void> {
    if (!this.isHost(host)) throw notAHost();
    const wanted = [...this.records.values()].filter((record) => !this.isGone(record))
      .map(({ id, device, aliases }): DeviceEntry => ({ key: device.key, jid: device.jid, roles: [], aliases, source: sourceName(this.network, id) }));
    const current = hostedList(this.deps.lists.snapshot, this.network, host.key)?.devices ?? [];
    if (remove.length === 0 && fingerprintOf(current) === fingerprintOf(wanted)) return;
    await this.deps.issuer.issue('hosted', privateKeyOf(host), () => ({ devices: wanted, remove }));
  }

  private isGone({ device }: HostedRecord): boolean {
    return isRemoved(this.deps.lists.snapshot, this.network, 'hosted', device.key);
  }
}

/** Equal for lists that say the same, in whatever order. */
function fingerprintOf(entries: readonly DeviceEntry[]): string {
  return JSON.stringify(entries.map(({ key, jid, aliases, source }) => [key, jid, source, ...aliases].join(' ')).sort());
}

function notAHost(): XpmnError {
  return new XpmnError('not-allowed', 'This device is not a host of its media network.');
}
