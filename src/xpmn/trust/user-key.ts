import type { KeyObject } from 'node:crypto';
import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { keyNameOf, privateKeyFromPem, privateKeyPem } from './keys.ts';
import type { NetworkDocuments } from './network-documents.ts';
import { checkSealed, seal, unseal } from './sealed-file.ts';
import type { SealedKind, SealOptions } from './sealed-file.ts';

/** How the user key lies here: as it is, or under a password. */
export type StoredUserKey = { readonly key: KeyObject } | { readonly sealed: Buffer };

/** The sealed document: its content is the key as PKCS#8 PEM. */
const SEALED_USER_KEY: SealedKind = { magic: 'XPMNUKEY', name: 'stored user key' };

export interface UserKeyDeps {
  readonly documents: NetworkDocuments;
  readonly random: Random;
}

/**
 * The user key of this installation. Without a password it lies on the disk as it is, and is always at hand. Under one,
 * only its sealed form does: after a start it is locked; unlocked, it is at hand until it is locked again or the process
 * ends. Not for concurrent use: its owner queues.
 */
export class UserKey {
  private readonly deps: UserKeyDeps;
  private readonly options: SealOptions;
  private readonly network: KeyName;
  private key: KeyObject | undefined;
  private sealed: Buffer | undefined;

  /** @throws XpmnError `storage-failed` (the key is not of that network, or the sealed form is damaged) */
  constructor(deps: UserKeyDeps, options: SealOptions, network: KeyName, stored: StoredUserKey | undefined) {
    this.deps = deps;
    this.options = options;
    this.network = network;
    if (!stored) return;
    if ('key' in stored) this.key = this.verified(stored.key);
    else this.sealed = this.checked(stored.sealed);
  }

  /** Whether it is here at all, locked or not. */
  get isHere(): boolean {
    return this.key !== undefined || this.hasPassword;
  }

  get hasPassword(): boolean {
    return this.sealed !== undefined;
  }

  get isLocked(): boolean {
    return this.hasPassword && this.key === undefined;
  }

  /** The key, if it is at hand. */
  get current(): KeyObject | undefined {
    return this.key;
  }

  /** @throws XpmnError `not-allowed` (it is not here), `not-authorized` (it is locked) */
  required(): KeyObject {
    if (this.key) return this.key;
    if (this.isLocked) throw new XpmnError('not-authorized', 'The user key is locked: it has to be unlocked first, on the machine that manages the media network.');
    throw new XpmnError('not-allowed', 'Only the management device of the media network can do that.');
  }

  /**
   * Lets go of the key, until it is unlocked. With a password, that is the one from now on, also where it had another
   * before; when this resolves, the key lies nowhere without it. If it rejects, nothing has changed.
   * @throws XpmnError `bad-password` (an empty one, or none while it has none), `storage-failed`; as `required`
   */
  async lock(password?: string): Promise<void> {
    if (password !== undefined) await this.setPassword(password);
    else if (!this.hasPassword) throw this.isHere ? new XpmnError('bad-password', 'The user key needs a password to be locked.') : this.absent();
    this.key = undefined;
  }

  /** Puts the key at hand, in memory only. @throws XpmnError `bad-password`, `storage-failed`, `not-allowed` (it is not here) */
  async unlock(password: string): Promise<void> {
    if (!this.isHere) throw this.absent();
    if (this.sealed) this.key = await this.open(this.sealed, password);
  }

  /**
   * Puts the key under a password, or under another one than `current`; it is as locked as before. If it rejects, nothing
   * has changed.
   * @throws XpmnError `bad-password` (an empty one, or `current` is not the one it has), `storage-failed`, `not-allowed` (it is not here)
   */
  async changePassword(current: string | undefined, next: string): Promise<void> {
    const before = this.key;
    try {
      await this.unlock(current ?? '');
      await this.setPassword(next);
    } finally {
      this.key = before;
    }
  }

  /**
   * Lets the key lie as it is again, at hand after every start. If it rejects, the password may be gone or not; the key is
   * there.
   * @throws XpmnError `bad-password`, `storage-failed`, `not-allowed` (it is not here)
   */
  async removePassword(password: string): Promise<void> {
    await this.unlock(password);
    await this.deps.documents.saveUserKey(this.required());
    this.sealed = undefined;
  }

  /** The key has been handed over to this machine: it lies here without a password. @throws XpmnError `storage-failed` (also: not of this network) */
  async take(key: KeyObject): Promise<void> {
    if (this.isHere) return;
    await this.deps.documents.saveUserKey(this.verified(key));
    this.key = key;
  }

  /** It is on another machine now, and nowhere here. If it rejects, it is as much at hand as before. @throws XpmnError `storage-failed` */
  async forget(): Promise<void> {
    await this.deps.documents.deleteUserKey();
    this.key = undefined;
    this.sealed = undefined;
  }

  private async setPassword(password: string): Promise<void> {
    const key = this.required();
    const sealed = await seal(SEALED_USER_KEY, privateKeyPem(key), password, this.deps, this.options);
    // The other copies are deleted for it: what can't be opened must not take their place.
    await this.open(sealed, password);
    await this.deps.documents.saveSealedUserKey(sealed);
    if (!this.hasPassword) await this.deps.documents.deletePlainUserKey();
    this.sealed = sealed;
  }

  private async open(sealed: Buffer, password: string): Promise<KeyObject> {
    const pem = await unseal(SEALED_USER_KEY, sealed, password, this.options).catch((error: unknown) => {
      if (!(error instanceof XpmnError) || error.code !== 'bad-password') throw error;
      throw new XpmnError('bad-password', 'That is not the password of the user key, or the key is damaged.');
    });
    return this.verified(privateKeyFromPem(pem));
  }

  private verified(key: KeyObject): KeyObject {
    if (keyNameOf(key) !== this.network) throw new XpmnError('storage-failed', 'The stored user key is not of this media network.');
    return key;
  }

  private checked(sealed: Buffer): Buffer {
    try {
      checkSealed(SEALED_USER_KEY, sealed, this.options);
      return sealed;
    } catch (error) {
      throw new XpmnError('storage-failed', 'The stored user key is damaged.', { cause: error });
    }
  }

  private absent(): XpmnError {
    return new XpmnError('not-allowed', 'The user key of the media network is not on this machine.');
  }
}
