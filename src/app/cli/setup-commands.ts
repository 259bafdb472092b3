import { X509Certificate } from 'node:crypto';
import { open, readFile, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, extname } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { isFullJid, tryJid } from '../../xpmn/model/jid.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import type { InitOptions, KnownAccount, Setup, SetupDeps, SetupResult } from '../setup-api.ts';
import { saying } from '../storage/file-storage.ts';
import { openHome } from '../storage/home.ts';
import { printable } from '../text.ts';
import { confirm } from './confirm.ts';
import type { CliContext } from './context.ts';
import { withUserKey } from './key-commands.ts';
import { IMPORT_ADVICE, INIT_ADVICE, RESTORE_ADVICE, advised } from './login-advice.ts';
import { getPassword } from './password.ts';
import type { PasswordSource } from './password.ts';

export interface ChangeFlags extends PasswordSource {
  /** False: the account is not tried. */
  readonly check: boolean;
  /** What is there already gives way; asked first where others would miss it, unless the answer is given. */
  readonly replace?: true;
  readonly yes?: true;
}

/** An account, and how to get into it. */
export interface AccountFlags extends PasswordSource {
  readonly jid?: string;
  readonly server?: { readonly host: string; readonly port: number };
  readonly ca?: string;
}

export interface InitFlags extends ChangeFlags, AccountFlags {
  readonly name?: string;
}

export async function init(context: CliContext, { name, check, replace, yes, ...flags }: InitFlags): Promise<void> {
  if (flags.jid === undefined && ((replace ?? yes) !== undefined || !check)) throw notWithoutAccount();
  const account = await knownAccount(context, flags);
  const options: InitOptions = {
    ...account,
    ...(name === undefined ? {} : { name }),
    ...(check ? {} : { check }),
    ...(replace ? { replace: yes ? 'always' : 'if-alone' } : {}),
  };
  if (account && check && context.deps.stderr.isTTY) context.notice(`Logging in as ${account.jid}, to try it …`);
  const { byDaemon, ...result } = await advised(INIT_ADVICE, () => initialised(context, options));
  context.answer(result, () => `This machine is ${result.jid} in the media network ${result.network}.\n${name === undefined ? '' : `It is called "${printable(name)}".\n`}${account ? `${nextStep(result, { check, byDaemon })}\n` : ''}`);
}

function notWithoutAccount(): XpmnError {
  return new XpmnError('usage', 'These options are about an account: say which with --jid.');
}

/** Asks for the password, too. Undefined: none was named. @throws XpmnError `usage`; `bad-request` */
export async function knownAccount({ deps, settings }: CliContext, { jid, passwordFile, server, ca }: AccountFlags): Promise<KnownAccount | undefined> {
  if (jid === undefined) {
    if ((passwordFile ?? server ?? ca) !== undefined) throw notWithoutAccount();
    return undefined;
  }
  const account = tryJid(jid);
  if (!account?.includes('@') || isFullJid(account)) throw new XpmnError('usage', `"${jid}" is no account: they look like you@example.org.`);
  const certificates = ca === undefined ? {} : { ca: await readCertificates(ca, settings.fileBytes) };
  const password = await getPassword(`Password of ${account}`, { passwordFile }, deps, settings.passwordBytes);
  return { jid: account, password, ...(server === undefined ? {} : { server }), ...certificates };
}

async function initialised(context: CliContext, options: InitOptions): Promise<Changed> {
  try {
    return await change(context, () => context.call('init', options), (setup, deps, waiting) => setup.prepareInit(deps, options, waiting));
  } catch (error) {
    if (!(error instanceof XpmnError) || error.code !== 'conflict' || error.details['machines'] === undefined) throw error;
    await confirm(error.message, context.deps);
    return initialised(context, { ...options, replace: 'always' });
  }
}

export async function importCredentials(context: CliContext, path: string, { passwordFile, check, replace, yes }: ChangeFlags): Promise<void> {
  const file = await readInput(path, context.settings.fileBytes);
  if (replace && !yes) await confirm('This machine leaves the media network that it is part of for ever.', context.deps);
  const password = await getPassword(`Password of ${path}`, { passwordFile }, context.deps, context.settings.passwordBytes);
  const options = { password, ...(check ? {} : { check }), ...(replace ? { replace } : {}) };
  const { byDaemon, ...result } = await advised(IMPORT_ADVICE, () =>
    change(
      context,
      () => context.call('import-credentials', { file: file.toString('base64'), ...options }),
      (setup, deps, waiting) => setup.prepareImport(deps, { file, ...options }, waiting),
    ).catch((error: unknown) => Promise.reject(keptKey(error, context))));
  const isErased = await erase(path, file.length);
  const rest = isErased ? `${path} was erased: it has served its purpose.` : `Delete ${path} now: with its password it is this device.`;
  context.answer({ ...result, isErased }, () => `This machine is ${result.jid} in the media network ${result.network}. ${rest}\n${nextStep(result, { check, byDaemon })}\n`);
}

