import { ByteBudget } from '../xpmn/kernel/byte-budget.ts';
import type { Clock, Random, Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { LocalRoute, findLocalRoute } from '../xpmn/kernel/local-route.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, abortReason } from '../xpmn/kernel/tasks.ts';
import type { Callback, CallbackHandler, NotifyMessage } from './callback-server.ts';
import type { CallbackServers } from './callback-servers.ts';
import { readPropertySet } from './gena-codec.ts';
import { GenaMachine } from './gena-machine.ts';
import type { GenaEffect, GenaInput } from './gena-machine.ts';
import type { GenaOptions } from './gena-options.ts';
import { renew, subscribe, unsubscribe } from './gena-requests.ts';
import type { EventListener, EventSubscription, EventedService, SubscriptionState } from './gena.ts';
import type { Requester } from './requester.ts';

export interface SubscriptionDeps {
  readonly requester: Requester;
  readonly callbacks: CallbackServers;
  readonly findRoute: typeof findLocalRoute;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Events that came, and that were missed. */
  readonly counts: { events: number; missed: number };
  readonly onClosed: (subscription: GenaSubscription) => void;
}

/** Where the subscription that is held, or asked for, is known. */
interface Place {
  readonly service: EventedService;
  readonly route: LocalRoute;
  readonly callback: Callback;
}

/** The rim around one machine: asks the device, keeps the time, and tells the listener. */
export class GenaSubscription implements EventSubscription {
  /** What was told last. */
  state: SubscriptionState = 'subscribing';
  private readonly deps: SubscriptionDeps;
  private readonly options: GenaOptions;
  private readonly service: () => EventedService;
  private readonly listener: EventListener;
  private readonly machine: GenaMachine;
  private readonly tasks: TaskGroup;
  private readonly budget: ByteBudget;
  private place: Place | undefined;
  /** Of SUBSCRIBE: what comes to the callback of an older one is not for us any more. */
  private attempts = 0;
  /** Ends the request under way. */
  private request = new AbortController();
  private timer: Timer | undefined;
  /** Listeners may call back: what they want comes after what is being told. */
  private readonly inputs: GenaInput[] = [];
  private isTaking = false;
  private isClosed = false;
  private farewell: Promise<void> = Promise.resolve();

  constructor(deps: SubscriptionDeps, options: GenaOptions, service: () => EventedService, listener: EventListener) {
    this.deps = deps;
    this.options = options;
    this.service = service;
    this.listener = listener;
    this.machine = new GenaMachine(deps, options);
    this.budget = new ByteBudget(options.bytesPerSecond, deps.clock.monotonic());
    this.tasks = new TaskGroup((error) => deps.log.error('An event subscription failed.', { error: String(error) }));
    this.take({ kind: 'anew' });
  }

  renewNow(): void {
    this.take({ kind: 'anew' });
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.isClosed) this.end(signal);
    await this.farewell;
    await this.tasks.close();
  }

  private end(signal: AbortSignal): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.request.abort();
    for (const effect of this.machine.take({ kind: 'close' }, this.deps.clock.monotonic())) {
      if (effect.kind === 'leave') this.farewell = this.leave(effect.sid, signal);
    }
    this.place?.callback.release();
    this.deps.onClosed(this);
  }

  private take(input: GenaInput): void {
    if (this.isClosed) return;
    this.inputs.push(input);
    if (this.isTaking) return;
    this.isTaking = true;
    for (let next = this.next(); next; next = this.next()) {
      for (const effect of this.machine.take(next, this.deps.clock.monotonic())) if (!this.isClosed) this.perform(effect);
    }
    this.isTaking = false;
    this.keepTime();
  }

  private next(): GenaInput | undefined {
    const { machine: { due }, deps: { clock } } = this;
    return this.inputs.shift() ?? (due !== undefined && due <= clock.monotonic() ? { kind: 'due' } : undefined);
  }

  private perform(effect: GenaEffect): void {
    if (effect.kind === 'subscribe') this.begin((signal) => this.subscribe(signal), { kind: 'refused' });
    else if (effect.kind === 'renew') this.begin((signal) => this.renew(effect.sid, signal), { kind: 'lost' });
    else if (effect.kind === 'leave') this.tasks.run((signal) => this.leave(effect.sid, signal));
    else if (effect.kind === 'missed') this.missed(effect.count);
    else if (effect.kind === 'tell') this.tell(effect.state);
    else this.heard(() => this.listener.event(effect.properties));
  }

  /** Begins a request, which ends the one before. What fails is `otherwise`. */
  private begin(work: (signal: AbortSignal) => Promise<GenaInput>, otherwise: GenaInput): void {
    this.request.abort();
    const { signal: own } = (this.request = new AbortController());
    this.tasks.run(async (all) => {
      const signal = AbortSignal.any([all, own]);
      const input = await work(signal).catch((error: unknown) => {
        if (!signal.aborted) this.deps.log.debug('A device does not take a subscription.', { url: this.url, error: String(error) });
        return otherwise;
      });
      if (!signal.aborted) this.take(input);
    });
  }

  private async subscribe(signal: AbortSignal): Promise<GenaInput> {
    const former = this.place;
    this.place = undefined;
    const place = await this.settleIn(signal).finally(() => former?.callback.release());
    // In the turn in which it becomes known: whoever ends this attempt later releases it.
    if (signal.aborted) {
      place.callback.release();
      throw abortReason(signal);
    }
    this.place = place;
    const { service, callback } = place;
    try {
      return { kind: 'granted', grant: await subscribe({ ...this.deps, service, signal }, callback.url, this.options.timeout) };
    } catch (error) {
      // Where a newer attempt has ended this one, the callback is the newer one's to release.
      if (!signal.aborted) {
        callback.release();
        this.place = undefined;
      }
      throw error;
    }
  }

  /** Where the device is now, and where it reaches us. */
  private async settleIn(signal: AbortSignal): Promise<Place> {
    const service = this.service();
    const route = await this.deps.findRoute(literal(service.eventUrl.hostname, service), { signal });
    return { service, route, callback: await this.deps.callbacks.open(route.local, this.handler(service, route)) };
  }

  private async renew(sid: string, signal: AbortSignal): Promise<GenaInput> {
    const { route } = this.place as Place;
    const service = this.service();
    const { local } = await this.deps.findRoute(literal(service.eventUrl.hostname, service), { signal });
    // The device knows us by an address that is not ours any more, or is somewhere else itself.
    if (local !== route.local || service.eventUrl.href !== this.url) throw new XpmnError('entity-changed', 'The device, or the way to it, has changed.');
    return { kind: 'renewed', grant: await renew({ ...this.deps, service, signal }, sid, this.options.timeout) };
  }

  /** Tells the device where it was told to subscribe; what it says to that is of no interest. */
  private async leave(sid: string, signal: AbortSignal): Promise<void> {
    const { service } = this.place as Place;
    await unsubscribe({ ...this.deps, service, signal }, sid).catch((error: unknown) => {
      this.deps.log.debug('A subscription could not be ended.', { url: service.eventUrl.href, error: String(error) });
    });
  }

  private handler(service: EventedService, { remote }: LocalRoute): CallbackHandler {
    this.attempts += 1;
    const attempt = this.attempts;
    return {
      from: [remote, ...service.allowedHosts.map((host) => literal(host, service))],
      knows: (sid) => attempt === this.attempts && this.machine.knows(sid),
      notified: (message) => this.notified(message),
    };
  }

  private notified({ head, headers, body }: NotifyMessage): void {
    const isRead = body && this.budget.take(body.length, this.deps.clock.monotonic());
    const content = isRead ? readPropertySet({ body, headers }, this.options.xml) : undefined;
    if (!content) this.deps.log.debug('An event can\'t be read.', { url: this.url, bytes: body?.length });
    this.deps.counts.events += 1;
    this.take({ kind: 'event', notification: { ...head, content } });
  }

  private missed(count: number): void {
    this.deps.counts.missed += count;
    this.deps.log.debug('Events were missed.', { url: this.url, count });
  }

  private tell(state: SubscriptionState): void {
    this.state = state;
    if (state === 'silent') this.deps.log.info('A device takes a subscription, and tells nothing: it can\'t reach this machine, or never does.', { url: this.url, from: this.place?.route.local });
    this.heard(() => this.listener.state(state));
  }

  private heard(say: () => void): void {
    try {
      say();
    } catch (error) {
      this.deps.log.error('A listener of events failed.', { error: String(error) });
    }
  }

  private keepTime(): void {
    this.timer?.cancel();
    const { machine: { due }, deps: { clock } } = this;
    if (due !== undefined && !this.isClosed) this.timer = clock.after(due - clock.monotonic(), () => this.take({ kind: 'due' }));
  }

  private get url(): string | undefined {
    return this.place?.service.eventUrl.href;
  }
}

/** The address of a host as in a URL, with the interface of a link-local one. */
function literal(host: string, { scope }: EventedService): string {
  return host.startsWith('[') ? host.slice(1, -1) + (scope === undefined ? '' : `%${scope}`) : host;
}
