import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { SerialQueue } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { splitJid } from '../model/jid.ts';
import type { ConnectionState, LoginCredentials, LoginToken, XmppConnection } from '../ports/xmpp-connection.ts';
import type { Storage } from '../ports/storage.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import { afterLogin, planLogin } from '../xmpp/login-choice.ts';
import type { LoginMeans, LoginPlan, LoginWay } from '../xmpp/login-choice.ts';
import type { AccountAccess } from './account-access.ts';
import type { AccountCertificates } from './account-certificates.ts';
import { LoginRecords } from './login-records.ts';
import type { LoginRecord } from './login-records.ts';

export interface LoginKeeperDeps {
  readonly connection: XmppConnection;
  readonly device: DeviceCredentials;
  /** For people who look at the list of logins. */
  readonly name: string;
  readonly access: AccountAccess;
  readonly certificates: AccountCertificates;
  readonly storage: Storage;
  readonly random: Random;
  readonly tasks: TaskGroup;
  readonly log: Logger;
}

/**
 * - `gateway`: it finds out what the server has, manages certificates, and has the password forgotten once it can do without.
 * - `bridged`: it waits for what the gateway finds out, and goes in by a certificate that the gateway has added.
 */
export type LoginPart = 'gateway' | 'bridged';

/**
 * Decides how one device logs in, each time that something has changed: before the first login, after a refusal, and when
 * there is a better way. The connection itself does what it is told, and nothing else (`xmpp/login-choice.ts` has the rules).
 * How far it has come is written down before it counts.
 */
export class LoginKeeper {
  private readonly deps: LoginKeeperDeps;
  private readonly part: LoginPart;
  private readonly records: LoginRecords;
  private readonly queue = new SerialQueue();
  private record: LoginRecord | undefined;
  /** What of it is on the disk; undefined while that is not known. */
  private written: string | undefined;
  /** How the connection logs in now; undefined before the first time. */
  private by: LoginWay | undefined;
  private why: XpmnError | undefined;
  private isOver = false;

  constructor(deps: LoginKeeperDeps, part: LoginPart) {
    this.deps = deps;
    this.part = part;
    this.records = new LoginRecords(deps);
  }

  /** How it logs in, or tries to; undefined while it has no way. */
  get way(): LoginWay | undefined {
    return this.by;
  }

  /** Why it waits for its owner: nothing that it has lets it in. */
  get stuck(): XpmnError | undefined {
    return this.why;
  }

  start(): void {
    const { connection, certificates, access } = this.deps;
    connection.on('stateChanged', this.onState);
    connection.on('tokenIssued', this.onToken);
    certificates.on('looked', this.onNews);
    access.on('passwordForgotten', this.onNews);
    this.onNews();
  }

  /** Nothing is decided any more; the connection is its owner's to stop. */
  stop(): void {
    const { connection, certificates, access } = this.deps;
    this.isOver = true;
    connection.off('stateChanged', this.onState);
    connection.off('tokenIssued', this.onToken);
    certificates.off('looked', this.onNews);
    access.off('passwordForgotten', this.onNews);
  }

  private readonly onNews = (): void => this.enqueue((signal) => this.reconsider(signal));

  private readonly onState = (state: ConnectionState, reason: XpmnError | undefined): void => {
    const { by } = this;
    if (by === undefined) return;
    if (state === 'online') this.enqueue((signal) => this.online(by, signal));
    // Another session of this device is there: that says nothing of how it has logged in.
    if (state === 'stopped' && reason && reason.code !== 'conflict') this.enqueue((signal) => this.refused(by, reason, signal));
    if (state === 'stopped' && reason?.code === 'conflict') this.deps.log.error('another session has taken the place of this device: not trying again', { error: reason });
  };

  private readonly onToken = (issued: LoginToken): void =>
    this.enqueue(async () => void (await this.remember((record) => ({ ...record, issued, token: record.token === 'proven' ? 'proven' : 'given' }))));

  private async online(by: LoginWay, signal: AbortSignal): Promise<void> {
    this.why = undefined;
    this.deps.log.info('online', { server: splitJid(this.deps.connection.channel.local).domain, by });
    const isWritten = await this.learnt(by, 'online');
    if (this.part !== 'gateway') return;
    const { access, certificates, log } = this.deps;
    // SECURITY: never before a login by certificate has worked, and that is written down.
    if (isWritten && by === 'certificate' && this.plan()?.mayForgetPassword) {
      await access.forgetPassword().then(
        () => log.info('the password of the account was forgotten: the certificate lets this gateway in'),
        (error: unknown) => log.warn('the password of the account could not be forgotten yet', { error }),
      );
    }
    // All devices go on from there; if it fails, at the next login.
    await certificates.look(signal).catch((error: unknown) => log.info('what the server takes to log in could not be found out now', { error }));
  }

  private async refused(by: LoginWay, reason: XpmnError, signal: AbortSignal): Promise<void> {
    await this.learnt(by, reason.code);
    const next = this.plan()?.by;
    if (next !== undefined && next !== by) {
      this.deps.log.warn('the server refuses this way to log in: going on with another one', { error: reason, by, next });
      return this.reconsider(signal);
    }
    this.why = reason;
    this.deps.log.error('the server refused the login for good: not trying again', { error: reason, by });
  }

