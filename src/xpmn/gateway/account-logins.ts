import type { Device } from '../device/device.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { AccountAccess } from '../login/account-access.ts';
import { AccountCertificates } from '../login/account-certificates.ts';
import type { AccountCertificatesOptions } from '../login/account-certificates.ts';
import { assertLoginCertificate } from '../login/login-certificate.ts';
import { LoginKeeper } from '../login/login-keeper.ts';
import type { LoginPart } from '../login/login-keeper.ts';
import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import type { Storage } from '../ports/storage.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import type { Network } from '../trust/network.ts';

export interface AccountLoginsDeps {
  readonly network: Network;
  readonly access: AccountAccess;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  /** The gateway device, which manages the certificates of all. */
  readonly gateway: Device;
}

/** A device of the network that is to get into the account. */
export interface Newcomer {
  readonly key: KeyName;
  readonly jid: Jid;
  /** Only a `host` is told the password, and may let others in. */
  readonly roles: readonly string[];
  /** For people who look at the list of logins. */
  readonly name: string;
  /** DER; undefined where it has sent none. */
  readonly certificate: Buffer | undefined;
}

/** How the devices of this process get into the account, how others are let in, and that removed ones are put out. */
export class AccountLogins {
  private readonly deps: AccountLoginsDeps;
  private readonly certificates: AccountCertificates;
  private readonly keepers = new Map<Device, LoginKeeper>();

  constructor(deps: AccountLoginsDeps, options: AccountCertificatesOptions) {
    this.deps = deps;
    const { gateway: { connection }, network: { lists }, clock, log } = deps;
    this.certificates = new AccountCertificates({ connection, lists, clock, log: log.child('logins') }, options);
  }

  start(): void {
    const { gateway, network } = this.deps;
    this.certificates.on('looked', this.putOutLost);
    network.lists.on('changed', this.putOutLost);
    this.keep(gateway, network.gateway, network.name, 'gateway');
  }

  stop(): void {
    this.certificates.off('looked', this.putOutLost);
    this.deps.network.lists.off('changed', this.putOutLost);
    for (const keeper of this.keepers.values()) keeper.stop();
    this.keepers.clear();
  }

  /** From now on the device is on the server, as soon as something lets it in; until `release`. */
  keep(device: Device, credentials: DeviceCredentials, name: string, part: LoginPart = 'bridged'): void {
    const { access, storage, random, tasks, log } = this.deps;
    const { connection } = device;
    if (!connection) return;
    const keeper = new LoginKeeper({ connection, device: credentials, name, access, certificates: this.certificates, storage, random, tasks, log: log.child('login', { device: device.jid }) }, part);
    this.keepers.set(device, keeper);
    keeper.start();
  }

  release(device: Device): void {
    this.keepers.get(device)?.stop();
    this.keepers.delete(device);
  }

  keeps(device: Device): boolean {
    return this.keepers.has(device);
  }

  /** Whether nothing lets the device in that it has, and its owner is needed. */
  isStuck(device: Device): boolean {
    return this.keepers.get(device)?.stuck !== undefined;
  }

  get hasPassword(): boolean {
    return this.deps.access.password !== undefined;
  }

  /**
   * What a device of the network needs to get in. A gateway is told the password, while there is one; after that, and for
   * all others, its certificate is on the account when this resolves ("order guarantee", thesis 6.2.4). Undefined: a device
   * that is no gateway, and has sent none, or the server takes none; it is part of the network all the same.
   * @throws XpmnError `not-acceptable` (not its certificate, or none), as `AccountCertificates.add`; `peer-unavailable`: not now
   */
  async letIn({ key, jid, roles, name, certificate }: Newcomer, signal: AbortSignal): Promise<CarriedAccount | undefined> {
    const { password, server, ca } = this.deps.access;
    const isGateway = roles.includes('host');
    if (isGateway && password !== undefined) return { password, server, ca };
    if (!isGateway && (!certificate || this.certificates.areTaken === false)) return undefined;
    if (!certificate) throw new XpmnError('not-acceptable', 'The account\'s password was forgotten here, and the device has sent no certificate to log in with: its program is too old.');
    assertLoginCertificate(certificate, { key, jid });
    try {
      await this.certificates.add({ label: name, certificate, mayManage: isGateway }, signal);
    } catch (error) {
      if (!(error instanceof XpmnError) || !error.retryable || signal.aborted) throw error;
      throw new XpmnError('peer-unavailable', 'This gateway does not reach the account\'s server now, and can\'t let the device in without: try again later.', { cause: error });
    }
    return { isLetIn: true, server, ca };
  }

  /** After something else has failed: it was let in for nothing. Never rejects. */
  async putOut(account: CarriedAccount | undefined, { certificate }: Pick<Newcomer, 'certificate'>, signal: AbortSignal): Promise<void> {
    if (!certificate || !account?.isLetIn) return;
    await this.certificates.takeBack(certificate, signal).catch((error: unknown) => this.deps.log.warn('a certificate stays on the account that nobody needs', { error }));
  }

  /** Revokes the certificates of removed devices; false: not now, but when this or another gateway is online again. Never rejects. */
  async revokeLost(signal: AbortSignal): Promise<boolean> {
    if (!this.certificates.areTaken) return false;
    try {
      await this.certificates.revokeLost(signal);
      return true;
    } catch (error) {
      this.deps.log.info('certificates of removed devices could not be revoked now', { error });
      return false;
    }
  }

  private readonly putOutLost = (): void => {
    const { network, gateway, tasks } = this.deps;
    const isAnyLost = network.lists.snapshot.removed.some((memory) => memory.network === network.id && memory.keys.size > 0);
    if (isAnyLost && gateway.connection?.state === 'online') tasks.run((signal) => this.revokeLost(signal));
  };
}
