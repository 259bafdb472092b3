/**
 * Which of the two connections, the one that this side opened or the one that the peer opened, carries the bytes.
 *
 * @spec XEP-0260 v1.0.3 §2.4
 */
import type { Role } from '../../ports/transport.ts';

export interface Verdicts {
  readonly role: Role;
  /** Priority of the peer's candidate that we reached; undefined if we reached none. */
  readonly ours: number | undefined;
  /** Priority of our candidate that the peer reached; undefined if it reached none. */
  readonly theirs: number | undefined;
}

/**
 * - `either`: the peer began the session and priorities are equal, which ours never are. The text says that the
 *   initiator's own connection counts, but one implementation reads it the other way: the first byte shows which.
 */
export type Nomination = 'outgoing' | 'incoming' | 'either' | 'none';

/** The higher priority wins (§2.4; versions before 0.5 said the lower). */
export function nominate({ role, ours, theirs }: Verdicts): Nomination {
  if (ours === undefined) return theirs === undefined ? 'none' : 'incoming';
  if (theirs === undefined || ours > theirs) return 'outgoing';
  if (ours < theirs) return 'incoming';
  return role === 'initiator' ? 'outgoing' : 'either';
}
