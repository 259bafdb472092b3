import type { BusSignal, MessageBus, MethodCall } from '../../src/dbus/bus.ts';
import { busError } from '../../src/dbus/bus-error.ts';

/** A bus on which every object of avahi can be had, and is called `/object1`, `/object2`, … */
export class StubAvahi {
  readonly calls: MethodCall[] = [];
  /** What avahi says instead; undefined: what it always says. */
  answer: (call: MethodCall) => readonly unknown[] | undefined = () => undefined;
  private readonly listeners: ((signal: BusSignal) => void)[] = [];
  private readonly watchers: ((owner: string | undefined) => void)[] = [];
  private count = 0;

  readonly bus = {
    listen: (_: object, listener: (signal: BusSignal) => void) => {
      this.listeners.push(listener);
      return { close: () => undefined };
    },
    watch: (_: string, watcher: (owner: string | undefined) => void) => {
      this.watchers.push(watcher);
      return { close: () => undefined };
    },
    call: async (call: MethodCall) => {
      this.calls.push(call);
      return this.answer(call) ?? (call.member.endsWith('New') ? [`/object${(this.count += 1)}`] : []);
    },
  } as unknown as MessageBus;

  say(path: string, member: string, body: readonly unknown[]): void {
    // The first of the listeners is that for entry groups; all of them ask by path.
    this.listeners[0]?.({ path, interface: '', member, body });
  }

  /** Avahi is on the bus, or another one in its place. */
  appear(): void {
    for (const watcher of this.watchers) watcher(':1.1');
  }

  /** The members that were called since the last time. */
  taken(): string[] {
    return this.calls.splice(0).map(({ member }) => member);
  }

  /** The newest object. */
  get last(): string {
    return `/object${this.count}`;
  }
}

export function refuse(name = 'org.freedesktop.Avahi.TooManyObjectsError'): never {
  throw busError(name);
}
