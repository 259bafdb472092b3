/** A message as it is on the wire, by the names of its header fields. */
export interface WireMessage {
  readonly type: number;
  readonly serial: number;
  readonly flags?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

export const MESSAGE = { call: 1, reply: 2, error: 3, signal: 4 } as const;
/** Flags of a message. */
export const NO_REPLY_EXPECTED = 1;
export const NO_AUTO_START = 2;

export interface WireEvents {
  message(message: WireMessage): void;
  /** Once, whatever ended it. */
  closed(): void;
}

/** An authenticated stream of messages to a bus: what is taken from a library. */
export interface BusWire {
  /** Throws if the body does not fit the signature. */
  send(message: WireMessage): void;
  close(): void;
}

/**
 * Connects to a bus; rejects with XpmnError `unreachable`, `bad-configuration` for an address of no use, or the signal's
 * reason. Messages over `messageBytes` end the wire.
 */
export type DialBus = (
  address: string,
  options: { readonly messageBytes: number; readonly signal: AbortSignal },
  events: WireEvents,
) => Promise<BusWire>;
