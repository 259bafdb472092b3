import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { randomId } from '../xpmn/kernel/ids.ts';
import { isFullJid, parseJid, withResource } from '../xpmn/model/jid.ts';
import { checkLogin } from '../xpmn/xmpp/login-check.ts';
import type { StoredAccount } from './account-store.ts';
import { serverOptions } from './gateway-settings.ts';
import type { InitOptions, SetupDeps } from './setup-api.ts';

/** The account as a user has named it. @throws XpmnError `bad-request` */
export function accountIn({ jid = '', password, server, ca }: Pick<InitOptions, 'jid' | 'password' | 'server' | 'ca'>): StoredAccount {
  const account = parseJid(jid);
  if (isFullJid(account) || !account.includes('@')) throw new XpmnError('bad-request', 'An account is named like user@example.org.');
  if (password === undefined) throw new XpmnError('bad-request', 'An account needs its password.');
  return { jid: account, password, server, ca };
}

/**
 * Logs in to the account once, under a resource that no device has, before anything is stored.
 * @throws XpmnError as `checkLogin`, with `details.step` = `login`: nothing was changed
 */
export async function checkAccount(deps: SetupDeps, { jid, password, server, ca }: StoredAccount, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const { clock, random, log, config } = deps;
  const account = { jid: withResource(jid, `check-${randomId(random)}`), credentials: { kind: 'password', password } as const, server, ca };
  try {
    await checkLogin({ clock, random, log: log.child('login') }, account, serverOptions(config), { signal });
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw atLogin(asXpmnError(thrown));
  }
}

/** Tells a failed login from what fails after it. */
export function atLogin(error: XpmnError): XpmnError {
  return new XpmnError(error.code, error.message, { cause: error, details: { step: 'login' } });
}
