import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { Session } from './session.ts';

export interface CallLimits {
  /** Sessions of this device. */
  readonly sessions: number;
  /** Sessions with one peer (full JID). */
  readonly sessionsPerPeer: number;
  /** Sessions that are not open yet. */
  readonly pending: number;
  /** The same, of one account (bare JID). */
  readonly pendingPerAccount: number;
  /** Calls of one account at once, and per minute afterwards. */
  readonly callBurst: number;
  readonly callsPerMinute: number;
  /** Accounts whose calls are counted; the one that was silent longest is forgotten first. */
  readonly countedAccounts: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** How many sessions there may be, and how often peers may call. */
export class CallGate {
  private readonly clock: Clock;
  private readonly limits: CallLimits;
  private readonly buckets = new Map<Jid, Bucket>();

  constructor(clock: Clock, limits: CallLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  /** One more session with `peer`, beside `sessions`. @throws XpmnError `resource-limit` */
  admit(peer: Jid, sessions: Iterable<Session>): void {
    const { limits } = this;
    const account = bareJid(peer);
    const counts = { sessions: 0, sessionsPerPeer: 0, pending: 0, pendingPerAccount: 0 };
    for (const { spec, state } of sessions) {
      const pending = state !== 'open';
      counts.sessions += 1;
      if (spec.peer === peer) counts.sessionsPerPeer += 1;
      if (pending) counts.pending += 1;
      if (pending && bareJid(spec.peer) === account) counts.pendingPerAccount += 1;
    }
    for (const what of Object.keys(counts) as (keyof typeof counts)[]) {
      if (counts[what] >= limits[what]) throw new XpmnError('resource-limit', 'Too many sessions.');
    }
  }

  /** One more call of `peer`. @throws XpmnError `resource-limit` */
  count(peer: Jid): void {
    const { callBurst, callsPerMinute, countedAccounts } = this.limits;
    const account = bareJid(peer);
    const now = this.clock.monotonic();
    const { tokens, at } = this.buckets.get(account) ?? { tokens: callBurst, at: now };
    const left = Math.min(callBurst, tokens + ((now - at) * callsPerMinute) / 60_000) - 1;
    this.buckets.delete(account);
    this.buckets.set(account, { tokens: Math.max(0, left), at: now });
    keepNewest(this.buckets, countedAccounts);
    if (left < 0) throw new XpmnError('resource-limit', 'Too many calls.');
  }
}
