import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { EventListener, EventSubscriber, EventSubscription, EventedService, SubscriptionState } from '../../src/upnp/gena.ts';

/**
 * Event subscriptions without any network: the test sends the events and sets the states. `onAttempt` is called, after the
 * call that led to it, for each subscription, and again at `renewNow`; by default nothing comes of it.
 */
export class FakeEventSubscriber implements EventSubscriber {
  /** The open ones, oldest first. */
  readonly subscriptions: FakeEventSubscription[] = [];
  onAttempt: (subscription: FakeEventSubscription) => void = () => undefined;
  private closed = false;

  subscribe(service: () => EventedService, listener: EventListener): FakeEventSubscription {
    if (this.closed) throw new XpmnError('not-running', 'Nobody can subscribe any more.');
    const subscription: FakeEventSubscription = new FakeEventSubscription(service, listener, {
      attempt: () => this.onAttempt(subscription),
      gone: () => void this.subscriptions.splice(this.subscriptions.indexOf(subscription), 1),
    });
    this.subscriptions.push(subscription);
    subscription.attempt();
    return subscription;
  }

  /** The newest open one whose event URL ends so, e.g. `/AVTransport/evt`. */
  at(path: string): FakeEventSubscription | undefined {
    return this.subscriptions.findLast(({ service }) => service().eventUrl.pathname.endsWith(path));
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const subscription of [...this.subscriptions]) await subscription.close();
  }
}

export class FakeEventSubscription implements EventSubscription {
  state: SubscriptionState = 'subscribing';
  /** How often the owner asked for it. */
  renewals = 0;
  closed = false;
  readonly service: () => EventedService;
  private readonly listener: EventListener;
  private readonly owner: { attempt(): void; gone(): void };

  constructor(service: () => EventedService, listener: EventListener, owner: { attempt(): void; gone(): void }) {
    this.service = service;
    this.listener = listener;
    this.owner = owner;
  }

  /** One NOTIFY. */
  send(properties: Readonly<Record<string, string>>): void {
    if (!this.closed) this.tell(() => this.listener.event(new Map(Object.entries(properties))));
  }

  /** The first event of a device that tells all: it is live. */
  sendAll(properties: Readonly<Record<string, string>>): void {
    this.send(properties);
    this.become('live');
  }

  become(state: SubscriptionState): void {
    if (this.closed || state === this.state) return;
    this.state = state;
    this.tell(() => this.listener.state(state));
  }

  renewNow(): void {
    if (this.closed) return;
    this.renewals += 1;
    this.become('subscribing');
    this.attempt();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.owner.gone();
  }

  attempt(): void {
    queueMicrotask(() => {
      if (!this.closed) this.owner.attempt();
    });
  }

  /** A listener that fails is its own business. */
  private tell(say: () => void): void {
    try {
      say();
    } catch {
      // as the contract has it
    }
  }
}
