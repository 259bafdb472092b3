import { publishedLists } from '../xpmn/gateway/published-lists.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { randomId } from '../xpmn/kernel/ids.ts';
import { withDeadline } from '../xpmn/kernel/tasks.ts';
import type { KeyName } from '../xpmn/model/identity.ts';
import { isFullJid, parseJid, withResource } from '../xpmn/model/jid.ts';
import type { XmppAccount } from '../xpmn/ports/xmpp-connection.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import type { VerifiedList } from '../xpmn/trust/signed-list.ts';
import { serverGate } from '../xpmn/xmpp/allow-list.ts';
import { IqRouter } from '../xpmn/xmpp/iq-router.ts';
import { checkLogin, talkOnce } from '../xpmn/xmpp/login-check.ts';
import type { OpenAccount, StoredAccount } from './account-store.ts';
import { serverOptions, trustOptions } from './gateway-settings.ts';
import type { InitOptions, SetupDeps } from './setup-api.ts';

/** The account as a user has named it. @throws XpmnError `bad-request` */
export function accountIn({ jid = '', password, server, ca }: Pick<InitOptions, 'jid' | 'password' | 'server' | 'ca'>): OpenAccount {
  const account = parseJid(jid);
  if (isFullJid(account) || !account.includes('@')) throw new XpmnError('bad-request', 'An account is named like user@example.org.');
  if (password === undefined) throw new XpmnError('bad-request', 'An account needs its password.');
  return { jid: account, password, server, ca };
}

type Waiting = { readonly signal: AbortSignal };

/** As `device`, if its certificate is what lets it in. */
export interface CheckedAccount extends StoredAccount {
  readonly device?: DeviceCredentials | undefined;
}

/**
 * Logs in to the account once, before anything is stored: by the password under a resource that no device has, without one by
 * the device's certificate, which names its own.
 * @throws XpmnError as `checkLogin`, with `details.step` = `login`: nothing was changed
 */
export async function checkAccount(deps: SetupDeps, account: CheckedAccount, { signal }: Waiting): Promise<void> {
  await atStep('login', signal, () => checkLogin(loginDeps(deps), loginOf(deps, account), serverOptions(deps.config), { signal }));
}

/**
 * The same login, with a look at the lists of `network` that lie on the account: those that hold.
 * @throws XpmnError as `checkAccount`; with `details.step` = `lists`, if they can't be read
 */
export function readAccountLists(deps: SetupDeps, account: StoredAccount, network: KeyName, { signal }: Waiting): Promise<VerifiedList[]> {
  const { clock, log, config } = deps;
  const { pepTimeout, pepItems } = config.account;
  const router = new IqRouter({ log, gate: serverGate }, config.iq);
  const options = { pepItems, trust: trustOptions(config) };
  return atStep('login', signal, () => talkOnce({ ...loginDeps(deps), router }, loginOf(deps, account), serverOptions(config), { signal }, (channel) =>
    atStep('lists', signal, () => withDeadline({ clock, signal, delay: pepTimeout, what: 'Reading the lists on the account' }, (within) => publishedLists(channel, network, options, { signal: within })))));
}

function loginDeps({ clock, random, log }: SetupDeps): Pick<SetupDeps, 'clock' | 'random' | 'log'> {
  return { clock, random, log: log.child('login') };
}

/** @throws XpmnError `bad-request` without any way in */
function loginOf({ random }: SetupDeps, { jid, password, device, server, ca }: CheckedAccount): XmppAccount {
  if (password !== undefined) return { jid: withResource(jid, `check-${randomId(random)}`), credentials: { kind: 'password', password }, server, ca };
  if (!device) throw new XpmnError('bad-request', 'An account needs its password.');
  return { jid: device.jid, credentials: { kind: 'certificate', certificate: device.certificate.pem, privateKey: device.privateKey }, server, ca };
}

/** Failures say at which step they came; the innermost counts. */
async function atStep<T>(step: 'login' | 'lists', signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = asXpmnError(thrown);
    if (signal.aborted || error.details['step'] !== undefined) throw thrown;
    throw atLogin(error, step);
  }
}

/** Tells a failed login from what fails after it. */
export function atLogin(error: XpmnError, step: 'login' | 'lists' = 'login'): XpmnError {
  return new XpmnError(error.code, error.message, { cause: error, details: { step } });
}
