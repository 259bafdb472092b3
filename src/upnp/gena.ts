/** A service that tells of changes. */
export interface EventedService {
  readonly eventUrl: URL;
  /** Hosts as in `URL.hostname` that it may be; as for a SoapEndpoint. */
  readonly allowedHosts: readonly string[];
  /** Interface of a link-local address. */
  readonly scope: string | undefined;
}

/**
 * How far an event subscription can be relied on:
 * - `subscribing`: nothing has come yet.
 * - `live`: the first event has come, and nothing has been missed since. What is known is what there is.
 * - `silent`: it took the subscription, and its first event never came: it does not tell, or can't reach us.
 * - `refused`: it does not take subscriptions, or can't be reached; tried again, less and less often.
 * Whatever is not `live` has to be asked for.
 */
export type SubscriptionState = 'subscribing' | 'live' | 'silent' | 'refused';

/** Nobody is called before `subscribe` has returned. What a listener throws is logged, and nothing else comes of it. */
export interface EventListener {
  /** Properties by name; of one NOTIFY. After a gap or a new subscription the device tells all of them again. */
  event(properties: ReadonlyMap<string, string>): void;
  /** It has changed. `live` follows the first event, which told all. */
  state(state: SubscriptionState): void;
}

export interface EventSubscription {
  readonly state: SubscriptionState;
  /** The device may have started anew, or moved: subscribes again, at once. */
  renewNow(): void;
  /** Nothing is heard afterwards; the device is told, if it can be reached within `signal`. Idempotent. */
  close(options: { readonly signal: AbortSignal }): Promise<void>;
}

/**
 * Event subscriptions, control-point side. Subscribes, renews in time, subscribes anew after a loss, until closed. Every NOTIFY is answered at
 * once, whatever is done with it; one that comes before the answer to SUBSCRIBE counts. Events are taken from addresses of the service's host only.
 *
 * @spec UPnP-DeviceArchitecture v2.0 §4.1
 */
export interface EventSubscriber {
  /**
   * `service` is asked for at each attempt: a device may have moved. Where it throws, nobody knows where: that is a refusal.
   * @throws XpmnError `not-running` after `close`
   */
  subscribe(service: () => EventedService, listener: EventListener): EventSubscription;
  /** Ends all; the listening sockets are closed. */
  close(): Promise<void>;
}
