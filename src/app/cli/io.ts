import type { Readable, Writable } from 'node:stream';
import type { Clock, Random } from '../../xpmn/kernel/clock.ts';
import type { GatewayFactory } from '../gateway-api.ts';
import type { Setup } from '../setup-api.ts';

/** What a terminal can do more than a file. */
export type Input = Readable & { readonly isTTY?: boolean | undefined; setRawMode?(isRaw: boolean): unknown };
export type Output = Pick<Writable, 'write'> & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

/** What a command line has of the world. */
export interface CliDeps {
  readonly stdin: Input;
  /** For what was asked for. */
  readonly stdout: Output;
  /** For errors, progress and questions. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user wants it to end. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** The parts of a gateway; loaded only where one is started or set up. */
  loadGateway(): Promise<{ readonly createGateway: GatewayFactory; readonly setup: Setup }>;
  /** Ends the process at once. */
  exit(status: number): void;
}
