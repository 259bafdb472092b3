import { Narrator, StepFailed, formatTime } from './narrator.ts';
import { Resources } from './resources.ts';
import { runSteps } from './steps.ts';
import { buildWorld } from './world.ts';

const INTRODUCTION =
  'A home behind NAT with a NAS, an XMPP server on the internet, a laptop far away: each in a network of its own on ' +
  'this machine. The server is an ordinary Prosody, the NAS an ordinary minidlna; neither knows of the gateway.';

/** The signals that end a run early, by what a shell shows for them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

class Interrupted extends Error {
  readonly status: number;

  constructor(status: number) {
    super('interrupted');
    this.status = status;
  }
}

/** The demonstration, to its end; whatever way it ends, everything is taken down. Gives the exit status. */
export async function runDemo(): Promise<number> {
  const stopped = new AbortController();
  // what is still under way when the run is interrupted has nothing more to say
  const write = (text: string): void => void (stopped.signal.aborted || process.stdout.write(text));
  const narrator = new Narrator(write, process.stdout.isTTY && process.env.NO_COLOR === undefined);
  const interrupted = new Promise<never>((_, reject) => {
    for (const [signal, status] of Object.entries(SIGNALS)) process.on(signal, () => stopped.abort(new Interrupted(status)));
    stopped.signal.addEventListener('abort', () => reject(stopped.signal.reason as Error));
  });
  // a terminal that is gone must not keep us from taking everything down
  process.stdout.on('error', () => stopped.abort(new Interrupted(SIGNALS.SIGHUP)));
  const resources = new Resources();
  const start = performance.now();
  try {
    await Promise.race([tour(narrator, resources, stopped.signal), interrupted]);
    await resources.close();
    narrator.paragraph(`demo: ${narrator.count} steps, all as they should be, in ${formatTime(performance.now() - start)}`);
    return 0;
  } catch (error) {
    return await giveUp(error, narrator.count, resources);
  }
}

async function tour(narrator: Narrator, resources: Resources, signal: AbortSignal): Promise<void> {
  narrator.paragraph(INTRODUCTION);
  const start = performance.now();
  const world = await buildWorld(resources, { narrator, signal });
  narrator.paragraph(`The network, the server, the NAS and its films are there: ${formatTime(performance.now() - start)}`);
  await runSteps({ world, narrator, resources });
}

async function giveUp(error: unknown, steps: number, resources: Resources): Promise<number> {
  const wasInterrupted = error instanceof Interrupted;
  say(wasInterrupted ? 'taking everything down …' : explain(error));
  await resources.close().catch((failure: unknown) => say(`could not take everything down: ${explain(failure)}`));
  say(wasInterrupted ? 'demo: interrupted' : `demo: FAILED at step ${steps}`);
  return wasInterrupted ? error.status : 1;
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

function explain(error: unknown): string {
  if (error instanceof StepFailed) return `✗ ${error.message}`;
  return error instanceof Error ? `${error.message}${error.cause instanceof Error ? `: ${error.cause.message}` : ''}` : String(error);
}
