import { XpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import type { Jid } from '../model/jid.ts';

/**
 * Peers that may take us for a stranger: they ended our session before they had said a word. They don't tell why, since a
 * stranger is told nothing; a path that broke just then looks the same, and no harm is done by showing who we are.
 */
export class TurnedAway {
  private readonly peers = new Set<Jid>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  has(peer: Jid): boolean {
    return this.peers.has(peer);
  }

  /** Whether that peer was among them; it is not any more. */
  take(peer: Jid): boolean {
    return this.peers.delete(peer);
  }

  /** A session of ours did not open. */
  failed(peer: Jid, error: unknown): void {
    if (error instanceof XpmnError && error.code === 'security-failed') this.add(peer);
  }

  /** One that was open to us has ended. */
  ended(peer: Jid, { isMutual, closed }: { readonly isMutual: boolean; readonly closed: AbortSignal }): void {
    const isOrderly = closed.reason instanceof XpmnError && closed.reason.code === 'aborted';
    if (!isMutual && !isOrderly) this.add(peer);
  }

  private add(peer: Jid): void {
    this.peers.delete(peer);
    this.peers.add(peer);
    keepNewest(this.peers, this.limit);
  }
}
