import type { Clock, Random } from '../../kernel/clock.ts';
import type { CandidateSource } from './candidate-source.ts';
import type { LocalAddresses } from './host-candidates.ts';
import type { Socks5Listener } from './socks5-listener.ts';
import type { TcpOptions } from './tcp.ts';

export interface Socks5Deps {
  readonly clock: Clock;
  readonly random: Random;
  /** The one of the process. Its owner opens and closes it. */
  readonly listener: Socks5Listener;
  /** The machine's addresses; they also tell which candidates of a peer would lead back to our own listener. */
  readonly addresses: LocalAddresses;
  /** Kinds of candidates to offer, best first. */
  readonly sources: readonly CandidateSource[];
}

export interface Socks5Options extends TcpOptions {
  readonly preference: number;
  /** ms between two attempts. */
  readonly stagger: number;
  /** ms for all attempts together: what drops packets without a word costs all of it. A SYN is repeated after 1 and 3 s. */
  readonly connectTimeout: number;
  /** ms from our verdict to the peer's. */
  readonly verdictTimeout: number;
  /** Candidates offered, and candidates of a peer that are tried, per session. */
  readonly candidates: number;
  /** Connections of a peer that are kept per session until it says which one it uses. */
  readonly incoming: number;
  /** Whether loopback addresses are offered and dialled: for tests. */
  readonly loopback: boolean;
}
