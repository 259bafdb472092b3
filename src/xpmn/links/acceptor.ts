import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { SecurityContext } from '../ports/security.ts';
import type { ListStore } from '../trust/list-store.ts';

export interface AcceptorOptions {
  /** Milliseconds between two readings of one account's lists for the sake of a stranger. */
  readonly lookUpInterval: number;
  /** Accounts remembered for that. */
  readonly lookUps: number;
}

export interface AcceptorDeps {
  readonly lists: ListStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads the lists that an account has published, and offers them to the store. Never rejects for what it finds there. */
  lookUp(account: Jid, signal: AbortSignal): Promise<void>;
}

/**
 * Says who a proven peer is: by the newest lists, and if these make it a stranger, by what its account has published,
 * looked up once. The lists speak for themselves: the server that hands them over is trusted with nothing.
 */
export function createAcceptor(deps: AcceptorDeps, options: AcceptorOptions): SecurityContext['accept'] {
  const looked = new Map<Jid, number>();

  function mayLookUp(account: Jid): boolean {
    const now = deps.clock.monotonic();
    const last = looked.get(account);
    if (last !== undefined && now - last < options.lookUpInterval) return false;
    looked.delete(account);
    looked.set(account, now);
    if (looked.size > options.lookUps) looked.delete(looked.keys().next().value as Jid);
    return true;
  }

  return async (leaf, peer, signal) => {
    const first = deps.lists.judge(leaf, peer);
    if (first.verdict !== 'stranger') return first.identity;
    const account = bareJid(peer);
    if (mayLookUp(account)) await deps.lookUp(account, signal);
    const second = deps.lists.judge(leaf, peer);
    if (second.verdict !== 'stranger') return second.identity;
    deps.log.warn('a stranger was turned away', { peer, reason: second.reason });
    throw new XpmnError('not-trusted', 'The device is not one of this media network.');
  };
}
