import type { SerialQueue } from '../kernel/tasks.ts';
import type { UserKey } from './user-key.ts';

/** The password that the user key lies under, if it has one. Changes wait for their turn among all that change the network. */
export class UserKeyPassword {
  private readonly deps: { readonly queue: SerialQueue; readonly userKey: UserKey };

  constructor(deps: { readonly queue: SerialQueue; readonly userKey: UserKey }) {
    this.deps = deps;
  }

  /** Whether there is one, given since the start or not. */
  get isSet(): boolean {
    return this.deps.userKey.hasPassword;
  }

  /**
   * Lets go of the user key until it is unlocked. With a password, it lies under that one from now on, also where it had
   * another before, and nowhere without it when this resolves; a rejection changes nothing.
   * @throws XpmnError `not-allowed` (no user key here), `not-authorized` (it is locked already), `bad-password` (an empty one; none, while it has none), `storage-failed`
   */
  lock(password?: string): Promise<void> {
    return this.deps.queue.run(() => this.deps.userKey.lock(password));
  }

  /**
   * Puts the user key at hand until it is locked again or the process ends: in memory only. `Network.refresh` then issues what waited.
   * @throws XpmnError `not-allowed` (no user key here), `bad-password`
   */
  unlock(password: string): Promise<void> {
    return this.deps.queue.run(() => this.deps.userKey.unlock(password));
  }

  /**
   * Puts the user key under a password, or under another one than `current`; it is as locked as before.
   * @throws XpmnError `not-allowed` (no user key here), `bad-password` (an empty one, or `current` is not the one it has), `storage-failed`
   */
  change(current: string | undefined, next: string): Promise<void> {
    return this.deps.queue.run(() => this.deps.userKey.changePassword(current, next));
  }

  /** Lets the user key lie without a password again. @throws XpmnError `not-allowed` (no user key here), `bad-password`, `storage-failed` */
  remove(password: string): Promise<void> {
    return this.deps.queue.run(() => this.deps.userKey.removePassword(password));
  }
}
