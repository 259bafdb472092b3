import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { ButtonView } from '../pairing-desk.ts';
import type { SetupResult } from '../setup-api.ts';
import { printable } from '../text.ts';
import type { CliContext } from './context.ts';
import { untold } from './pair-commands.ts';

export interface ButtonFlags {
  readonly name?: string;
}

/**
 * Presses the button here, shows what comes of it, and takes it back when the user has had enough. What this machine is to the other
 * one follows from what both are; whichever it is, the command ends when it is done.
 */
export async function pressButton(context: CliContext, flags: ButtonFlags): Promise<void> {
  if (!context.isJson) context.notice(WARNING);
  try {
    let view = await context.call('button-press', {});
    for (;;) {
      tell(context, view);
      if (view.state === 'paired') return;
      if (view.state === 'closed' || view.state === 'refused') throw ended(view);
      if (view.state === 'calling') return joined(context, await context.call('button-join', flags));
      view = await context.call('button-wait', { after: view.revision });
    }
  } catch (error) {
    // The signal of this program is gone by now: taking it back has one of its own.
    if (context.deps.signal.aborted) await context.callAnyway('button-close', {}).catch(() => undefined);
    throw error;
  }
}

const WARNING = 'Nobody is checked here but by being the only one: whoever is on this local network now can be the other machine. Where others may be, pair by a PIN (`xpmn pair start`), or compare the numbers that both machines show in the end.';

/** For programs a line each; for people what to do. */
function tell(context: CliContext, view: ButtonView): void {
  if (context.isJson) context.deps.stdout.write(`${JSON.stringify(view)}\n`);
  else context.deps.stdout.write(sentence(view));
}

function sentence(view: ButtonView): string {
  switch (view.state) {
    case 'looking': return `Run \`xpmn pair button\` on the other machine, too, until ${time(view.expires)}: the two become one media network. Ctrl-C ends it.\n`;
    case 'hosting': return `Whoever runs \`xpmn pair button\` on this local network until ${time(view.expires)}, if it is the only one, becomes a device of your media network; with it goes the password of its account, where it has one. Ctrl-C ends it.\n`;
    case 'found': return `${named(view)} was found. It is asked to take this machine into its media network, unless another one shows …\n`;
    case 'calling': return `Asking ${named(view)} …\n`;
    case 'proven': return view.number === undefined ? '' : `${printable(view.peer)} has called, and is added unless another one shows. ${toCompare(view.number)}`;
    case 'joining': return 'It is the only one; it is being added …\n';
    case 'paired': return `${printable(view.name)} is a device of your media network now: ${view.device}\nIf it shows another number than ${grouped(view.number)}, it is not the one you mean: \`xpmn remove ${view.device.split('/')[1]}\`.\n`;
    default: return '';
  }
}

function joined(context: CliContext, { number, ...result }: SetupResult): void {
  context.answer({ ...result, number }, () => `This machine is ${result.jid} in the media network ${result.network}.\n${number === undefined ? '' : toCompare(number)}The gateway works with that from now on: \`xpmn devices\` lists what is in it.\n`);
}

function toCompare(number: string): string {
  return `Both machines show the number ${grouped(number)}, unless somebody is in between.\n`;
}

function grouped(number: string): string {
  return `${number.slice(0, 3)} ${number.slice(3)}`;
}

function named({ name, jid }: { readonly name: string; readonly jid: string }): string {
  return `${printable(name)} (${printable(jid)})`;
}

function time(at: number): string {
  return new Date(at).toTimeString().slice(0, 5);
}

function ended(view: Extract<ButtonView, { state: 'closed' | 'refused' }>): XpmnError {
  switch (view.why) {
    case 'untold': return untold(view);
    case 'crowded': return new XpmnError('conflict', 'More than two machines on this network are waiting for each other, so that nobody knows who is meant: nobody was added, on any of them. Wait half a minute and press only two buttons, or use a PIN: `xpmn pair start`.');
    case 'in-use': return new XpmnError('already-initialised', 'Both machines are part of a media network already. To move this one into that of the other, use a PIN: `xpmn pair start` there, `xpmn pair join --replace` here.');
    case 'expired': return new XpmnError('timeout', 'Nobody has pressed the other button in time.');
    case 'unfinished': return new XpmnError('connection-lost', 'The other machine has called, and then did not finish.');
    case 'failed': return new XpmnError('security-failed', 'The other machine could not be paired with.');
    default: return new XpmnError('aborted', 'The pairing was ended.');
  }
}
