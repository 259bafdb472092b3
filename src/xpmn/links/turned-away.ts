import { XpmnError } from '../kernel/errors.ts';

/**
 * Whether a peer may have ended our session because it does not know us. It does not say so: a stranger is told nothing.
 * It has heard nothing of what we asked, since it hears only whom it has accepted.
 */
export function isTurnedAway(error: unknown): boolean {
  return error instanceof XpmnError && error.code === 'security-failed' && error.details['reason'] === 'security-error';
}
