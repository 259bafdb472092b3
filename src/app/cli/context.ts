import { ControlClient } from '../control/client.ts';
import type { Input as OperationInput, OperationName, Output as OperationOutput } from '../control/operations.ts';
import { defaultConfig } from '../config.ts';
import { locateHome } from '../storage/home.ts';
import type { HomePaths } from '../storage/home.ts';
import type { CliDeps } from './io.ts';

export interface GlobalOptions {
  readonly home?: string;
  readonly json?: boolean;
}

/** What a command works with: one run of the program. */
export class CliContext {
  readonly deps: CliDeps;
  readonly settings = defaultConfig().cli;
  /** How much of a playlist is read. */
  readonly playlist = defaultConfig().player.playlist;
  readonly home: HomePaths;
  readonly isJson: boolean;
  private readonly client: ControlClient;

  constructor(deps: CliDeps, { home, json = false }: GlobalOptions) {
    this.deps = deps;
    this.home = locateHome(home, deps.env);
    this.isJson = json;
    this.client = new ControlClient({ path: this.home.controlSocket, answerBytes: this.settings.answerBytes });
  }

  call<N extends OperationName>(name: N, input: OperationInput<N>, signal = this.deps.signal): Promise<OperationOutput<N>> {
    return this.client.call(name, input, { signal });
  }

  /** As `call`, for what is to be said after the user has ended the program. */
  callAnyway<N extends OperationName>(name: N, input: OperationInput<N>): Promise<OperationOutput<N>> {
    return this.client.call(name, input, { signal: AbortSignal.timeout(this.settings.farewell) });
  }

  /** Runs `work`; people are told that they wait, if it takes long. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const timer = this.deps.clock.after(this.settings.patience, () => {
      if (!this.isJson) this.notice('still waiting … (Ctrl-C ends it)');
    });
    try {
      return await work();
    } finally {
      timer.cancel();
    }
  }

  /** The answer: as one JSON document where that is wanted, else as the text. */
  answer(value: unknown, text: () => string): void {
    this.deps.stdout.write(this.isJson ? `${JSON.stringify(value, null, 2)}\n` : text());
  }

  /** Tells people something beside the answer. */
  notice(text: string): void {
    this.deps.stderr.write(`${text}\n`);
  }
}
