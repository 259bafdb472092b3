import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { resourceOf } from '../../xpmn/model/jid.ts';
import type { Jid } from '../../xpmn/model/jid.ts';
import type { Output } from '../control/operations.ts';
import type { PairingView } from '../pairing-desk.ts';
import type { FindOptions, FoundNetwork, JoinOptions } from '../setup-api.ts';
import { printable } from '../text.ts';
import { confirm } from './confirm.ts';
import type { CliContext } from './context.ts';
import { withUserKey } from './key-commands.ts';
import { JOIN_ADVICE, advised } from './login-advice.ts';
import { askLine } from './line.ts';
import { getPassword } from './password.ts';
import { change, keptKey, knownAccount } from './setup-commands.ts';
import type { AccountFlags, Changed } from './setup-commands.ts';

export interface StartFlags {
  readonly pinFile?: string;
  /** The new machine shows the PIN. */
  readonly pin?: boolean;
}

/** What a pairing looks like from here: whether the new machine is waited for that shows the PIN, and where else it may be. */
interface Scene {
  readonly isShownThere: boolean;
  readonly account: string | undefined;
}

/** Opens the pairing here, shows what happens in it, and closes it when the user has had enough. */
export async function startPairing(context: CliContext, { pinFile, pin: isShownThere = false }: StartFlags): Promise<void> {
  const chosen = pinFile !== undefined ? { pin: await pinFrom(context, pinFile) } : isShownThere ? { pin: await typedPin(context) } : {};
  await withUserKey(() => watchPairing(context, chosen, isShownThere));
}

async function pinFrom({ deps, settings }: CliContext, pinFile: string): Promise<string> {
  return spoken(await getPassword('PIN', { passwordFile: pinFile }, deps, settings.passwordBytes));
}

/** It shows on the other machine anyway. */
async function typedPin({ deps }: CliContext): Promise<string> {
  if (!deps.stdin.isTTY) throw new XpmnError('usage', 'There is no terminal to type the PIN on: give --pin-file FILE (- is standard input).');
  const pin = spoken(await askLine('The PIN that the new machine shows (`xpmn pair join --show-pin` there): ', deps));
  if (pin === '') throw new XpmnError('usage', 'There was no PIN.');
  return pin;
}

async function watchPairing(context: CliContext, chosen: { readonly pin?: string }, isShownThere: boolean): Promise<void> {
  const { jid, connection } = await context.call('status', {});
  const account = connection.state === 'local-only' ? undefined : jid.split('/')[0];
  let view = await context.call('pair-open', chosen);
  try {
    for (;;) {
      tell(context, view, { account, isShownThere });
      if (view.state === 'paired') return;
      if (view.state === 'closed') throw ended(view, isShownThere);
      view = await context.call('pair-wait', { after: view.revision });
    }
  } catch (error) {
    // The signal of this program is gone by now: closing has one of its own.
    if (context.deps.signal.aborted) await closeAnyway(context);
    throw error;
  }
}

async function closeAnyway(context: CliContext): Promise<void> {
  const view = await context.callAnyway('pair-close', {}).catch(() => undefined);
  if (view?.state === 'joining') context.notice(`Too late: ${printable(view.peer)} is being listed. \`xpmn devices\` shows it; \`xpmn remove\` undoes that.`);
}

/** For programs a line each; for people what to do. */
function tell(context: CliContext, view: PairingView, scene: Scene): void {
  if (context.isJson) context.deps.stdout.write(`${JSON.stringify(view)}\n`);
  else context.deps.stdout.write(sentence(view, scene));
}

function sentence(view: PairingView, { account, isShownThere }: Scene): string {
  switch (view.state) {
    case 'open': {
      const until = new Date(view.expires).toTimeString().slice(0, 5);
      if (isShownThere) return `The machine on this network that shows the PIN ${grouped(view.pin)} becomes a device of your media network, until ${until}; Ctrl-C ends it.\n`;
      const again = view.burnt > 0 ? `That was a wrong PIN, or somebody else's guess (${view.burnt} so far). This is another one:` : `On the new machine, ${joinCommand(account)} and type this PIN:`;
      return `${again}\n\n    ${grouped(view.pin)}\n\nWho has it becomes a device of your media network. It is good for one try, until ${until}; Ctrl-C ends it.\n`;
    }
    case 'joining': return `${printable(view.peer)} has proven that it knows the PIN, and is being added …\n`;
    case 'paired': return `${printable(view.name)} is a device of your media network now: ${view.device}\n`;
    case 'closed': return '';
  }
}