/** A user key that others rest on goes away by nobody's hand but the user's. */
export function keptKey(error: unknown, { home }: CliContext): unknown {
  if (!(error instanceof XpmnError) || error.code !== 'already-initialised' || error.details['machines'] === undefined) return error;
  const message = `${error.message} It is never replaced: to begin anew all the same, stop the gateway and move ${home.directory} away, or choose another directory with --home.`;
  return new XpmnError(error.code, message, { cause: error, details: error.details });
}

function nextStep({ isChecked }: SetupResult, { check, byDaemon }: { readonly check: boolean; readonly byDaemon: boolean }): string {
  if (!check) return `Whether the account lets it in, \`xpmn status\` says${byDaemon ? '' : ', while `xpmn daemon` runs'}.`;
  return `${isChecked ? 'The account lets it in. ' : ''}${byDaemon ? 'The gateway works with that from now on.' : 'Next: `xpmn daemon`.'}`;
}

/** The file is made before the device: what can't be carried is not made. */
export async function exportCredentials(context: CliContext, path: string, { name, passwordFile }: PasswordSource & { readonly name?: string }): Promise<void> {
  const called = name ?? (basename(path, extname(path)) || hostname());
  const { jid } = await writeSealed(context, path, { passwordFile }, (password) => withUserKey(() => context.call('export-credentials', { name: called, password })));
  context.answer({ file: path, jid }, () => `${path} makes another machine the device ${jid}. Carry it there, then:
  xpmn credentials import ${basename(path)}
  xpmn daemon
The file is erased there after it was read: with its password it is that device.
`);
}

/** The greatest secret there is, in a file under a password. */
export async function backup(context: CliContext, path: string, { passwordFile }: PasswordSource): Promise<void> {
  const { needsPassword } = await writeSealed(context, path, { passwordFile }, (password) =>
    withUserKey(() => change(context, () => context.call('backup', { password }), (setup, deps, waiting) => setup.prepareBackup(deps, { password }, waiting))));
  const login = needsPassword ? 'The password of the account is not in it, since this machine has forgotten it: keep that, too. ' : '';
  context.answer({ file: path, needsPassword }, () => `${path} holds the key of your media network. Keep it where fire and thieves don't come, and its password elsewhere: with both, anybody owns the network.
${login}If this machine is lost: \`xpmn restore ${basename(path)}\` on another one, then \`xpmn remove\` the lost one there.
`);
}

export interface RestoreFlags extends ChangeFlags {
  readonly name?: string;
  /** Where the account's password is, if the backup has none, or an old one. */
  readonly loginPasswordFile?: string;
}

export async function restore(context: CliContext, path: string, { passwordFile, loginPasswordFile, name, check, replace, yes }: RestoreFlags): Promise<void> {
  if (passwordFile === '-' && loginPasswordFile === '-') throw new XpmnError('usage', 'Only one of the two can come from standard input.');
  const file = await readInput(path, context.settings.fileBytes);
  if (replace && !yes) await confirm('This machine leaves the media network that it is part of for ever.', context.deps);
  const password = await getPassword(`Password of ${path}`, { passwordFile }, context.deps, context.settings.passwordBytes);
  const options = { password, ...(name === undefined ? {} : { name }), ...(check ? {} : { check }), ...(replace ? { replace } : {}) };
  const attempt = (login: { readonly login?: string }): Promise<Changed<SetupResult>> =>
    change(
      context,
      () => context.call('restore', { file: file.toString('base64'), ...options, ...login }),
      (setup, deps, waiting) => setup.prepareRestore(deps, { file, ...options, ...login }, waiting),
    ).catch((error: unknown) => Promise.reject(keptKey(error, context)));
  const given = loginPasswordFile === undefined ? {} : { login: await getPassword('', { passwordFile: loginPasswordFile }, context.deps, context.settings.passwordBytes) };
  const { byDaemon, ...result } = await advised(RESTORE_ADVICE, () => attempt(given).catch(async (error: unknown) => attempt({ login: await askedLogin(error, context) })));
  context.answer(result, () => `This machine is ${result.jid} and manages the media network ${result.network} now. If the machine of the backup is lost, remove it: xpmn devices, then xpmn remove.\n${sinceBackup(result)}\n${missingPassword(result)}${nextStep(result, { check, byDaemon })}\n`);
}

