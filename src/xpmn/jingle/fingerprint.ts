import { XpmnError } from '../kernel/errors.ts';

/**
 * A certificate's hash as peers announce it. It ties a TLS session to a Jingle session and authenticates nobody.
 *
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3
 */
export interface Fingerprint {
  readonly algo: 'sha1' | 'sha256';
  /** Lower-case hex, without colons. */
  readonly hex: string;
}

const DIGITS: Readonly<Record<Fingerprint['algo'], number>> = { sha1: 40, sha256: 64 };
/** Colon-separated SHA-256 has 95 characters; line breaks and indentation may surround it. */
const MAX_TEXT = 400;

/**
 * Colons, white space and case are as peers like them; a missing `algo` follows from the length (Gajim sends none).
 * @throws XpmnError `malformed`
 */
export function parseFingerprint(text: string, algo?: string): Fingerprint {
  if (text.length > MAX_TEXT) throw new XpmnError('malformed', 'The fingerprint is too long.');
  const hex = text.replace(/[\s:]/g, '').toLowerCase();
  const named = algo?.toLowerCase().replace('-', '');
  const found = (['sha1', 'sha256'] as const).find((known) => (named === undefined || named === known) && hex.length === DIGITS[known]);
  if (!found || !/^[0-9a-f]*$/.test(hex)) throw new XpmnError('malformed', 'That is not a fingerprint.');
  return { algo: found, hex };
}
