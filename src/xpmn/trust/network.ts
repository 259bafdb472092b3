import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import { SerialQueue } from '../kernel/tasks.ts';
import type { KeyName } from '../model/identity.ts';
import { bareJid, isFullJid, withResource } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import { judgePeer } from './acceptance.ts';
import { issueCertificate, readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { issueCredentials, movedJid, privateKeyOf } from './device-credentials.ts';
import type { DeviceCredentials, IssueDeps } from './device-credentials.ts';
import { HostedDevices } from './hosted-devices.ts';
import { isOwnCertificate, signCertificate } from './keyinfo.ts';
import type { CertificateSignature } from './keyinfo.ts';
import { keyNameOf } from './keys.ts';
import type { DeviceEntry } from './list-document.ts';
import { ListIssuer } from './list-issuer.ts';
import { ListStore } from './list-store.ts';
import type { ListStoreDeps } from './list-store.ts';
import { localBareJid, resourceName } from './names.ts';
import { NetworkDocuments } from './network-documents.ts';
import type { HostedRecord, NetworkRecord } from './network-documents.ts';
import type { TrustOptions } from './options.ts';
import { followingList, needsReissue } from './reissue.ts';
import type { ListChange } from './reissue.ts';
import { issueList, readList } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import { devicesList, friendsList, hostedList, isRemoved } from './snapshot.ts';

export type NetworkDeps = ListStoreDeps & IssueDeps;

/** What a second machine is given: its own device, and what it needs to know the others. */
export interface JoinParts {
  readonly name: string;
  readonly device: DeviceCredentials;
  readonly userCertificate: Certificate;
  readonly lists: readonly XmlElement[];
}

/**
 * The media network, as this installation is part of it: its own device (the gateway), what it hosts, the lists, and on
 * the management device the user key. Changes happen one after another, and are durable when they resolve.
 */
export class Network {
  readonly lists: ListStore;
  private readonly deps: NetworkDeps;
  private readonly options: TrustOptions;
  private readonly documents: NetworkDocuments;
  private readonly queue = new SerialQueue();
  private readonly userKey: KeyObject | undefined;
  private record: NetworkRecord;
  private readonly issuer: ListIssuer;
  private readonly hosted: HostedDevices;

  private constructor(deps: NetworkDeps, options: TrustOptions, parts: { record: NetworkRecord; lists: ListStore; userKey: KeyObject | undefined; hosted: readonly HostedRecord[] }) {
    this.deps = deps;
    this.options = options;
    this.documents = new NetworkDocuments(deps.storage);
    this.record = parts.record;
    this.lists = parts.lists;
    this.userKey = parts.userKey;
    const { lists } = parts;
    this.issuer = new ListIssuer({ lists, clock: deps.clock }, options, parts.record.network);
    this.hosted = new HostedDevices({ ...deps, lists, issuer: this.issuer, documents: this.documents }, options, parts.record.network, parts.hosted);
  }

  /**
   * A new media network with this machine as its management device; local-only without an account.
   * @throws XpmnError `already-initialised`, `storage-failed`
   */
  static async create(deps: NetworkDeps, options: TrustOptions, { name, account }: { readonly name: string; readonly account?: Jid | undefined }): Promise<Network> {
    const documents = await emptyDocuments(deps);
    const [userKey, deviceKey] = [await deps.generateKey(), await deps.generateKey()];
    const network = keyNameOf(userKey);
    const jid = withResource(account ?? localBareJid(network), resourceName(name, keyNameOf(deviceKey)));
    const userCertificate = issueCertificate(deps, options, userKey, { commonName: 'XPMN user' });
    const device = issueCredentials(deps, options, deviceKey, jid, name);
    const lists = await ListStore.open(deps, options, network);
    const first: ListChange = { devices: [{ key: device.key, jid, roles: ['host', 'management'], aliases: [] }] };
    await documents.saveUserKey(userKey);
    await lists.offer(issueList(followingList({ type: 'devices', network }, undefined, new Set(), first, deps.clock.now(), options), userKey, options).element);
    const record = { network, userCertificate, name, device };
    await documents.save(record);
    return new Network(deps, options, { record, lists, userKey, hosted: [] });
  }

  /**
   * Makes this machine the device it was made to be elsewhere; it gets no user key.
   * @throws XpmnError `already-initialised`, `not-trusted` (the lists don't have it), `malformed`, `storage-failed`
   */
  static async join(deps: NetworkDeps, options: TrustOptions, parts: JoinParts): Promise<Network> {
    const documents = await emptyDocuments(deps);
    const { device, userCertificate, name } = parts;
    const network = Network.judgeJoin(deps, options, parts);
    const lists = await ListStore.open(deps, options, network);
    await lists.offerAll(parts.lists);
    const record = { network, userCertificate, name, device };
    await documents.deleteUserKey();
    await documents.save(record);
    return new Network(deps, options, { record, lists, userKey: undefined, hosted: [] });
  }

  /** The network that these parts join, if they do. @throws XpmnError `not-trusted` (the lists don't have the device), `malformed` */
  static judgeJoin({ clock }: Pick<NetworkDeps, 'clock'>, options: TrustOptions, { device, userCertificate, lists }: JoinParts): KeyName {
    const network = readCertificate(userCertificate.der).key;
    const known = lists.map((element) => readList(element, options));
    const removed = known.map((list) => ({ network: list.network, type: list.type, signer: list.signer, keys: new Set(list.removed.map(({ key }) => key)) }));
    const question = { certificate: device.certificate.der, claimed: device.jid, lists: { network, lists: known, removed }, now: clock.now() };
    if (judgePeer(question, options).verdict !== 'own') throw new XpmnError('not-trusted', 'The lists that came along do not have this device.');
    return network;
  }

  /** What an earlier run left, or undefined if there is none. @throws XpmnError `storage-failed` */
  static async load(deps: NetworkDeps, options: TrustOptions): Promise<Network | undefined> {
    const documents = new NetworkDocuments(deps.storage);
    const record = await documents.load();
    if (!record) return undefined;
    const userKey = await documents.loadUserKey();
    if (userKey && keyNameOf(userKey) !== record.network) throw new XpmnError('storage-failed', 'The stored user key is not of this media network.');
    const lists = await ListStore.open(deps, options, record.network);
    const network = new Network(deps, options, { record, lists, userKey, hosted: await documents.loadHosted() });
    await network.adopt();
    return network;
  }

  /** The network id: the name of the user key. */
  get id(): KeyName {
    return this.record.network;
  }

  /** The bare JID of this installation's devices. */
  get bare(): Jid {
    return bareJid(this.record.device.jid);
  }

  get isLocalOnly(): boolean {
    return this.bare === localBareJid(this.id);
  }

  /** Whether the user key is here: only then devices can be added and removed. */
  get isManagement(): boolean {
    return this.userKey !== undefined;
  }

  /** Whether my network has this installation; false once it was removed. */
  get isMember(): boolean {
    return this.ownEntry() !== undefined;
  }

  /** Whether this installation may sign for bridged devices, as the newest lists say. */
  get isHost(): boolean {
    return this.hosted.isHost(this.gateway);
  }

  /** The friendly name of this gateway. */
  get name(): string {
    return this.record.name;
  }

  get gateway(): DeviceCredentials {
    return this.record.device;
  }

  get userCertificate(): Certificate {
    return this.record.userCertificate;
  }

  /** Signs certificates of own devices by the user key, for foreign readers; undefined where that key is not. */
  get certificateSigner(): ((certificate: Buffer) => CertificateSignature) | undefined {
    const { userKey } = this;
    return userKey && ((certificate) => {
      if (!isOwnCertificate(this.lists.snapshot, certificate)) throw new XpmnError('not-allowed', 'That certificate is not of an own device.');
      return signCertificate(certificate, userKey, this.userCertificate.der);
    });
  }

  /** All devices that this gateway hosts, by the adapter's id. */
  get hostedDevices(): ReadonlyMap<string, DeviceCredentials> {
    return this.hosted.all;
  }

  /**
   * Lists a device whose key was proven, e.g. by pairing. Its JID is in this account. Doing it twice is the same as once.
   * @throws XpmnError `not-allowed` (no user key here; a user key; a key that was removed), `conflict` (key or JID are taken), `too-large`
   */
  addDevice(entry: Omit<DeviceEntry, 'aliases'>): Promise<VerifiedList> {
    return this.queue.run(() => this.listDevice(entry));
  }

  /** Makes a device with a key of its own, to be carried to another machine. @throws XpmnError as `addDevice` */
  createDevice(name: string, roles: readonly string[] = []): Promise<DeviceCredentials> {
    return this.queue.run(async () => {
      const key = await this.deps.generateKey();
      const device = issueCredentials(this.deps, this.options, key, withResource(this.bare, resourceName(name, keyNameOf(key))), name);
      await this.listDevice({ key: device.key, jid: device.jid, roles });
      return device;
    });
  }

  /**
   * Removes a device for ever: its key never comes back.
   * @throws XpmnError `not-allowed` (no user key here, or it is this very device), `not-found`
   */
  removeDevice(key: KeyName): Promise<VerifiedList> {
    return this.queue.run(async () => {
      const signer = this.requireUserKey();
      if (key === this.gateway.key) throw new XpmnError('not-allowed', 'The management device can\'t remove itself.');
      if (!devicesList(this.lists.snapshot, this.id)?.devices.some((device) => device.key === key)) throw new XpmnError('not-found', 'There is no such device.');
      return this.issuer.issue('devices', signer, () => ({ remove: [key] }));
    });
  }

  /**
   * The bridged device of that id, the same for ever; made and listed when it is new. One whose key was removed comes back
   * as another device.
   * @throws XpmnError `not-allowed` if this device is not a host (any more), `too-large`, `storage-failed`
   */
  hostDevice(id: string, friendlyName: string): Promise<DeviceCredentials> {
    return this.queue.run(() => this.hosted.add(this.gateway, id, friendlyName));
  }

  /** Removes a bridged device for ever. @throws XpmnError `not-found`, `not-allowed` */
  unhostDevice(id: string): Promise<void> {
    return this.queue.run(() => this.hosted.remove(this.gateway, id));
  }

  /**
   * Moves the whole network to an account: same keys, new full JIDs, the old ones as aliases.
   * @throws XpmnError `not-allowed` (no user key here), `not-acceptable` (a full JID)
   */
  extend(account: Jid): Promise<void> {
    return this.queue.run(async () => {
      const signer = this.requireUserKey();
      if (isFullJid(account)) throw new XpmnError('not-acceptable', 'An account is a bare JID.');
      const devices = devicesList(this.lists.snapshot, this.id)?.devices ?? [];
      if (devices.some(({ jid }) => bareJid(jid) !== account)) {
        await this.issuer.issue('devices', signer, (previous) => ({ devices: (previous?.devices ?? []).map((device) => ({ ...device, ...movedJid(device, account, this.options) })) }));
      }
      await this.follow();
    });
  }

  /**
   * Follows the newest `devices` list: if it gives this device another JID, the certificates and the hosted devices do, too.
   * For whoever hears of a changed list; resolves to whether anything changed.
   */
  adopt(): Promise<boolean> {
    return this.queue.run(() => this.follow());
  }

  /** Issues again what is due and what this installation can sign; resolves to what it issued. */
  refresh(): Promise<VerifiedList[]> {
    return this.queue.run(async () => {
      const isDue = (list: VerifiedList | undefined): boolean => list !== undefined && needsReissue(list, this.deps.clock.now(), this.options);
      const { snapshot } = this.lists;
      const issued: VerifiedList[] = [];
      if (this.userKey && isDue(devicesList(snapshot, this.id))) issued.push(await this.issuer.issue('devices', this.userKey, () => ({})));
      if (this.userKey && isDue(friendsList(snapshot))) issued.push(await this.issuer.issue('friends', this.userKey, () => ({})));
      if (this.hosted.isHost(this.gateway) && isDue(hostedList(snapshot, this.id, this.gateway.key))) issued.push(await this.issuer.issue('hosted', privateKeyOf(this.gateway), () => ({})));
      return issued;
    });
  }

  private async listDevice({ key, jid, roles }: Omit<DeviceEntry, 'aliases'>): Promise<VerifiedList> {
    const signer = this.requireUserKey();
    const { snapshot } = this.lists;
    const current = devicesList(snapshot, this.id);
    const devices = current?.devices ?? [];
    if (key === this.id || isRemoved(snapshot, this.id, 'devices', key)) throw new XpmnError('not-allowed', 'A key that was removed, or a user key, can\'t become a device.');
    if (!isFullJid(jid) || bareJid(jid) !== this.bare) throw new XpmnError('conflict', 'The JID of the device is not in this account.');
    const same = devices.find((device) => device.key === key || device.jid === jid || device.aliases.includes(jid));
    if (current && same?.key === key && same.jid === jid && same.roles.join(' ') === roles.join(' ')) return current;
    if (same) throw new XpmnError('conflict', 'The media network has a device with that key or JID.');
    return this.issuer.issue('devices', signer, (previous) => ({ devices: [...(previous?.devices ?? []), { key, jid, roles, aliases: [] }] }));
  }

  private async follow(): Promise<boolean> {
    const entry = this.ownEntry();
    if (!entry) return false;
    const { device, name } = this.record;
    const moved = entry.jid !== device.jid;
    if (moved) {
      this.record = { ...this.record, device: issueCredentials(this.deps, this.options, privateKeyOf(device), entry.jid, name) };
      await this.documents.save(this.record);
    }
    return (await this.hosted.follow(this.gateway)) || moved;
  }

  private requireUserKey(): KeyObject {
    if (!this.userKey) throw new XpmnError('not-allowed', 'Only the management device of the media network can do that.');
    return this.userKey;
  }

  private ownEntry(): DeviceEntry | undefined {
    const { snapshot } = this.lists;
    if (isRemoved(snapshot, this.id, 'devices', this.gateway.key)) return undefined;
    return devicesList(snapshot, this.id)?.devices.find(({ key }) => key === this.gateway.key);
  }
}

async function emptyDocuments({ storage }: NetworkDeps): Promise<NetworkDocuments> {
  const documents = new NetworkDocuments(storage);
  if (await documents.load()) throw new XpmnError('already-initialised', 'There is a media network here already.');
  return documents;
}
