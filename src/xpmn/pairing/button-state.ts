import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';

/** Another machine whose button was pressed, as it says on the link. */
export interface Presser {
  /** Label of its instance: two that claim one JID are two. */
  readonly instance: string;
  readonly jid: Jid;
  readonly network: KeyName | undefined;
  /** For people. */
  readonly name: string;
  /** It is in a network that is in use; it is new, and becomes part of another's; or it has given up, and why. */
  readonly says: 'button' | 'looking' | Refusal;
  readonly targets: readonly { readonly host: string; readonly port: number }[];
}

/** More than one other machine was seen; or the only one is in a network in use, as this one is. */
export type Refusal = 'crowded' | 'in-use';

export type ButtonState =
  | { readonly state: 'closed'; readonly why: 'not-pressed' | 'by-user' | 'expired' | 'failed' | 'unfinished' | Refusal }
  /** `device` is listed, and may not know it: it was lost meanwhile. */
  | { readonly state: 'closed'; readonly why: 'untold'; readonly device: Jid; readonly name: string }
  /** Nobody else is seen yet. */
  | { readonly state: 'looking'; readonly expires: number }
  /** Whoever calls is added, if it is the only one. */
  | { readonly state: 'hosting'; readonly expires: number }
  /** It is called unless another shows. */
  | { readonly state: 'found'; readonly jid: Jid; readonly name: string }
  | { readonly state: 'calling'; readonly jid: Jid; readonly name: string }
  /** `peer` has called; it is added unless another shows. `number` is known as soon as it has said its part. */
  | { readonly state: 'proven'; readonly peer: Jid; readonly number: string | undefined }
  | { readonly state: 'joining'; readonly peer: Jid; readonly number: string }
  | { readonly state: 'paired'; readonly device: Jid; readonly name: string; readonly number: string }
  /** Nobody is added. The others are told for a while: one that has not seen yet what this one saw would go on without it. */
  | { readonly state: 'refused'; readonly why: Refusal };
