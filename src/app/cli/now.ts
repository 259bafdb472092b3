import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { Timer } from '../../xpmn/kernel/clock.ts';
import type { NamedView } from '../control/operations.ts';
import type { CliContext } from './context.ts';
import type { CliDeps } from './io.ts';
import { onDevice, withAdvice } from './player-commands.ts';
import type { PlayerFlags } from './player-commands.ts';
import { isNews, nowLine, nowText } from './playing-text.ts';

/** Of a terminal that does not say how wide it is, or says 0. */
const USUAL_COLUMNS = 80;

/** What a player plays: once, or from now on until the user has had enough. */
export async function showNow(context: CliContext, { watch, ...flags }: PlayerFlags & { readonly watch?: true }): Promise<void> {
  if (watch) return watchPlayer(context, flags);
  const { clock, stdout } = context.deps;
  const view = await withAdvice(context, flags, () => context.call('now', onDevice(flags)));
  if (!view.status) throw new XpmnError('peer-unavailable', `${view.name} has not said what it does yet: try again in a moment, or wait for it with --watch.`);
  context.answer(view, () => nowText(view, { now: clock.now(), hasBar: stdout.isTTY === true }));
}

async function watchPlayer(context: CliContext, flags: PlayerFlags): Promise<void> {
  const { deps, settings, isJson } = context;
  const display = isJson || !deps.stdout.isTTY ? linesOf(deps, isJson) : new LiveLine(deps, settings.liveInterval);
  try {
    // It is listened to first, so that nothing is missed between the two.
    let view = await withAdvice(context, flags, async () => {
      const { device } = await context.call('now-wait', { ...onDevice(flags), after: -1 });
      return context.call('now', { device });
    });
    for (;;) {
      display.show(view);
      view = await context.call('now-wait', { device: view.device, after: view.revision });
    }
  } catch (error) {
    // That is how it ends.
    if (!deps.signal.aborted) throw error;
  } finally {
    display.end();
  }
}

interface Display {
  show(view: NamedView): void;
  end(): void;
}

/** A line for each change. */
function linesOf({ stdout, clock }: CliDeps, isJson: boolean): Display {
  let last: NamedView | undefined;
  let shown: string | undefined;
  return {
    show: (view) => {
      const line = isJson ? JSON.stringify(view) : nowLine(view, { now: clock.now() });
      // News need not show in a line for people.
      if (!last || (isNews(view, last) && line !== shown)) stdout.write(`${line}\n`);
      [last, shown] = [view, line];
    },
    end: () => undefined,
  };
}

/** One line that moves on by itself: where the player is follows from what was heard last. */
class LiveLine implements Display {
  private readonly deps: Pick<CliDeps, 'stdout' | 'clock'>;
  private readonly interval: number;
  private timer: Timer | undefined;
  private isVisible = false;

  constructor(deps: Pick<CliDeps, 'stdout' | 'clock'>, interval: number) {
    this.deps = deps;
    this.interval = interval;
  }

  show(view: NamedView): void {
    const { stdout, clock } = this.deps;
    this.timer?.cancel();
    // In the last column, some terminals go to the next line.
    stdout.write(`\r${nowLine(view, { now: clock.now(), width: (stdout.columns || USUAL_COLUMNS) - 1 })}\u001b[K`);
    this.isVisible = true;
    if (view.reach !== 'lost' && view.status?.state === 'playing') this.timer = clock.after(this.interval, () => this.show(view));
  }

  /** Leaves what was shown last. */
  end(): void {
    this.timer?.cancel();
    if (this.isVisible) this.deps.stdout.write('\n');
    this.isVisible = false;
  }
}
