import type { EventEmitter } from 'node:events';

/** A service instance to be announced. Names and keys as in DNS-SD; `txt` in the order it is to be sent. */
export interface ServiceAnnouncement {
  /** The instance's label, at most 63 bytes of UTF-8: `living-room-tv-k3fq@nas`. */
  readonly instance: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

/** What somebody on the link announces. Nothing of it is proven: it tells where to look, and never who somebody is. */
export interface FoundService {
  readonly instance: string;
  /** IP literals to try, best first; a link-local IPv6 one carries its zone (`fe80::1%eth0`). At least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

export interface ServiceDiscoveryEvents {
  /** An instance came, or says something new of itself: also another address or port. */
  found: [service: FoundService];
  /** An instance said goodbye, or has not been heard for as long as it said it would be. */
  lost: [instance: string];
}

/** An announcement that stands. */
export interface Announced {
  /** Says something else in the TXT record; the last call counts. */
  update(txt: Readonly<Record<string, string>>): void;
  /** Says goodbye (PTR with TTL 0). Idempotent; resolves when it was sent, or could not be. */
  withdraw(): Promise<void>;
}

/**
 * Announcing and browsing one service type on the local links, by multicast DNS. Contract:
 *
 * - `start` resolves when browsing works or can't work for now; no network is no error. Interfaces that come later are used.
 * - `announce` may be called before and after `start`, any number of times with different instances. An instance that
 *   somebody else on the link has already is announced under another label (RFC 6762 §9); which one is told to nobody.
 * - One instance seen on several interfaces, or over both families, is one `found` with all its addresses. What this
 *   process announces itself is never found.
 * - What comes from the link is attacker input: instances, addresses and TXT sizes are bounded by the options, and an
 *   instance that makes no sense is ignored.
 * - `stop` withdraws everything; after it nothing is open, and no event follows. Idempotent.
 */
export interface ServiceDiscovery extends Pick<EventEmitter<ServiceDiscoveryEvents>, 'on' | 'off' | 'once'> {
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  announce(service: ServiceAnnouncement): Announced;
  /** What is there now. */
  services(): readonly FoundService[];
  stop(): Promise<void>;
}
