import { setMaxListeners } from 'node:events';
import type { MessageBus } from '../../src/dbus/bus.ts';
import type { BusOptions } from '../../src/dbus/message-bus.ts';
import { settings } from './settings.ts';

/** Bounds that a test reaches, and a bus that is looked for often. */
const OPTIONS: BusOptions = { ...settings.dbus, address: '', callTimeout: 2_000, backOff: { first: 20, factor: 2, max: 100 } };

export const never = new AbortController().signal;
setMaxListeners(0, never);

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

export interface BusStage {
  readonly rig: BusRig;
  /** One of ours on it, stopped after the test. */
  readonly open: (options?: Partial<BusOptions>) => MessageBus;
  readonly start: (options?: Partial<BusOptions>) => Promise<MessageBus>;
}

/** A bus for each test of the suite that calls this. */
export function busForEachTest(setup: () => Promise<BusRig>): BusStage {
  let rig: BusRig;
  let opened: MessageBus[];
  beforeEach(async () => {
    [rig, opened] = [await setup(), []];
  });
  afterEach(async () => {
    await Promise.all(opened.map((bus) => bus.stop()));
    await rig.close();
  });

  const open: BusStage['open'] = (options = {}) => {
    const bus = rig.open({ ...OPTIONS, ...options });
    opened.push(bus);
    return bus;
  };
  return {
    get rig() {
      return rig;
    },
    open,
    async start(options) {
      const bus = open(options);
      await bus.start({ signal: never });
      return bus;
    },
  };
}
