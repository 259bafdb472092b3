import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { BusSignal, MessageBus, Subscription } from './bus.ts';

export const AVAHI = 'org.freedesktop.Avahi';
const COLLISION = `${AVAHI}.CollisionError`;

export type ObjectKind = 'EntryGroup' | 'ServiceBrowser' | 'ServiceResolver' | 'RecordBrowser';
const KINDS: readonly ObjectKind[] = ['EntryGroup', 'ServiceBrowser', 'ServiceResolver', 'RecordBrowser'];
/** Signals that are kept for objects whose creation was not answered yet. */
const EARLY = 1_024;

/** Something that avahi keeps for us. */
export interface AvahiObject {
  call(member: string, signature?: string, body?: readonly unknown[]): Promise<readonly unknown[]>;
  /** Lets go of it; one that is gone already is no error. */
  free(): Promise<void>;
}

/** Whether an error of avahi means that a name is taken. */
export function isCollision(error: unknown): boolean {
  return error instanceof XpmnError && error.details['error'] === COLLISION;
}

/** Whether it was avahi that said no; else it could not be asked. */
export function isRefusal(error: unknown): boolean {
  return error instanceof XpmnError && String(error.details['error']).startsWith(`${AVAHI}.`);
}

/** Calls to avahi, and its objects with the signals that are theirs. */
export class AvahiObjects {
  private readonly bus: MessageBus;
  private readonly handlers = new Map<string, (signal: BusSignal) => void>();
  private readonly subscriptions: Subscription[];
  /** What was said of objects before it was known that they are ours. */
  private early: BusSignal[] = [];
  private creating = 0;

  constructor(bus: MessageBus, onServer: (signal: BusSignal) => void) {
    this.bus = bus;
    const ofObjects = KINDS.map((kind) => bus.listen({ sender: AVAHI, interface: `${AVAHI}.${kind}` }, (signal) => this.heard(signal)));
    this.subscriptions = [...ofObjects, bus.listen({ sender: AVAHI, interface: `${AVAHI}.Server`, path: '/' }, onServer)];
  }

  server(member: string, signature = '', body: readonly unknown[] = []): Promise<readonly unknown[]> {
    return this.bus.call({ destination: AVAHI, path: '/', interface: `${AVAHI}.Server`, member, signature, body }, {});
  }

  async create(kind: ObjectKind, signature: string, body: readonly unknown[], handler: (signal: BusSignal) => void): Promise<AvahiObject> {
    this.creating += 1;
    try {
      const [path] = await this.server(`${kind}New`, signature, body);
      if (typeof path !== 'string') throw new XpmnError('malformed', 'Avahi gave no object.');
      this.handlers.set(path, handler);
      for (const signal of this.early) if (signal.path === path) handler(signal);
      this.early = this.early.filter((signal) => signal.path !== path);
      return this.object(kind, path);
    } finally {
      this.creating -= 1;
      if (this.creating === 0) this.early = [];
    }
  }

  /** Avahi is gone, and all of these with it. */
  forget(): void {
    this.handlers.clear();
    this.early = [];
  }

  close(): void {
    this.forget();
    for (const subscription of this.subscriptions) subscription.close();
  }

  private object(kind: ObjectKind, path: string): AvahiObject {
    const call = (member: string, signature = '', body: readonly unknown[] = []): Promise<readonly unknown[]> =>
      this.bus.call({ destination: AVAHI, path, interface: `${AVAHI}.${kind}`, member, signature, body }, {});
    return {
      call,
      free: async () => {
        if (!this.handlers.delete(path)) return;
        await call('Free').catch(() => undefined);
      },
    };
  }

  private heard(signal: BusSignal): void {
    const handler = this.handlers.get(signal.path);
    if (handler) handler(signal);
    else if (this.creating > 0 && this.early.length < EARLY) this.early.push(signal);
  }
}
