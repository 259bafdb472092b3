import type { Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { SerialQueue, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { Controlled } from './control/handlers.ts';
import type { Gateway, GatewayDeps, GatewayFactory } from './gateway-api.ts';
import type { FindOptions, FoundNetwork, ImportOptions, InitOptions, JoinOptions, RestoreOptions, Setup, SetupChange, SetupResult } from './setup-api.ts';

export interface HolderDeps extends GatewayDeps {
  readonly createGateway: GatewayFactory;
  readonly setup: Setup;
}

export interface HolderOptions {
  /** Milliseconds that a gateway may take to close politely. */
  readonly politeTimeout: number;
  /** Milliseconds until a gateway that could not be started again is tried once more. */
  readonly restartBackOff: { readonly first: number; readonly factor: number; readonly max: number };
}

/** The daemon's gateway. It is stopped while its state changes, and started again on what the state is then, until that works. */
export class GatewayHolder implements Controlled {
  private readonly deps: HolderDeps;
  private readonly options: HolderOptions;
  private readonly queue = new SerialQueue();
  private readonly stopping = new AbortController();
  private current: Gateway | undefined;
  private retry: Timer | undefined;
  /** Why there is none. */
  private problem = new XpmnError('not-running', 'The gateway is being started.');

  constructor(deps: HolderDeps, options: HolderOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** @throws XpmnError why there is none: then none comes by itself */
  start(): Promise<void> {
    return this.queue.run(() => this.launch());
  }

  gateway(): Gateway {
    if (!this.current) throw this.problem;
    return this.current;
  }

  init(options: InitOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupResult> {
    return this.change(signal, (waiting) => this.deps.setup.prepareInit(this.deps, options, waiting));
  }

  importCredentials(options: ImportOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupResult> {
    return this.change(signal, (waiting) => this.deps.setup.prepareImport(this.deps, options, waiting));
  }

  restore(options: RestoreOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupResult> {
    return this.change(signal, (waiting) => this.deps.setup.prepareRestore(this.deps, options, waiting));
  }

  findNetworks(options: FindOptions, { signal }: { readonly signal: AbortSignal }): Promise<FoundNetwork[]> {
    return this.deps.setup.findNetworks(this.deps, options, { signal: AbortSignal.any([signal, this.stopping.signal]) });
  }

  join(options: JoinOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupResult> {
    return this.change(signal, (waiting) => this.deps.setup.prepareJoin(this.deps, options, waiting));
  }

  joinByButton(options: { readonly name?: string }, { signal }: { readonly signal: AbortSignal }): Promise<SetupResult> {
    return this.change(signal, async (waiting) => {
      const { button } = this.gateway();
      const { jid, targets, signal: alone } = button.target();
      try {
        return await this.deps.setup.prepareButtonJoin(this.deps, { jid, targets, ...options }, { signal: AbortSignal.any([waiting.signal, alone]) });
      } catch (error) {
        button.failed();
        throw error;
      }
    });
  }

  /** No gateway is left, and none comes any more. */
  close(): Promise<void> {
    this.stopping.abort(new XpmnError('not-running', 'The gateway stops.'));
    return this.queue.run(() => this.end('The gateway stops.'));
  }

  /** The gateway goes on working while a change is prepared, and stops only for its writing. */
  private change(caller: AbortSignal, prepare: (waiting: { readonly signal: AbortSignal }) => Promise<SetupChange>): Promise<SetupResult> {
    return this.queue.run(async () => {
      const signal = AbortSignal.any([caller, this.stopping.signal]);
      throwIfAborted(signal);
      const write = await prepare({ signal });
      await this.end('The gateway is being restarted.');
      try {
        return await write();
      } finally {
        // What was written, or why not, is the answer; that no gateway starts on it is in the log and in `problem`.
        await this.relaunch(this.options.restartBackOff.first);
      }
    });
  }

  private async launch(): Promise<void> {
    const { signal } = this.stopping;
    signal.throwIfAborted();
    try {
      const { createGateway, setup: _, ...deps } = this.deps;
      this.current = await createGateway(deps, { signal, onStale: () => this.renew() });
    } catch (thrown) {
      const error = asXpmnError(thrown);
      this.problem = new XpmnError('not-running', `The gateway could not be started: ${error.message}`, { cause: error });
      if (!signal.aborted) this.deps.log.error('the gateway could not be started', { error });
      throw error;
    }
  }

  /** The media network has moved, and this gateway with it; or its management has. */
  private renew(): void {
    this.queue.run(async () => {
      if (this.stopping.signal.aborted) return;
      this.deps.log.info('the place of this gateway in the media network has changed: starting anew');
      await this.end('The gateway is being restarted.');
      await this.relaunch(this.options.restartBackOff.first);
    }).catch(() => undefined);
  }

  /** Never rejects: it is tried again, less and less often. */
  private async relaunch(pause: number): Promise<void> {
    if (this.current) return;
    const { clock } = this.deps;
    const { factor, max } = this.options.restartBackOff;
    try {
      await this.launch();
    } catch {
      if (this.stopping.signal.aborted) return;
      this.retry = clock.after(pause, () => void this.queue.run(() => this.relaunch(Math.min(pause * factor, max))));
    }
  }

  private async end(why: string): Promise<void> {
    const { current } = this;
    this.current = undefined;
    this.retry?.cancel();
    this.problem = new XpmnError('not-running', why);
    if (!current) return;
    const impatient = new AbortController();
    const timer = this.deps.clock.after(this.options.politeTimeout, () => impatient.abort(new XpmnError('timeout', 'The gateway took too long to close.')));
    try {
      await current.close({ signal: impatient.signal });
    } catch (error) {
      this.deps.log.warn('the gateway did not close in order', { error });
    } finally {
      timer.cancel();
    }
  }
}
