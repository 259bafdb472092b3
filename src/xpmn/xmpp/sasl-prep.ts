import { XpmnError } from '../kernel/errors.ts';

/** RFC 3454 B.1: nothing. */
const IGNORED = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
/** RFC 3454 C.1.2: a space. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** RFC 3454 C.2 to C.9: controls, private use, non-characters, surrogates, tags. */
const PROHIBITED = /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u2028\u2029\u202a-\u202e\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb\u{e0001}\u{e0020}-\u{e007f}]/u;

/**
 * A user name or password as both sides compute with it. Bidirectional checks are left to the server, which has stored
 * the password already.
 *
 * @spec RFC 4013 §2
 * @throws XpmnError `login-failed`
 */
export function saslPrep(text: string): string {
  const prepared = text.replace(SPACES, ' ').replace(IGNORED, '').normalize('NFKC');
  if (prepared === '' || PROHIBITED.test(prepared)) throw new XpmnError('login-failed', 'The name or password is empty or has characters that no login can carry.');
  return prepared;
}
