import type { Clock } from '../kernel/clock.ts';
import { deferred, withDeadline } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { Role } from '../ports/transport.ts';
import type { Jingle } from './codec.ts';
import type { Session } from './session.ts';

/** Our role says who the initiator is: (peer, initiator, sid). */
export interface SessionKey {
  readonly peer: Jid;
  readonly role: Role;
  readonly sid: string;
}

/** The sessions of one device, keyed by (peer, initiator, sid): a sid of the peer's choice never meets one of ours. */
export class SessionTable implements Iterable<Session> {
  private readonly live = new Map<string, Session>();
  private readonly ending = new Set<Promise<void>>();
  private readonly watchers = new Set<(session: Session) => void>();

  [Symbol.iterator](): Iterator<Session> {
    return this.live.values();
  }

  add(session: Session): void {
    this.live.set(keyOf(session.spec), session);
    for (const watcher of [...this.watchers]) watcher(session);
  }

  remove(session: Session): void {
    if (!this.live.delete(keyOf(session.spec))) return;
    const ending = session.done.finally(() => this.ending.delete(ending));
    this.ending.add(ending);
  }

  get(key: SessionKey): Session | undefined {
    return this.live.get(keyOf(key));
  }

  /** The session of an action that `peer` sent. If both sides chose the same sid, the initiator attribute tells. */
  find(peer: Jid, { sid, initiator, action }: Jingle): Session | undefined {
    const ours = this.get({ peer, role: 'initiator', sid });
    const theirs = this.get({ peer, role: 'responder', sid });
    if (!ours || !theirs) return ours ?? theirs;
    const isTheirs = initiator === undefined ? action !== 'session-accept' : initiator === peer;
    return isTheirs ? theirs : ours;
  }

  /** A session that fits, now or within `delay` ms. @throws XpmnError `timeout`; the signal's reason */
  async arrival({ clock, signal, delay }: { readonly clock: Clock; readonly signal: AbortSignal; readonly delay: number }, fits: (session: Session) => boolean): Promise<Session> {
    for (const session of this) if (fits(session)) return session;
    const found = deferred<Session>();
    const watcher = (session: Session): void => {
      if (fits(session)) found.resolve(session);
    };
    this.watchers.add(watcher);
    try {
      return await withDeadline({ clock, signal, delay, what: 'Waiting for the call of the peer' }, () => found.promise);
    } finally {
      this.watchers.delete(watcher);
    }
  }

  /** Resolves when nothing runs any more of the sessions that have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.ending);
  }
}

interface Caller {
  readonly sid: string;
  readonly jid: Jid;
}

/** The lower sid wins (i;octet), with equal sids the lower JID. */
export function winsTieBreak(ours: Caller, theirs: Caller): boolean {
  const order = Buffer.compare(Buffer.from(ours.sid), Buffer.from(theirs.sid)) || Buffer.compare(Buffer.from(ours.jid), Buffer.from(theirs.jid));
  return order < 0;
}

function keyOf({ peer, role, sid }: SessionKey): string {
  return JSON.stringify([peer, role, sid]);
}
