import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { SecurityContext } from '../ports/security.ts';
import type { ListStore } from '../trust/list-store.ts';

export interface AcceptorOptions {
  /** Milliseconds between two readings of one account's lists for the sake of a stranger. */
  readonly lookUpInterval: number;
  /** Milliseconds that a peer is kept waiting for that; then it is judged by what is known. */
  readonly lookUpTimeout: number;
  /** Accounts remembered for that. */
  readonly lookUps: number;
}

export interface AcceptorDeps {
  readonly lists: ListStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads the lists that an account has published, and offers them to the store. Never rejects for what it finds there; ends by itself. */
  lookUp(account: Jid): Promise<void>;
}

export interface Acceptor {
  readonly accept: SecurityContext['accept'];
  /** Whether a peer that was accepted still would be, by what is known now. */
  stillHolds(identity: PeerIdentity): boolean;
}

/**
 * Says who a proven peer is: by the newest lists, and if these make it a stranger, by what its account has published,
 * looked up once. The lists speak for themselves: the server that hands them over is trusted with nothing.
 */
export function createAcceptor(deps: AcceptorDeps, options: AcceptorOptions): Acceptor {
  const leaves = new WeakMap<PeerIdentity, Buffer>();
  const looked = new Map<Jid, { readonly at: number; readonly done: Promise<void> }>();

  /** One look-up per account and interval; who comes meanwhile waits for the same one. It does not end with the first who asked. */
  function lookUp(account: Jid): Promise<void> {
    const now = deps.clock.monotonic();
    const last = looked.get(account);
    if (last && now - last.at < options.lookUpInterval) return last.done;
    const done = deps.lookUp(account).catch((error: unknown) => deps.log.info('the lists of an account could not be read', { account, error }));
    looked.delete(account);
    looked.set(account, { at: now, done });
    if (looked.size > options.lookUps) looked.delete(looked.keys().next().value as Jid);
    return done;
  }

  function judge(leaf: Buffer, peer: Jid): PeerIdentity | string {
    const judgement = deps.lists.judge(leaf, peer);
    if (judgement.verdict === 'stranger') return judgement.reason;
    leaves.set(judgement.identity, leaf);
    return judgement.identity;
  }

  async function waitFor(done: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await withDeadline({ clock: deps.clock, signal, delay: options.lookUpTimeout, what: 'Reading the lists of an account' }, () => done);
    } catch {
      throwIfAborted(signal);
    }
  }

  async function accept(leaf: Buffer, peer: Jid, signal: AbortSignal): Promise<PeerIdentity> {
    const first = judge(leaf, peer);
    if (typeof first !== 'string') return first;
    await waitFor(lookUp(bareJid(peer)), signal);
    const second = judge(leaf, peer);
    if (typeof second !== 'string') return second;
    deps.log.warn('a stranger was turned away', { peer, reason: second });
    throw new XpmnError('not-trusted', 'The device is not one of this media network.');
  }

  return {
    accept,
    stillHolds(identity) {
      const leaf = leaves.get(identity);
      if (!leaf) return false;
      const judgement = deps.lists.judge(leaf, identity.jid);
      return judgement.verdict === identity.verdict && judgement.identity.network === identity.network;
    },
  };
}
