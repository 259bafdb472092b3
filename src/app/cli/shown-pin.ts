import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { sleep } from '../../xpmn/kernel/tasks.ts';
import { makePin } from '../../xpmn/trust/pin.ts';
import { loadConfig } from '../config.ts';
import type { GatewayConfig } from '../config.ts';
import type { FoundNetwork } from '../setup-api.ts';
import { printable } from '../text.ts';
import { confirm } from './confirm.ts';
import type { CliContext } from './context.ts';
import { findNetworks, grouped, isNamed, joinAt, welcome } from './pair-commands.ts';
import type { JoinFlags } from './pair-commands.ts';

/** What happens, for programs a line each. */
type Step =
  /** `expires`: Unix milliseconds. `burnt` attempts have failed. */
  | { readonly state: 'showing'; readonly pin: string; readonly expires: number; readonly burnt: number }
  | { readonly state: 'joining' | 'wrong'; readonly jid: string; readonly name: string }
  | { readonly state: 'joined'; readonly jid: string; readonly network: string };

type Pairing = GatewayConfig['pairing'];

/**
 * The other way round: the new machine shows the PIN, for one that has no keyboard. It is tried once, with the one network that
 * opens for a device; a wrong one is spent, here and there, and another is shown.
 */
export async function joinByShownPin(context: CliContext, wanted: string | undefined, flags: JoinFlags): Promise<void> {
  const { name, replace, yes } = flags;
  if ((flags.pinFile ?? flags.jid ?? flags.passwordFile ?? flags.server ?? flags.ca) !== undefined) throw new XpmnError('usage', '--show-pin makes the PIN itself, and is for the same local network: it takes no PIN and no account.');
  if (replace && !yes) await confirm('This machine leaves the media network that it is part of for ever.', context.deps);
  const { pairing } = await loadConfig(context.home.configFile, { mustExist: false });
  const opening = new Opening(context, wanted, pairing);
  for (let burnt = 0; burnt < pairing.attempts; burnt += 1) {
    await opening.closed();
    const pin = makePin(context.deps.random, pairing.pinDigits);
    const expires = context.deps.clock.now() + pairing.pinLifetime;
    tell(context, { state: 'showing', pin, expires, burnt });
    const found = await opening.next(expires);
    tell(context, { state: 'joining', jid: found.jid, name: found.name });
    try {
      const joined = await joinAt(context, { jid: found.jid, pin, ...(name === undefined ? {} : { name }), ...(replace ? { replace } : {}) });
      if (context.isJson) tell(context, { state: 'joined', jid: joined.jid, network: joined.network });
      else context.deps.stdout.write(welcome(joined));
      return;
    } catch (error) {
      if (!(error instanceof XpmnError) || error.code !== 'security-failed') throw error;
      tell(context, { state: 'wrong', jid: found.jid, name: found.name });
      opening.failed(found);
    }
  }
  throw new XpmnError('not-trusted', 'Too many wrong PINs: this machine has joined nothing. Somebody may be guessing; to try again, run it again.');
}

/** Networks on the link, as they open for a new device. */
class Opening {
  private readonly context: CliContext;
  private readonly wanted: string | undefined;
  private readonly pairing: Pairing;
  /** Who has had a PIN already, until it was seen closed: what is open there is for that PIN. */
  private readonly tried = new Set<string>();
  private hasToldOfSeveral = false;

  constructor(context: CliContext, wanted: string | undefined, pairing: Pairing) {
    this.context = context;
    this.wanted = wanted;
    this.pairing = pairing;
  }

  failed({ jid }: FoundNetwork): void {
    this.tried.add(jid);
  }

  /**
   * Whoever is typed another PIN may open again at once, so that is shown when the windows of before are closed, as they
   * should be any moment. One that stays open is not waited for, and not tried again either.
   */
  async closed(): Promise<void> {
    const { clock, signal } = this.context.deps;
    const until = clock.now() + this.pairing.lookRound;
    while (this.tried.size > 0 && clock.now() < until) {
      await this.look();
      if (this.tried.size > 0) await sleep(clock, this.pairing.lookFurther, signal);
    }
  }

  /** The next one that opens, as soon as there is no other. @throws XpmnError `timeout`; the signal's reason */
  async next(until: number): Promise<FoundNetwork> {
    const { clock, signal } = this.context.deps;
    for (;;) {
      const [found, ...others] = await this.look();
      if (clock.now() >= until) throw new XpmnError('timeout', 'No machine of a media network has asked for this PIN in time: to show another one, run it again.');
      if (found && others.length === 0) return found;
      if (found) this.tellOfSeveral([found, ...others]);
      await sleep(clock, this.pairing.lookFurther, signal);
    }
  }

  private async look(): Promise<FoundNetwork[]> {
    const { wanted, tried } = this;
    const open = (await findNetworks(this.context, {})).filter(({ isOpen }) => isOpen);
    for (const jid of tried) if (!open.some((one) => one.jid === jid)) tried.delete(jid);
    return open.filter((one) => !tried.has(one.jid) && (wanted === undefined || isNamed(one, wanted)));
  }

  private tellOfSeveral(several: readonly FoundNetwork[]): void {
    if (this.hasToldOfSeveral) return;
    this.hasToldOfSeveral = true;
    this.context.notice(`Several media networks wait for a machine: ${several.map(({ name, jid }) => `${printable(name)} (${printable(jid)})`).join(', ')}. This one goes on when only one does; or say which: \`xpmn pair join NETWORK --show-pin\`.`);
  }
}

function tell(context: CliContext, step: Step): void {
  context.deps.stdout.write(context.isJson ? `${JSON.stringify(step)}\n` : sentence(step));
}

function sentence(step: Step): string {
  switch (step.state) {
    case 'showing': {
      const until = new Date(step.expires).toTimeString().slice(0, 5);
      const what = step.burnt > 0 ? 'This is another one; run `xpmn pair start --pin` again, and type it there:' : 'On a machine of your media network, on the same local network, run `xpmn pair start --pin` and type this PIN:';
      return `${what}\n\n    ${grouped(step.pin)}\n\nIt is good for one try, until ${until}; Ctrl-C ends it. Everything in that network can then be seen and played here, and what this machine finds, there.\n`;
    }
    case 'joining': return `${printable(step.name)} (${printable(step.jid)}) waits for a machine: asking it …\n`;
    case 'wrong': return 'That machine was given another PIN, or somebody is in between. The PIN can\'t be used again.\n';
    case 'joined': return '';
  }
}