function joinCommand(account: string | undefined): string {
  const here = 'on the same network, run `xpmn pair join`';
  return account === undefined ? here : `${here}, or anywhere else \`xpmn pair join --jid ${account}\`,`;
}

/** `418 220`: easier to read aloud. */
export function grouped(pin: string): string {
  return /^\d{6}$/.test(pin) ? `${pin.slice(0, 3)} ${pin.slice(3)}` : pin;
}

/** As it was meant: a PIN of digits may be written in groups. */
function spoken(pin: string): string {
  const digits = pin.replace(/[\s-]/g, '');
  return /^\d+$/.test(digits) ? digits : pin;
}

function ended(view: Extract<PairingView, { state: 'closed' }>, isShownThere: boolean): XpmnError {
  if (view.why === 'burnt' && isShownThere) return new XpmnError('not-trusted', 'That is not the PIN that the new machine shows, or somebody else has guessed at it: nobody was added. The new machine shows another PIN now: run this again with that.');
  switch (view.why) {
    case 'refused': return new XpmnError(view.code, view.message);
    case 'expired': return new XpmnError('timeout', 'Nobody has joined in time.');
    case 'burnt': return new XpmnError('not-trusted', 'Too many wrong PINs: nobody was added. Somebody may be guessing; to try again, run it again.');
    case 'untold': return untold(view);
    case 'unfinished': return new XpmnError('connection-lost', 'The device knew the PIN, and then did not finish.');
    default: return new XpmnError('aborted', 'The pairing was ended.');
  }
}

/** Only its owner can know whether it has heard that it is listed. */
export function untold({ device, name }: { readonly device: Jid; readonly name: string }): XpmnError {
  return new XpmnError('connection-lost', `${printable(name)} was lost while it was added. It is listed as ${device}, and may not know it: if it says that it is no device of the media network, run \`xpmn remove ${resourceOf(device)}\`, and pair it again.`);
}

export interface JoinFlags extends AccountFlags {
  readonly pinFile?: string;
  readonly name?: string;
  readonly replace?: true;
  readonly yes?: true;
}

/** Finds the network, asks for the PIN, and makes this machine a device of it. */
export async function joinNetwork(context: CliContext, wanted: string | undefined, flags: JoinFlags): Promise<void> {
  const { pinFile, name, replace, yes } = flags;
  if (pinFile === '-' && flags.passwordFile === '-') throw new XpmnError('usage', 'Only one of the two can come from standard input.');
  const account = await knownAccount(context, flags);
  const where = account ? { account } : {};
  if (!context.isJson) context.notice(account ? `Logging in as ${account.jid}, to see which of its machines waits for this one …` : 'Looking round on the local network …');
  const networks = await findNetworks(context, where);
  const found = chosen(networks, wanted, account?.jid);
  context.notice(`${printable(found.name)} (${printable(found.jid)}) can take this machine into its media network. Everything in there can then be seen and played here, and what this machine finds, there.${account ? ' The server carries the messages of the two, and can read or change none: the PIN proves each machine to the other.' : ''}`);
  if (replace && !yes) await confirm('This machine leaves the media network that it is part of for ever.', context.deps);
  const pin = spoken(await getPassword('The PIN that it shows', { passwordFile: pinFile, flag: '--pin-file' }, context.deps, context.settings.passwordBytes));
  const options = { jid: found.jid, pin, ...where, ...(name === undefined ? {} : { name }), ...(replace ? { replace } : {}) };
  const joined = await joinAt(context, options).catch((error: unknown) => Promise.reject(wrongPin(error)));
  const { byDaemon: _, ...result } = joined;
  context.answer(result, () => welcome(joined));
}

/** What can be seen now, by the gateway that runs here, or without one. */
export async function findNetworks(context: CliContext, where: FindOptions): Promise<readonly FoundNetwork[]> {
  const { networks } = await advised(JOIN_ADVICE, () => change(context, () => context.call('networks', where), async (setup, deps, waiting) => {
    const found = await setup.findNetworks(deps, where, waiting);
    return () => Promise.resolve({ networks: found });
  }));
  return networks;
}

