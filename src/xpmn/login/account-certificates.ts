import { EventEmitter } from 'node:events';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { SerialQueue, withDeadline } from '../kernel/tasks.ts';
import type { XmppConnection } from '../ports/xmpp-connection.ts';
import type { ListStore } from '../trust/list-store.ts';
import { isLost } from '../trust/lost-keys.ts';
import { findClientCertificates } from '../xmpp/client-certificates.ts';
import type { AddedCertificate, ClientCertificates, ClientCertificatesOptions } from '../xmpp/client-certificates.ts';

export interface AccountCertificatesDeps {
  /** Of the gateway device: it does this for all. Undefined without an account. */
  readonly connection: XmppConnection | undefined;
  readonly lists: ListStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AccountCertificatesOptions extends ClientCertificatesOptions {
  /** ms for finding out what the server has, for adding one certificate, and for revoking what is to be revoked. */
  readonly answerTimeout: number;
  /** Certificates that are revoked in one round; the rest waits for the next. */
  readonly revocations: number;
}

/**
 * The certificates that log in to the account, as the gateway device manages them: it adds those of the devices around it,
 * and revokes those of removed devices, whoever else does, too. All of it can be done twice.
 */
export class AccountCertificates extends EventEmitter<{ looked: [] }> {
  private readonly deps: AccountCertificatesDeps;
  private readonly options: AccountCertificatesOptions;
  private readonly queue = new SerialQueue();
  private found: ClientCertificates | undefined;
  private known: boolean | undefined;

  constructor(deps: AccountCertificatesDeps, options: AccountCertificatesOptions) {
    super();
    this.setMaxListeners(0);
    this.deps = deps;
    this.options = options;
  }

  /** Whether the server takes certificates from its users; undefined while nobody has looked. */
  get areTaken(): boolean | undefined {
    return this.known;
  }

  /** Finds out what the server has, at every login: it may have learnt. @throws XpmnError could not reach */
  look(signal: AbortSignal): Promise<void> {
    return this.queue.run(async () => {
      const { channel } = this.online();
      try {
        this.found = await this.bounded(signal, 'Asking the server whether it takes certificates', (within) => findClientCertificates(channel, this.options, { signal: within }));
      } catch (error) {
        // Who does not answer has none, until the next time: nobody waits for it.
        if (!(error instanceof XpmnError && error.code === 'timeout')) throw error;
        this.found = undefined;
      }
      this.known = this.found !== undefined;
      this.emit('looked');
    });
  }

  /**
   * Lets a device of the account log in by its certificate. Done when it resolves.
   * @throws XpmnError `server-unreachable`, `timeout`, `connection-lost`; `not-supported`: the server takes no certificates; as it says:
   *   `not-authorized`, `not-allowed`, `bad-request`, `not-acceptable`; `not-trusted`: it is of a device that was removed
   */
  add(added: AddedCertificate, signal: AbortSignal): Promise<void> {
    return this.queue.run(async () => {
      // SECURITY: what is revoked by us on one side is not added by us on the other.
      if (isLost(this.deps.lists.snapshot, added.certificate)) throw new XpmnError('not-trusted', 'That device was removed from the media network.');
      const found = this.managed();
      await this.bounded(signal, 'Adding a certificate to the account', (within) => found.add(added, { signal: within }));
    });
  }

  /** Takes one back that was added, and nobody has used yet. @throws XpmnError as `add` */
  async takeBack(certificate: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.queue.run(() => this.bounded(signal, 'Removing a certificate from the account', (within) => this.managed().revoke(certificate, { signal: within })));
  }

  /**
   * Revokes the certificates whose keys were removed from the network; the server ends their sessions. Resolves to how
   * many. @throws XpmnError as `add`
   */
  revokeLost(signal: AbortSignal): Promise<number> {
    return this.queue.run(async () => {
      const found = this.managed();
      return this.bounded(signal, 'Revoking certificates', async (within) => {
        const { snapshot } = this.deps.lists;
        const lost = (await found.list({ signal: within })).flatMap(({ certificate }) => (certificate && isLost(snapshot, certificate) ? [certificate] : []));
        for (const certificate of lost.slice(0, this.options.revocations)) await found.revoke(certificate, { signal: within });
        if (lost.length > 0) this.deps.log.info('certificates of removed devices were revoked at the server', { count: lost.length });
        return lost.length;
      });
    });
  }

  private managed(): ClientCertificates {
    this.online();
    if (this.known === undefined) throw new XpmnError('server-unreachable', 'What the account\'s server can do is not known yet.');
    if (!this.found) throw new XpmnError('not-supported', 'The account\'s server takes no certificates to log in with.');
    return this.found;
  }

  private online(): XmppConnection {
    const { connection } = this.deps;
    if (connection?.state !== 'online') throw new XpmnError('server-unreachable', 'This gateway is not connected to the account\'s server.');
    return connection;
  }

  private bounded<T>(signal: AbortSignal, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.deps.clock, signal, delay: this.options.answerTimeout, what }, work);
  }
}
