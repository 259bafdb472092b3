import type { EventListener, SubscriptionState } from '../../src/upnp/gena.ts';

/** A listener that writes down what it hears, in order, and can be waited at. */
export class EventLog implements EventListener {
  readonly lines: (SubscriptionState | Readonly<Record<string, string>>)[] = [];
  private readonly waiting = new Set<() => void>();

  event(properties: ReadonlyMap<string, string>): void {
    this.add(Object.fromEntries(properties));
  }

  state(state: SubscriptionState): void {
    this.add(state);
  }

  get states(): SubscriptionState[] {
    return this.lines.filter((line) => typeof line === 'string');
  }

  get events(): Readonly<Record<string, string>>[] {
    return this.lines.filter((line) => typeof line !== 'string');
  }

  /** Resolves once that is so; what is so already counts. */
  async until(isSo: (log: this) => boolean): Promise<void> {
    while (!isSo(this)) {
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** The state that was told last is this one, and it was told so many times. */
  async reaches(state: SubscriptionState, times = 1): Promise<void> {
    await this.until(({ states }) => states.at(-1) === state && states.filter((one) => one === state).length === times);
  }

  private add(line: SubscriptionState | Readonly<Record<string, string>>): void {
    this.lines.push(line);
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}