  /** Takes the best way that there is now, unless that is under way already. */
  private async reconsider(signal: AbortSignal): Promise<void> {
    this.record ??= await this.load();
    if (this.deps.certificates.areTaken !== undefined) await this.remember((record) => ({ ...record, takesCertificates: this.deps.certificates.areTaken }));
    if (this.plan()?.then === 'add-certificate' && !(await this.added(signal))) return;
    const plan = this.plan();
    if (!plan || this.isOver) return;
    if (plan.by === undefined || !this.mayTry(plan.by)) return this.wait();
    // A refused way is tried again by nobody but a new start; and a token is no reason to interrupt anything.
    const isIn = this.deps.connection.state === 'online';
    if (plan.by === this.by || (isIn && plan.by === 'token')) return;
    this.logIn(plan);
  }

  private load(): Promise<LoginRecord> {
    return this.records.load(this.deps.device).catch((error: unknown) => {
      this.deps.log.error('how far the login has come can\'t be read', { error });
      return this.records.unknown();
    });
  }

  /** Resolves to whether to go on: what the server refuses is done without; whom nobody heard is asked again at the next login. */
  private async added(signal: AbortSignal): Promise<boolean> {
    const { certificates, device, name, log } = this.deps;
    try {
      await certificates.add({ label: name, certificate: device.certificate.der, mayManage: this.part === 'gateway' }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn('the certificate could not be added to the account', { error });
      return !(error instanceof XpmnError) || error.family !== 'unreachable';
    }
    await this.remember((record) => ({ ...record, certificate: 'added' }));
    log.info('the certificate was added to the account');
    return true;
  }

  /**
   * A bridged device has patience: with the password it goes in only where there is no other way; with a certificate that
   * nobody has added it would be refused, and that would be remembered.
   */
  private mayTry(way: LoginWay): boolean {
    if (this.part === 'gateway') return true;
    const { certificates: { areTaken } } = this.deps;
    if (way === 'certificate') return this.record?.certificate !== 'made';
    return way === 'token' || areTaken !== undefined;
  }

  /** Nothing lets it in yet. If it went in by the password, that is no more: then it is over, until another start. */
  private async wait(): Promise<void> {
    const { access, certificates, connection, log } = this.deps;
    if (certificates.areTaken === undefined) return;
    this.why = new XpmnError('not-authorized', 'The server has no certificate of this device, and the password was forgotten.');
    if (this.by !== 'password' || access.password !== undefined) return;
    this.stop();
    await connection.stop();
    log.warn('this device has no way into the account any more: it is reached on the local side only');
  }

  private logIn(plan: LoginPlan): void {
    const { connection, tasks } = this.deps;
    const credentials = this.credentialsFor(plan);
    if (!credentials) return;
    this.by = credentials.kind;
    this.why = undefined;
    connection.logInBy(credentials);
    // A refusal was told by the state.
    if (connection.state === 'idle') tasks.run((signal) => connection.start({ signal }).catch(() => undefined));
  }

  private credentialsFor({ by, wantsToken }: LoginPlan): LoginCredentials | undefined {
    const { record, deps: { access: { password }, device } } = this;
    if (!record) return undefined;
    switch (by) {
      case 'certificate': return { kind: by, certificate: device.certificate.pem, privateKey: device.privateKey };
      case 'token': return record.issued && { kind: by, token: record.issued, clientId: record.clientId };
      // It said so the last time: a login only for a token is saved.
      case 'password': return password === undefined ? undefined : { kind: by, password, ...(wantsToken || record.takesCertificates === false ? { tokenFor: record.clientId } : {}) };
      case undefined: return undefined;
    }
  }

  private plan(): LoginPlan | undefined {
    return this.record && planLogin(this.meansOf(this.record), { certificates: this.deps.certificates.areTaken });
  }

  private meansOf({ certificate, token, issued }: LoginRecord): LoginMeans {
    return { hasPassword: this.deps.access.password !== undefined, certificate, token: issued || token === 'refused' ? token : 'none' };
  }

  /** Resolves to whether it is written down. */
  private async learnt(by: LoginWay, outcome: Parameters<typeof afterLogin>[2]): Promise<boolean> {
    return this.remember((record) => {
      const { certificate, token } = afterLogin(this.meansOf(record), by, outcome);
      return { ...record, certificate: certificate === 'none' ? record.certificate : certificate, token, ...(token === 'refused' ? { issued: undefined } : {}) };
    });
  }

  /** What can't be written down counts until the end of the process all the same: it is true. */
  private async remember(change: (record: LoginRecord) => LoginRecord): Promise<boolean> {
    if (!this.record) return false;
    this.record = change(this.record);
    const text = JSON.stringify(this.record);
    if (text === this.written) return true;
    try {
      await this.records.save(this.deps.device, this.record);
      this.written = text;
      return true;
    } catch (error) {
      this.deps.log.warn('how far the login has come could not be stored', { error });
      return false;
    }
  }

  private enqueue(job: (signal: AbortSignal) => Promise<void>): void {
    this.deps.tasks.run((signal) => this.queue.run(() => (this.isOver ? undefined : job(signal))));
  }
}
