import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { findLocalRoute } from '../xpmn/kernel/local-route.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { withDeadline } from '../xpmn/kernel/tasks.ts';
import { CallbackServers } from './callback-servers.ts';
import type { GenaOptions } from './gena-options.ts';
import { GenaSubscription } from './gena-subscription.ts';
import type { EventListener, EventSubscriber, EventSubscription, EventedService } from './gena.ts';
import type { Requester } from './requester.ts';

export interface EventSubscriberDeps {
  /** Somebody else's: not closed here. */
  readonly requester: Requester;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly findRoute?: typeof findLocalRoute;
}

export function createEventSubscriber(deps: EventSubscriberDeps, options: GenaOptions): GenaSubscriber {
  return new GenaSubscriber(deps, options);
}

/** Event subscriptions over HTTP. */
export class GenaSubscriber implements EventSubscriber {
  /** Since the start: NOTIFYs that came, and events that are known to be missing. */
  readonly counts = { events: 0, missed: 0 };
  private readonly deps: EventSubscriberDeps;
  private readonly options: GenaOptions;
  private readonly callbacks: CallbackServers;
  private readonly subscriptions = new Set<GenaSubscription>();
  private closing: Promise<void> | undefined;

  constructor(deps: EventSubscriberDeps, options: GenaOptions) {
    this.deps = deps;
    this.options = options;
    this.callbacks = new CallbackServers(deps, options.callback);
  }

  subscribe(service: () => EventedService, listener: EventListener): EventSubscription {
    if (this.closing) throw new XpmnError('not-running', 'Nobody can subscribe any more.');
    const { deps: { findRoute = findLocalRoute, ...deps }, callbacks, counts } = this;
    const onClosed = (closed: GenaSubscription): void => void this.subscriptions.delete(closed);
    const subscription = new GenaSubscription({ ...deps, findRoute, callbacks, counts, onClosed }, this.options, service, listener);
    this.subscriptions.add(subscription);
    return subscription;
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const open = [...this.subscriptions];
    const closeAll = (signal: AbortSignal): Promise<unknown> => Promise.all(open.map((one) => one.close({ signal })));
    const farewell = { clock: this.deps.clock, delay: this.options.farewell, what: 'Ending the event subscriptions' };
    // Later they are not told, but the end of each is still waited for.
    await withDeadline(farewell, closeAll).catch(() => undefined);
    await closeAll(AbortSignal.abort());
    await this.callbacks.close();
  }
}
