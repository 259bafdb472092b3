import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';

type Advice = { readonly [C in ErrorCode]?: string };

const NO_WAY = 'Check the part after the @ and the network of this machine, or say with --server HOST:PORT where the server is; --no-check takes the account untried.';

/** What to do about an account that could not be logged in to: `init` was given it by the user. */
export const INIT_ADVICE: Advice = {
  'login-failed': 'Check the name of the account and its password.',
  'server-untrusted': 'If the server is your own, say with --ca FILE which authority vouches for it.',
  'server-insecure': 'The password was not sent. Check with --server HOST:PORT that it is the right server.',
  'server-unreachable': NO_WAY, 'timeout': NO_WAY, 'connection-lost': NO_WAY,
};

const NO_WAY_IN = 'Check the part after the @ and the network of this machine, or say with --server HOST:PORT where the server is.';

/** The same, where there is nothing to be had without a login. */
export const JOIN_ADVICE: Advice = { ...INIT_ADVICE, 'server-unreachable': NO_WAY_IN, 'timeout': NO_WAY_IN, 'connection-lost': NO_WAY_IN };

const LATER = 'Check the network of this machine; --no-check takes the file untried.';

const MADE_ANEW = 'If the device was removed, or its certificate revoked, export another file where this one was made.';

/** The same for the account that a credentials file carries, by its password or by the certificate of the device in it. */
export const IMPORT_ADVICE: Advice = {
  'login-failed': 'If the password of the account has changed since, run `xpmn init` with the new one where the file was made, and export another file. ' + MADE_ANEW,
  'not-supported': MADE_ANEW,
  'server-untrusted': 'If the certificate of the server has changed since, run `xpmn init` with --ca FILE where the file was made, and export another file.',
  'server-unreachable': LATER, 'timeout': LATER, 'connection-lost': LATER,
};

const WITHOUT = 'or restore with --no-check: machines that joined since the backup are shut out then until you decide.';

/** The same for the account of a backup, which is also asked for what has happened since. */
export const RESTORE_ADVICE: Advice = {
  'login-failed': `Give the password as it is now with --login-password-file FILE, ${WITHOUT}`,
  'server-untrusted': `If the certificate of the server has changed since, check why, ${WITHOUT}`,
  'server-unreachable': `Check the network of this machine, ${WITHOUT}`, 'timeout': `Try again, ${WITHOUT}`, 'connection-lost': `Try again, ${WITHOUT}`,
};

/** Runs `work`; a failed login comes with what to do about it, and that nothing was changed. */
export async function advised<T>(advice: Advice, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof XpmnError) || (error.details['step'] !== 'login' && error.details['step'] !== 'lists')) throw error;
    const isIn = error.details['step'] === 'lists';
    const hint = isIn ? `Try again, ${WITHOUT}` : advice[error.code];
    throw new XpmnError(error.code, `${isIn ? 'The account lets this machine in, but its lists can\'t be read: ' : ''}${error.message}${hint === undefined ? '' : ` ${hint}`} Nothing was changed.`, { cause: error, details: error.details });
  }
}