/** Becomes a device of that network, by the PIN. @throws XpmnError as `Setup.prepareJoin`, with what to do about it */
export async function joinAt(context: CliContext, options: JoinOptions): Promise<Changed> {
  const join = (): Promise<Changed> => change(context, () => context.call('join', options), (setup, deps, waiting) => setup.prepareJoin(deps, options, waiting));
  return withUserKey(() => advised(JOIN_ADVICE, join)).catch((error: unknown) => Promise.reject(keptKey(error, context)));
}

export function welcome({ jid, network, byDaemon }: Changed): string {
  return `This machine is ${jid} in the media network ${network}.\n${byDaemon ? 'The gateway works with that from now on: `xpmn devices` lists what is in it.' : 'Next: `xpmn daemon`.'}\n`;
}

/** Whether a user may have meant that one: by its name, its id, or the JID of its device. */
export function isNamed({ jid, network, name }: FoundNetwork, wanted: string): boolean {
  return [jid, jid.split('/')[0], jid.split('/')[1], network, name].includes(wanted);
}

function chosen(networks: readonly FoundNetwork[], wanted: string | undefined, account: string | undefined): FoundNetwork {
  const named = wanted === undefined ? networks : networks.filter((network) => isNamed(network, wanted));
  const open = named.filter(({ isOpen }) => isOpen);
  const [found, ...others] = open.length > 0 ? open : wanted === undefined ? [] : named;
  if (!found) {
    const place = account === undefined ? 'on this link' : `on the account ${account}`;
    const there = networks.length === 0 && account === undefined ? 'No media network is announced on this link' : `Nobody is waiting for this machine${wanted === undefined ? '' : ` under the name "${printable(wanted)}"`} ${place}`;
    const both = account === undefined ? 'Both have to be on the same local network; from elsewhere, name the XMPP account of the network: `xpmn pair join --jid you@example.org`.' : 'It has to be online, in that account.';
    throw new XpmnError('not-found', `${there}: run \`xpmn pair start\` on a machine that is in the network, then this again. ${both}`);
  }
  if (others.length > 0) throw new XpmnError('bad-request', `Several could be meant: ${[found, ...others].map(({ name, jid }) => `${printable(name)} (${printable(jid)})`).join(', ')}. Say which.`);
  return found;
}

/** Nobody can tell a wrong PIN from an attack; the user can. */
function wrongPin(error: unknown): unknown {
  if (!(error instanceof XpmnError) || error.code !== 'security-failed') return error;
  return new XpmnError('security-failed', 'The PIN was wrong, another device was just being tried, or somebody is in between. Run this again with the PIN that the other machine shows now: one that was tried can\'t be used again.', { cause: error });
}

export async function removeDevice(context: CliContext, device: string, { yes }: { readonly yes?: true }): Promise<void> {
  if (!yes) await confirm(`${device} leaves the media network for ever: its key never comes back, and what it bridges goes with it.`, context.deps);
  const answer = await withUserKey(() => context.call('remove', { device }));
  context.answer(answer, () => `${answer.jid} is no device of your media network any more. Devices that are reachable know it already; others hear of it when they come back.\n${risk(answer)}`);
}

/** What is left for the owner to do: nobody else can. */
function risk({ jid, password, isPutOut }: Output<'remove'>): string {
  const account = printable(jid.split('/')[0] ?? jid);
  const how = `where you have the account, then run \`xpmn init --jid ${account}\` with the new one on your machines.`;
  if (password === 'likely') return `It knows the password of ${account}: change that now, ${how}\n`;
  const door = isPutOut ? '' : `Its certificate opens ${account} until one of your machines is online there. `;
  if (password === 'maybe') return `${door}Your machines have forgotten the password of ${account}. If that one was ever given it, change it, ${how}\n`;
  return '';
}

export async function keepDevice(context: CliContext, device: string): Promise<void> {
  const answer = await withUserKey(() => context.call('keep', { device }));
  context.answer(answer, () => `${answer.jid} is a device of your media network again.\n`);
}
