import { FakeEventSubscriber } from '../fakes/fake-event-subscriber.ts';
import type { FakeEventSubscription } from '../fakes/fake-event-subscriber.ts';
import { settle } from '../support/fake-clock.ts';
import { describeEventSubscriber } from './event-subscriber.suite.ts';
import type { EventSubscriberRig, EventingDevice } from './event-subscriber.suite.ts';

/** A device beside the fake: it does what a device's answers lead to. */
class DeviceInMemory implements EventingDevice {
  manner: EventingDevice['manner'] = 'telling';
  properties: EventingDevice['properties'] = { Volume: '42', Mute: '0', Text: '' };
  private port = 49_152;
  private readonly known = new Set<FakeEventSubscription>();
  /** Subscriptions that missed something. */
  private readonly behind = new Set<FakeEventSubscription>();
  private readonly subscriber: FakeEventSubscriber;

  constructor(subscriber: FakeEventSubscriber) {
    this.subscriber = subscriber;
    subscriber.onAttempt = (subscription) => this.attempt(subscription);
  }

  get service(): EventingDevice['service'] {
    return { eventUrl: new URL(`http://192.0.2.1:${this.port}/evt`), allowedHosts: ['192.0.2.1'], scope: undefined };
  }

  get subscriptions(): number {
    return [...this.known].filter(({ closed }) => !closed).length;
  }

  async change(properties: EventingDevice['properties']): Promise<void> {
    this.properties = { ...this.properties, ...properties };
    for (const subscription of this.known) {
      subscription.send(properties);
      if (this.behind.delete(subscription)) subscription.renewNow();
    }
    await settle();
  }

  changeUnheard(properties: EventingDevice['properties']): void {
    this.properties = { ...this.properties, ...properties };
    for (const subscription of this.known) this.behind.add(subscription);
  }

  async restart(): Promise<void> {
    this.port += 1;
    this.known.clear();
  }

  /** All that are open try again. */
  async again(): Promise<void> {
    for (const subscription of this.subscriber.subscriptions) if (subscription.state !== 'live') this.attempt(subscription);
    await settle();
  }

  private attempt(subscription: FakeEventSubscription): void {
    if (this.manner === 'dead') return;
    if (this.manner === 'refusing' || !isKnown(subscription)) {
      subscription.become('refused');
      return;
    }
    this.known.add(subscription);
    if (this.manner === 'mute') subscription.become('silent');
    else subscription.sendAll(this.properties);
  }
}

function isKnown({ service }: FakeEventSubscription): boolean {
  try {
    return service().eventUrl.href !== '';
  } catch {
    return false;
  }
}

describeEventSubscriber('in memory', async (): Promise<EventSubscriberRig> => {
  const subscriber = new FakeEventSubscriber();
  const device = new DeviceInMemory(subscriber);
  return {
    subscriber,
    device,
    passPatience: () => settle(),
    passPause: () => device.again(),
    passSilence: () => device.again(),
    leftovers: async () => subscriber.subscriptions.length,
    close: async () => undefined,
  };
});
