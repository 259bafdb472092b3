import type { EventEmitter } from 'node:events';

/** A method to call. Values as in `BusSignal`; where the signature has a variant, a `BusVariant`. */
export interface MethodCall {
  /** A well-known or unique name. */
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of the arguments; none by default. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Whether the bus may start a program for it, if nobody owns the name; it may by default. */
  readonly autoStart?: boolean;
}

/** A value that says of which type it is. */
export interface BusVariant {
  readonly signature: string;
  readonly value: unknown;
}

export interface SignalMatch {
  /** A well-known or unique name: signals of the bus itself are those of `org.freedesktop.DBus`. */
  readonly sender: string;
  /** Any by default. */
  readonly path?: string;
  readonly interface: string;
  /** Any by default. */
  readonly member?: string;
}

/**
 * What came. `body` by D-Bus type: y n q i u d are numbers, x t bigints, `ay` is a Buffer, arrays and structs are arrays,
 * a dict with text keys is an object, any other one an array of pairs, a variant is its value.
 */
export interface BusSignal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body: readonly unknown[];
}

export interface Subscription {
  /** Nothing is heard afterwards. Idempotent. */
  close(): void;
}

export interface MessageBusEvents {
  /** The bus is there: at the start, and each time it is back. Who owned what before may be gone. */
  connected: [];
  /** The bus went away: nothing of what it said counts any more. */
  lost: [];
}

/**
 * A connection to a D-Bus message bus, as a client that exports nothing. Contract:
 *
 * - `start` resolves when the bus is there, or can't be reached for now; no bus is no error. It is looked for again, less
 *   and less often, until `stop`.
 * - `call` rejects with XpmnError: `connection-lost` if there is no bus, or it goes away before the answer; `timeout` if nothing
 *   comes within the bound; the reason of `signal`; `not-found`, `not-supported`, `not-allowed`, `bad-request`,
 *   `peer-unavailable`, `resource-limit` by the name of the error that was answered, else `not-acceptable` (`details.error` is that name);
 *   `bad-request` if the arguments don't fit their signature.
 * - `listen` hears signals of the sender alone, whoever else sends the like: of a well-known name, of who owns it now. It
 *   outlives the bus: when that is back, it is heard again. What happened in between is not heard.
 * - `watch` tells who owns a name: once soon, then at every change; undefined if nobody does, or there is no bus.
 * - `watchNames` tells of all names below a prefix (`a.b`: of `a.b.c`, not of `a.bc`) that somebody owns, soon, and then each change; without a bus nobody owns any.
 *   Programs that only could be started are not told of, nor started.
 * - Subscriptions that are closed leave no match rule on the bus. Listeners are never called inside `listen`, `watch` and `watchNames`.
 * - After `stop` nothing is open and nobody is called; calls under way reject. Idempotent.
 */
export interface MessageBus extends Pick<EventEmitter<MessageBusEvents>, 'on' | 'off' | 'once'> {
  readonly isConnected: boolean;
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  call(call: MethodCall, options: { readonly signal?: AbortSignal | undefined }): Promise<readonly unknown[]>;
  /** @throws XpmnError `bad-request` for a match that is none, `resource-limit` over the bound */
  listen(match: SignalMatch, listener: (signal: BusSignal) => void): Subscription;
  /** @throws XpmnError as `listen` */
  watch(name: string, listener: (owner: string | undefined) => void): Subscription;
  /** @throws XpmnError as `listen` */
  watchNames(prefix: string, listener: (name: string, owner: string | undefined) => void): Subscription;
  stop(): Promise<void>;
}
