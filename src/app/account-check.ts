import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { randomId } from '../xpmn/kernel/ids.ts';
import { withResource } from '../xpmn/model/jid.ts';
import { checkLogin } from '../xpmn/xmpp/login-check.ts';
import type { StoredAccount } from './account-store.ts';
import { serverOptions } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';

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
    const error = asXpmnError(thrown);
    throw new XpmnError(error.code, error.message, { cause: error, details: { step: 'login' } });
  }
}
