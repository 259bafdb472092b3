import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { confirm } from './confirm.ts';
import type { CliContext } from './context.ts';
import { getPassword } from './password.ts';
import type { PasswordSource } from './password.ts';

export interface KeyPasswordFlags extends PasswordSource {
  readonly newPasswordFile?: string;
  readonly remove?: true;
}

const LOST = 'Nobody can tell you that password: keep it, and a backup, in a safe place.';

/** Lets go of the user key; the first time it gets a password for that. */
export async function lockKey(context: CliContext, { passwordFile }: PasswordSource): Promise<void> {
  const { userKey } = await context.call('status', {});
  const isFirst = userKey === 'plain';
  if (!isFirst && passwordFile !== undefined) throw new XpmnError('usage', 'The user key has a password already, which is not asked for to lock it: `xpmn key password` changes it.');
  if (userKey !== 'locked') await context.call('key-lock', isFirst ? { password: await newPassword(context, passwordFile) } : {});
  context.answer({ userKey: 'locked' }, () => `The user key is locked. The network goes on; to add or remove a machine: \`xpmn key unlock\`.\n${isFirst ? `${LOST}\n` : ''}`);
}

export async function unlockKey(context: CliContext, { passwordFile }: PasswordSource): Promise<void> {
  const { userKey } = await context.call('status', {});
  if (userKey === 'plain') return context.answer({ userKey, issued: [] }, () => 'The user key has no password: it is always at hand.\n');
  const { issued } = await context.call('key-unlock', { password: await presentPassword(context, passwordFile, userKey) });
  context.answer({ userKey: 'unlocked', issued }, () => {
    const done = issued.length === 0 ? '' : ` What has waited for it was issued: ${issued.map((type) => `the list of ${type}`).join(', ')}.`;
    return `The user key is at hand, until \`xpmn key lock\` or until the gateway is started anew.${done}\n`;
  });
}

/** Sets, changes or removes the password; that does not lock it, nor unlock it. */
export async function changeKeyPassword(context: CliContext, { passwordFile, newPasswordFile, remove }: KeyPasswordFlags): Promise<void> {
  if (remove && newPasswordFile !== undefined) throw new XpmnError('usage', '--remove takes no new password.');
  if (passwordFile === '-' && newPasswordFile === '-') throw new XpmnError('usage', 'Only one of the two passwords can be read from standard input.');
  const { userKey } = await context.call('status', {});
  if (userKey === 'plain' && remove) return context.answer({ userKey }, () => 'The user key has no password.\n');
  if (userKey === 'plain' && passwordFile !== undefined) throw new XpmnError('usage', 'The user key has no password yet: give its first one with --new-password-file.');
  const current = userKey === 'plain' ? {} : { current: await presentPassword(context, passwordFile, userKey) };
  await context.call('key-password', remove ? current : { ...current, password: await newPassword(context, newPasswordFile) });
  if (remove) return context.answer({ userKey: 'plain' }, () => 'The user key has no password any more: it is always at hand, for whoever has this disk, too.\n');
  const isLocked = userKey === 'locked';
  context.answer({ userKey: isLocked ? 'locked' : 'unlocked' }, () => `The user key has that password now${isLocked ? ', and is locked' : '. It is at hand until `xpmn key lock`, or until the gateway is started anew'}. ${LOST}\n`);
}

/** Another machine manages the network from then on. */
export async function handOverKey(context: CliContext, device: string, { yes }: { readonly yes?: true }): Promise<void> {
  const { userKey } = await context.call('status', {});
  if (userKey === 'elsewhere') throw elsewhere();
  if (!yes) await confirm(`${device} gets the key of the media network and manages it from then on; this machine can add and remove nobody any more.`, context.deps);
  const answer = await withUserKey(() => context.call('key-hand-over', { device }));
  context.answer({ ...answer, userKey: 'elsewhere' }, () => `${answer.jid} manages the media network now: machines are added and removed there, and the key is on this machine no more.
There it lies without a password: \`xpmn key lock\` on that machine gives it one. Make a new backup there, too; those of before hold the same key, so keep them safe.
`);
}

function newPassword({ deps, settings }: CliContext, passwordFile: string | undefined): Promise<string> {
  return getPassword('New password for the user key', { passwordFile, isNew: true }, deps, settings.passwordBytes);
}

/** Where the key is not, the gateway says so: nobody has to remember a password for that. */
async function presentPassword({ deps, settings }: CliContext, passwordFile: string | undefined, userKey: string): Promise<string> {
  if (userKey === 'elsewhere') throw elsewhere();
  return getPassword('Password of the user key', { passwordFile }, deps, settings.passwordBytes);
}

function elsewhere(): XpmnError {
  return new XpmnError('not-allowed', 'The user key of the media network is not on this machine: it is on the one that manages the network.');
}

/** Runs `work`; where it needs the user key, and that is locked, whoever runs it is told what to do. */
export async function withUserKey<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof XpmnError) || error.code !== 'not-authorized') throw error;
    throw new XpmnError('not-authorized', 'The user key is locked: it has to be unlocked first, by `xpmn key unlock` on the machine that manages the media network.', { cause: error });
  }
}
