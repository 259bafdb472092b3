import { XpmnError } from '../kernel/errors.ts';
import { SerialQueue } from '../kernel/tasks.ts';
import type { KeyName } from '../model/identity.ts';
import { bareJid, withResource } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import { judgePeer } from './acceptance.ts';
import { issueCertificate, readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { issueCredentials, privateKeyOf } from './device-credentials.ts';
import type { DeviceCredentials, IssueDeps } from './device-credentials.ts';
import { inReadingOrder } from './heads.ts';
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
import { MANAGEMENT_ROLES, restoreDevice } from './restore.ts';
import type { BackupParts } from './restore.ts';
import { issueList, readList } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import { devicesList, hostedList, isRemoved } from './snapshot.ts';
import { UserKey } from './user-key.ts';
import type { StoredUserKey } from './user-key.ts';
import { UserKeyPassword } from './user-key-password.ts';
import { UserKeyTransfer } from './user-key-transfer.ts';
import { UserLists } from './user-lists.ts';
import type { Unlisted } from './user-lists.ts';

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
  /** The user key, on its way to another device or here from one. */
  readonly transfer: UserKeyTransfer;
  readonly keyPassword: UserKeyPassword;
  private readonly deps: NetworkDeps;
  private readonly options: TrustOptions;
  private readonly documents: NetworkDocuments;
  private readonly queue = new SerialQueue();
  private readonly userKey: UserKey;
  private record: NetworkRecord;
  private readonly issuer: ListIssuer;
  private readonly userLists: UserLists;
  private readonly hosted: HostedDevices;

  private constructor(deps: NetworkDeps, options: TrustOptions, parts: { record: NetworkRecord; lists: ListStore; userKey: StoredUserKey | undefined; hosted: readonly HostedRecord[] }) {
    this.deps = deps;
    this.options = options;
    this.documents = new NetworkDocuments(deps.storage);
    this.record = parts.record;
    this.lists = parts.lists;
    const { lists, record: { network } } = parts;
    this.userKey = new UserKey({ ...deps, documents: this.documents }, options.credentials, network, parts.userKey);
    this.issuer = new ListIssuer({ lists, clock: deps.clock }, options, network);
    this.userLists = new UserLists({ lists, issuer: this.issuer, clock: deps.clock, userKey: this.userKey }, options, network);
    this.transfer = new UserKeyTransfer({ lists, queue: this.queue, userKey: this.userKey, userLists: this.userLists }, network, this.gateway.key);
    this.keyPassword = new UserKeyPassword({ queue: this.queue, userKey: this.userKey });
    this.hosted = new HostedDevices({ ...deps, lists, issuer: this.issuer, documents: this.documents }, options, network, parts.hosted);
  }

  /**
   * A new media network with this machine as its management device; local-only without an account.
   * @throws XpmnError `already-initialised`, `storage-failed`
   */
  static async create(deps: NetworkDeps, options: TrustOptions, { name, account }: { readonly name: string; readonly account?: Jid | undefined }): Promise<Network> {
    const documents = await NetworkDocuments.empty(deps.storage);
    const [userKey, deviceKey] = [await deps.generateKey(), await deps.generateKey()];
    const network = keyNameOf(userKey);
    const jid = withResource(account ?? localBareJid(network), resourceName(name, keyNameOf(deviceKey)));
    const userCertificate = issueCertificate(deps, options, userKey, { commonName: 'XPMN user' });
    const device = issueCredentials(deps, options, deviceKey, jid, name);
    const lists = await ListStore.open(deps, options, network);
    const first: ListChange = { devices: [{ key: device.key, jid, roles: MANAGEMENT_ROLES, aliases: [] }] };
    await documents.saveUserKey(userKey);
    await lists.offer(issueList(followingList({ type: 'devices', network }, undefined, new Set(), first, deps.clock.now(), options), userKey, options).element);
    const record = { network, userCertificate, name, device };
    await documents.save(record);
    return new Network(deps, options, { record, lists, userKey: { key: userKey }, hosted: [] });
  }

  /**
   * Makes this machine the management device of the network that the backup is of, as a new device of it. What happened in
   * that network since the backup was made is known as far as `parts.lists` tell it: pass the newest that can be had, too.
   * The rest is learnt from other devices: removals count when they come, what was added turns up in `unlisted`.
   * @throws XpmnError `already-initialised`, `malformed` (not the parts of one network), `too-large`, `storage-failed`
   */
  static async restore(deps: NetworkDeps, options: TrustOptions, parts: BackupParts): Promise<Network> {
    const documents = await NetworkDocuments.empty(deps.storage);
    const { name, userKey, userCertificate } = parts;
    const { network, lists, device } = await restoreDevice(deps, options, parts);
    await documents.saveUserKey(userKey);
    const record = { network, userCertificate, name, device };
    await documents.save(record);
    return new Network(deps, options, { record, lists, userKey: { key: userKey }, hosted: [] });
  }

  /**
   * Makes this machine the device it was made to be elsewhere; it gets no user key.
   * @throws XpmnError `already-initialised`, `not-trusted` (the lists don't have it), `malformed`, `storage-failed`
   */
  static async join(deps: NetworkDeps, options: TrustOptions, parts: JoinParts): Promise<Network> {
    const documents = await NetworkDocuments.empty(deps.storage);
    const { device, userCertificate, name } = parts;
    const network = Network.judgeJoin(deps, options, parts);
    const lists = await ListStore.open(deps, options, network);
    await lists.offerAll(parts.lists);
    const record = { network, userCertificate, name, device };
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
    const lists = await ListStore.open(deps, options, record.network);
    const network = new Network(deps, options, { record, lists, userKey, hosted: await documents.loadHosted() });
    await network.queue.run(() => network.follow());
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

  /** Whether the user key is here, at hand or locked. */
  get isManagement(): boolean {
    return this.userKey.isHere;
  }

  /** Whether the user key is here and at hand: only then devices can be added and removed. */
  get canSign(): boolean {
    return this.userKey.current !== undefined;
  }

  /** Whether the user key is here, under a password that was not given since the start. */
  get isLocked(): boolean {
    return this.userKey.isLocked;
  }

  /** @throws XpmnError `not-authorized` while the user key is here and locked; it may be on another machine */
  assertUnlocked(): void {
    if (this.isLocked) this.userKey.required();
  }

  /** Lists that wait for the user key to be unlocked: it is time to issue them again, or they are wrong. Others go on with what they have; friends do not for ever. */
  get waitingLists(): readonly VerifiedList[] {
    return this.isLocked ? this.userLists.pending(this.asManagement) : [];
  }

  /**
   * What somebody with the same user key had listed, and the newest list leaves out without its having been removed: added
   * after a backup that was restored, most likely. `relist` and `removeDevice` decide it; only the owner can.
   */
  get unlisted(): Unlisted {
    return this.userLists.unlisted;
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

  /** Signs certificates of own devices by the user key, for foreign readers; undefined where that key is not, or is locked. */
  get certificateSigner(): ((certificate: Buffer) => CertificateSignature) | undefined {
    const { current: userKey } = this.userKey;
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
   * `listing` is called when it is its turn; if that throws, nothing happens.
   * @throws XpmnError `not-allowed` (no user key here; a user key; a key that was removed), `not-authorized` (the user key is locked),
   *   `conflict` (key or JID are taken), `too-large`
   */
  addDevice(entry: Omit<DeviceEntry, 'aliases'>, { listing }: { listing?(): void } = {}): Promise<VerifiedList> {
    return this.queue.run(() => {
      listing?.();
      return this.userLists.add(entry, this.bare);
    });
  }

  /** Makes a device with a key of its own, to be carried to another machine. @throws XpmnError as `addDevice` */
  createDevice(name: string, roles: readonly string[] = []): Promise<DeviceCredentials> {
    return this.queue.run(async () => {
      const key = await this.deps.generateKey();
      const device = issueCredentials(this.deps, this.options, key, withResource(this.bare, resourceName(name, keyNameOf(key))), name);
      await this.userLists.add({ key: device.key, jid: device.jid, roles }, this.bare);
      return device;
    });
  }

  /**
   * Removes a device for ever, also one that is `unlisted`: its key never comes back.
   * @throws XpmnError `not-allowed` (no user key here, or it is this very device), `not-authorized` (the user key is locked), `not-found`
   */
  removeDevice(key: KeyName): Promise<VerifiedList> {
    return this.queue.run(async () => {
      if (this.canSign && key === this.gateway.key) throw new XpmnError('not-allowed', 'The management device can\'t remove itself.');
      return this.userLists.remove(key);
    });
  }

  /**
   * Lists a device or friend that is `unlisted` again; a device in this account, whatever it was in.
   * @throws XpmnError `not-allowed` (no user key here), `not-authorized` (it is locked), `not-found`, `conflict` (its JID is taken), `too-large`
   */
  relist(key: KeyName): Promise<VerifiedList> {
    return this.queue.run(() => this.userLists.relist(key, this.bare));
  }

  /** All that a backup needs, but for the account's own secrets. @throws XpmnError `not-allowed` (no user key here), `not-authorized` (it is locked) */
  exportBackup(): BackupParts {
    const { bare: account, name, userCertificate, lists: { snapshot, overtaken } } = this;
    const userKey = this.userKey.required();
    const lists = inReadingOrder([...overtaken, ...snapshot.lists], this.id).slice(0, this.options.heads);
    return { account, name, userKey, userCertificate, lists: lists.map(({ element }) => element), removed: snapshot.removed };
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
   * @throws XpmnError `not-allowed` (no user key here), `not-authorized` (it is locked), `not-acceptable` (a full JID)
   */
  extend(account: Jid): Promise<void> {
    return this.queue.run(async () => {
      await this.userLists.move(account);
      await this.follow();
    });
  }

  /** What this gateway is called from now on; what names it in the network stays. @throws XpmnError `storage-failed` */
  rename(name: string): Promise<void> {
    return this.queue.run(() => this.documents.save((this.record = { ...this.record, name })));
  }

  /**
   * Follows the newest `devices` list: if it gives this device another JID, the certificates and the hosted devices do, too.
   * Where the user key is at hand, lists that are wrong by what is known now are mended.
   * For whoever hears of a changed list; resolves to whether this device is another one now, or one that it hosts.
   */
  adopt(): Promise<boolean> {
    return this.queue.run(async () => {
      await this.userLists.mend(this.asManagement);
      return this.follow();
    });
  }

  /** Issues again what is due and what this installation can sign; resolves to what it issued. */
  refresh(): Promise<VerifiedList[]> {
    return this.queue.run(async () => {
      const issued = await this.userLists.refresh(this.asManagement);
      const hosted = hostedList(this.lists.snapshot, this.id, this.gateway.key);
      if (hosted && this.isHost && needsReissue(hosted, this.deps.clock.now(), this.options)) issued.push(await this.issuer.issue('hosted', privateKeyOf(this.gateway), () => ({})));
      return issued;
    });
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

  /** This device as it is listed where no list has it yet. */
  private get asManagement(): DeviceEntry {
    const { key, jid } = this.gateway;
    return { key, jid, roles: MANAGEMENT_ROLES, aliases: [] };
  }

  private ownEntry(): DeviceEntry | undefined {
    const { snapshot } = this.lists;
    if (isRemoved(snapshot, this.id, 'devices', this.gateway.key)) return undefined;
    return devicesList(snapshot, this.id)?.devices.find(({ key }) => key === this.gateway.key);
  }
}
