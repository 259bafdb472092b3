import { XpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';

/**
 * Why sessions end: Jingle's reasons ⇄ the codes of our errors.
 *
 * @spec XEP-0166 v1.1.2 §7.4
 */
export const REASONS = [
  'alternative-session', 'busy', 'cancel', 'connectivity-error', 'decline', 'expired', 'failed-application', 'failed-transport',
  'general-error', 'gone', 'incompatible-parameters', 'media-error', 'security-error', 'success', 'timeout',
  'unsupported-applications', 'unsupported-transports',
] as const;
export type Reason = (typeof REASONS)[number];

const REASON_OF: Readonly<Partial<Record<ErrorCode, Reason>>> = {
  'aborted': 'cancel',
  'timeout': 'timeout',
  // the stream below is lost
  'connection-lost': 'connectivity-error',
  'unreachable': 'connectivity-error',
  'server-unreachable': 'connectivity-error',
  'peer-unavailable': 'connectivity-error',
  // IBB sequence or block size, no path found
  'transport-failed': 'failed-transport',
  'out-of-order': 'failed-transport',
  // TLS, certificates, a missing <security/>, an end that is not authentic
  'security-failed': 'security-error',
  'security-required': 'security-error',
  'not-trusted': 'security-error',
  'truncated': 'security-error',
  // framing, window, XML limits
  'flow-control': 'failed-application',
  'xml-restricted': 'failed-application',
  'too-large': 'failed-application',
  'malformed': 'failed-application',
  'protocol-violation': 'failed-application',
  'resource-limit': 'busy',
  'not-allowed': 'decline',
  'not-supported': 'incompatible-parameters',
  'tie-break': 'alternative-session',
};

/** The reason to give for `error`. An error may carry its own in `details.reason`. */
export function reasonOf(error: XpmnError): Reason {
  const own = REASONS.find((reason) => reason === error.details.reason);
  return own ?? REASON_OF[error.code] ?? 'general-error';
}

const CODE_OF: Readonly<Record<Reason, ErrorCode>> = {
  'alternative-session': 'tie-break',
  'busy': 'resource-limit',
  'cancel': 'aborted',
  'connectivity-error': 'connection-lost',
  'decline': 'not-allowed',
  'expired': 'timeout',
  'failed-application': 'protocol-violation',
  'failed-transport': 'transport-failed',
  'general-error': 'connection-lost',
  'gone': 'peer-unavailable',
  'incompatible-parameters': 'not-supported',
  'media-error': 'not-supported',
  'security-error': 'security-failed',
  'success': 'aborted',
  'timeout': 'timeout',
  'unsupported-applications': 'not-supported',
  'unsupported-transports': 'not-supported',
};

/** What it means to us that the peer ended the session for `reason`. */
export function errorOf(reason: Reason): XpmnError {
  return new XpmnError(CODE_OF[reason], `The peer ended the session: ${reason}.`, { details: { reason } });
}
