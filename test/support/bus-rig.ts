import type { MessageBus } from '../../src/dbus/bus.ts';
import type { BusOptions } from '../../src/dbus/message-bus.ts';

/** Another program on the bus. */
export interface BusPeer {
  readonly uniqueName: string;
  own(name: string): Promise<void>;
  release(name: string): Promise<void>;
  signal(signal: { readonly path: string; readonly interface: string; readonly member: string; readonly signature?: string; readonly body?: readonly unknown[] }): Promise<void>;
  /** How it answers calls from now on; `undefined`: not at all. By default it refuses all. */
  answer(answer: (member: string, body: readonly unknown[], path: string, flags: number) => { readonly signature: string; readonly body: readonly unknown[] } | { readonly error: string } | undefined): void;
  /** Calls; gives the name of the error it gets, or '' for an answer. */
  call(destination: string): Promise<string>;
}

/** A bus that runs, and machines on it. */
export interface BusRig {
  open(options: BusOptions): MessageBus;
  peer(): Promise<BusPeer>;
  /** The bus goes away, with all who are on it, and comes back empty. */
  end(): Promise<void>;
  begin(): Promise<void>;
  /** Sockets and timers that are open once everything has stopped. */
  leftovers(): number;
  close(): Promise<void>;
}
