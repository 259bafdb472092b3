import { XpmnError } from '../../../kernel/errors.ts';
import { nextState } from '../../../kernel/fsm.ts';
import type { TransitionTable } from '../../../kernel/fsm.ts';
import type { FrameName } from './control-frames.ts';

/**
 * What a run of TLS-SRP goes through, by what its process says (and `burnt`, which is said to it):
 *
 *   starting ─ready─▶ first flight ─burn─▶ burning ─burnt─▶ second flight ─established─▶ open ─closed─▶ closed
 *
 * and from each of them to `over`, by `cut` or `failed`; that hears nothing. Nobody is proven without an attempt that was burnt first.
 */
export type Phase = 'starting' | 'first flight' | 'burning' | 'second flight' | 'open' | 'closed' | 'over';

/** What may always come, and be the last. */
const END = { cut: 'over', failed: 'over' } as const;

const TABLE: TransitionTable<Phase, FrameName> = {
  'starting': { ready: 'first flight', ...END },
  'first flight': { burn: 'burning', ...END },
  'burning': { burnt: 'second flight', ...END },
  'second flight': { established: 'open', ...END },
  'open': { closed: 'closed', ...END },
  'closed': END,
  'over': {},
};

/** @throws XpmnError `out-of-order` */
export function afterFrame(phase: Phase, name: FrameName): Phase {
  const next = nextState(TABLE, phase, name);
  if (next === undefined) throw new XpmnError('out-of-order', `No ${name} in ${phase}.`);
  return next;
}
