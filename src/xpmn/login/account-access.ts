import { EventEmitter } from 'node:events';
import { SerialQueue } from '../kernel/tasks.ts';
import type { XmppAccount } from '../ports/xmpp-connection.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';

export interface AccountParts extends Pick<XmppAccount, 'server' | 'ca'> {
  /** Undefined where it was forgotten, or never known. */
  readonly password: string | undefined;
  /** Removes it from the disk. @throws XpmnError `storage-failed` */
  forgetPassword(): Promise<void>;
}

/** How this installation gets into its account: what all of its devices share. */
export class AccountAccess extends EventEmitter<{ passwordForgotten: [] }> {
  readonly server: AccountParts['server'];
  readonly ca: AccountParts['ca'];
  private readonly parts: Pick<AccountParts, 'forgetPassword'>;
  private readonly queue = new SerialQueue();
  private known: string | undefined;

  constructor({ server, ca, password, ...parts }: AccountParts) {
    super();
    // Every device listens, and there may be many.
    this.setMaxListeners(0);
    this.server = server;
    this.ca = ca;
    this.known = password;
    this.parts = { forgetPassword: () => parts.forgetPassword() };
  }

  /** A secret. Undefined: only certificates and tokens let the devices in. */
  get password(): string | undefined {
    return this.known;
  }

  /** A device's connection before anybody has decided how it logs in: it knows no password. */
  accountOf({ jid, certificate, privateKey }: DeviceCredentials): XmppAccount {
    const { server, ca } = this;
    return { jid, server, ca, credentials: { kind: 'certificate', certificate: certificate.pem, privateKey } };
  }

  /**
   * It is on the disk no more, and then not in memory. What a disk keeps of files that were replaced, and a process of
   * text that it has let go of, is not in our hands.
   * @throws XpmnError `storage-failed`: it is still known
   */
  forgetPassword(): Promise<void> {
    return this.queue.run(async () => {
      if (this.known === undefined) return;
      await this.parts.forgetPassword();
      this.known = undefined;
      this.emit('passwordForgotten');
    });
  }
}