/** The account's password, from who sits there: a machine that has forgotten it made the backup. @throws what is not about that, or where nobody can be asked */
async function askedLogin(error: unknown, { deps, settings }: CliContext): Promise<string> {
  if (!(error instanceof XpmnError) || error.details['needsPassword'] === undefined || !deps.stdin.isTTY) throw error;
  return getPassword(`Password of the account ${printable(String(error.details['needsPassword']))}, which is not in the backup`, { flag: '--login-password-file' }, deps, settings.passwordBytes);
}

/** Whether it is known what has happened since the backup. */
function sinceBackup({ learnt }: SetupResult): string {
  if (learnt === undefined) return 'What has happened since the backup is not known here: machines that joined later are shut out until you decide; `xpmn status` names them as they are heard of.';
  if (learnt === 0) return 'The account knows nothing newer than the backup.';
  return 'What has happened since the backup was learnt from the account: machines that joined later stay, and removed ones stay removed.';
}

/** A backup that was made after the password was forgotten leads into the network, and not into the account. */
function missingPassword({ needsPassword: account }: SetupResult): string {
  if (account === undefined) return '';
  return `The password of the account ${account} was not in the backup. Give it with \`xpmn init --jid ${account}\`; on the local network of another machine of the network, that one lets this one in.\n`;
}

/** The file is there, and nobody else's, before anything is asked for; it is gone again if that fails. */
async function writeSealed<Answer extends { readonly file: string }>(context: CliContext, path: string, source: PasswordSource, ask: (password: string) => Promise<Answer>): Promise<Answer> {
  const password = await getPassword('Password for the file', { ...source, isNew: true }, context.deps, context.settings.passwordBytes);
  const handle = await saying(`${path} can't be made`, () => open(path, 'wx', 0o600));
  try {
    const answer = await ask(password);
    await saying(`${path} can't be written`, async () => {
      await handle.writeFile(Buffer.from(answer.file, 'base64'));
      await handle.sync();
    });
    await handle.close();
    return answer;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

export type Changed<Result = SetupResult> = Result & { readonly byDaemon: boolean };
type Prepare<Result> = (setup: Setup, deps: SetupDeps, waiting: { readonly signal: AbortSignal }) => Promise<() => Promise<Result>>;

/** By the daemon if one runs, else right here, on the state that nobody else may use meanwhile. */
export async function change<Result extends object>(context: CliContext, ask: () => Promise<Result>, prepare: Prepare<Result>): Promise<Changed<Result>> {
  try {
    return { ...(await ask()), byDaemon: true };
  } catch (error) {
    if (!(error instanceof XpmnError) || error.code !== 'not-running') throw error;
  }
  const { deps } = context;
  const config = await loadConfig(context.home.configFile, { mustExist: false });
  const home = await openHome(context.home);
  try {
    const { setup } = await deps.loadGateway();
    const log = createLogger(deps.stderr, { ...config.log, level: 'warn' });
    const write = await prepare(setup, { storage: home.storage, config, log, clock: deps.clock, random: deps.random }, { signal: deps.signal });
    return { ...(await write()), byDaemon: false };
  } finally {
    await home.close();
  }
}

/** Overwrites a file and removes it, as far as the medium lets us; false if it is still there. */
async function erase(path: string, size: number): Promise<boolean> {
  try {
    const handle = await open(path, 'r+');
    try {
      await handle.write(Buffer.alloc(size), 0, size, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await unlink(path);
    return true;
  } catch {
    return false;
  }
}

async function readInput(path: string, limit: number): Promise<Buffer> {
  return saying(`${path} can't be read`, async () => {
    if ((await stat(path)).size > limit) throw new XpmnError('too-large', `${path} is larger than ${limit} bytes.`);
    return readFile(path);
  });
}

/** What is no certificate would only be noticed when the server is called. */
async function readCertificates(path: string, limit: number): Promise<string> {
  const text = (await readInput(path, limit)).toString('utf8');
  try {
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw new XpmnError('bad-request', `${path} holds no certificate in PEM.`, { cause: error });
  }
}
