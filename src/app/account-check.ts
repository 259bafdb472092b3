import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { randomId } from '../xpmn/kernel/ids.ts';
import { withResource } from '../xpmn/model/jid.ts';
import { checkLogin } from '../xpmn/xmpp/login-check.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { LoginCredentials } from '../xpmn/ports/xmpp-connection.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import type { StoredAccount } from './account-store.ts';
import { serverOptions } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';

/** As `device`, if its certificate is what lets it in. */
export interface CheckedAccount extends StoredAccount {
  readonly device?: DeviceCredentials | undefined;
}

/**
 * Logs in to the account once, before anything is stored: by the password under a resource that no device has, without one by
 * the device's certificate, which names its own.
 * @throws XpmnError as `checkLogin`, with `details.step` = `login`: nothing was changed
 */
export async function checkAccount(deps: SetupDeps, checked: CheckedAccount, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const { clock, random, log, config } = deps;
  const { server, ca } = checked;
  const account = { ...loginOf(deps, checked), server, ca };
  try {
    await checkLogin({ clock, random, log: log.child('login') }, account, serverOptions(config), { signal });
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const error = asXpmnError(thrown);
    throw new XpmnError(error.code, error.message, { cause: error, details: { step: 'login' } });
  }
}

function loginOf({ random }: SetupDeps, { jid, password, device }: CheckedAccount): { readonly jid: Jid; readonly credentials: LoginCredentials } {
  if (password !== undefined) return { jid: withResource(jid, `check-${randomId(random)}`), credentials: { kind: 'password', password } };
  if (!device) throw new XpmnError('bad-request', 'An account needs its password.');
  return { jid: device.jid, credentials: { kind: 'certificate', certificate: device.certificate.pem, privateKey: device.privateKey } };
}
