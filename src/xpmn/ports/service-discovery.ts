import type { EventEmitter } from 'node:events';

/** A service instance to be announced. Names and keys as in DNS-SD; `txt` in the order it is to be sent. */
export interface ServiceAnnouncement {
  /** The instance's label, 1 to 63 bytes of UTF-8 without control characters: `living-room-tv-k3fq@nas`. */
  readonly instance: string;
  readonly port: number;
  /** Keys of printable ASCII without `=`, best in lower case; `key=value` takes 255 bytes at most. */
  readonly txt: Readonly<Record<string, string>>;
}

/** What somebody on the link announces. Nothing of it is proven: it tells where to look, and never who somebody is. */
export interface FoundService {
  readonly instance: string;
  /** IP literals to try, best first; a link-local IPv6 one carries its zone (`fe80::1%eth0`). At least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Keys in lower case; of a key that came twice the first; `''` where only the key was there. */
  readonly txt: Readonly<Record<string, string>>;
}

export interface ServiceDiscoveryEvents {
  /** An instance came, or says something new of itself: also another address or port. */
  found: [service: FoundService];
  /** An instance said goodbye, has not been heard for as long as it said it would be, or its link went away. */
  lost: [instance: string];
}

/** How much may come from the links. */
export interface DiscoveryLimits {
  /** Instances in all, and of one sender, or at one address where senders aren't known; full, those that are known stay. */
  readonly instances: number;
  readonly instancesPerSender: number;
  /** Addresses of one instance. */
  readonly addresses: number;
  /** Bytes of a TXT record, also of one's own; an instance with more is ignored. */
  readonly txtBytes: number;
}

/** An announcement that stands. */
export interface Announced {
  /**
   * Says something else in the TXT record; the last call counts. Without effect once withdrawn.
   * @throws XpmnError as `announce`
   */
  update(txt: Readonly<Record<string, string>>): void;
  /** Says goodbye (PTR with TTL 0). Idempotent; resolves when it was sent, or could not be. */
  withdraw(): Promise<void>;
}

/**
 * Announcing and browsing one service type on the local links, by multicast DNS. Contract:
 *
 * - `start` resolves when browsing works or can't work for now; no network is no error. Interfaces that come later are used.
 *   It rejects with the signal's reason if that aborts first. The signal ends the wait only; `stop` ends the rest.
 * - `announce` may be called before and after `start`, any number of times with different instances. An instance that
 *   somebody else on the link has already is announced under another label (RFC 6762 §9); which one is told to nobody.
 *   It throws XpmnError `bad-request` for a label, key or port that is none, `too-large` for a TXT record over the bound.
 * - One instance seen on several interfaces, or over both families, is one `found` with all its addresses; an address that
 *   is heard later makes another `found`. Labels that differ in ASCII case only are the same one. What this
 *   object announces itself is never found; what another one announces is, also in the same process.
 * - What comes from the link is attacker input: instances, addresses and TXT sizes are bounded by the options, and an
 *   instance that makes no sense is ignored. Addresses are only such as can be reached on the link, or of the sender:
 *   never loopback, unless that is the interface the options name.
 * - `stop` withdraws everything; after it nothing is open, and no event follows. Idempotent.
 */
export interface ServiceDiscovery extends Pick<EventEmitter<ServiceDiscoveryEvents>, 'on' | 'off' | 'once'> {
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  announce(service: ServiceAnnouncement): Announced;
  /** What is there now. */
  services(): readonly FoundService[];
  stop(): Promise<void>;
}
