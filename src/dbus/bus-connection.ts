import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { deferred, withDeadline } from '../xpmn/kernel/tasks.ts';
import type { BusSignal, MethodCall } from './bus.ts';
import { busError } from './bus-error.ts';
import { MESSAGE, NO_AUTO_START, NO_REPLY_EXPECTED } from './bus-wire.ts';
import type { BusWire, DialBus, WireMessage } from './bus-wire.ts';

export interface ConnectionOptions {
  /** `unix:path=…` */
  readonly address: string;
  /** Milliseconds until a call is given up, and until the bus is. */
  readonly callTimeout: number;
  readonly connectTimeout: number;
  readonly messageBytes: number;
  /** Calls that wait for their answers. */
  readonly calls: number;
}

export interface Answer {
  resolve(body: readonly unknown[]): void;
  reject(error: Error): void;
}

/** The bus itself, as the owner of a name, and where it is called. */
export const BUS = 'org.freedesktop.DBus';
export const ON_BUS = { destination: BUS, path: '/org/freedesktop/DBus', interface: BUS } as const;

/** One connection, from its first greeting to its end: calls out, signals in. */
export class BusConnection {
  /** Resolves when it is over. */
  readonly closed: Promise<void>;
  private readonly clock: Clock;
  private readonly options: ConnectionOptions;
  private readonly onSignal: (signal: BusSignal, sender: string) => void;
  private readonly ended = deferred();
  private readonly waiting = new Map<number, Answer>();
  private wire: BusWire | undefined;
  private serial = 0;
  private calls = 0;
  private isOver = false;

  private constructor(clock: Clock, options: ConnectionOptions, onSignal: (signal: BusSignal, sender: string) => void) {
    this.clock = clock;
    this.options = options;
    this.onSignal = onSignal;
    this.closed = this.ended.promise;
  }

  /** Connects and says hello. */
  static async open(
    { clock, dial }: { readonly clock: Clock; readonly dial: DialBus },
    options: ConnectionOptions,
    signal: AbortSignal,
    onSignal: (signal: BusSignal, sender: string) => void,
  ): Promise<BusConnection> {
    const connection = new BusConnection(clock, options, onSignal);
    try {
      await withDeadline({ clock, signal, delay: options.connectTimeout, what: 'Connecting to the message bus' }, async (within) => {
        const events = { message: (message: WireMessage) => connection.received(message), closed: () => connection.over() };
        connection.wire = await dial(options.address, { messageBytes: options.messageBytes, signal: within }, events);
        await connection.call({ ...ON_BUS, member: 'Hello' }, within);
      });
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async call(call: MethodCall, signal: AbortSignal | undefined): Promise<readonly unknown[]> {
    if (this.calls >= this.options.calls) throw new XpmnError('resource-limit', 'Too many calls wait for their answers.');
    const answer = deferred<readonly unknown[]>();
    const forget = this.ask(call, answer);
    this.calls += 1;
    try {
      const what = `The answer to ${call.member}`;
      return await withDeadline({ clock: this.clock, signal, delay: this.options.callTimeout, what }, () => answer.promise);
    } finally {
      this.calls -= 1;
      forget();
    }
  }

  /**
   * Calls, and answers in the very turn that the answer comes: before anything that comes after it. Not bounded, as the
   * subscriptions are that it is for.
   * @throws XpmnError as `MessageBus.call`
   */
  ask({ body, signature, autoStart = true, ...call }: MethodCall, answer: Answer): () => void {
    if (this.isOver) throw lost();
    const serial = this.nextSerial();
    this.send({ type: MESSAGE.call, serial, flags: autoStart ? 0 : NO_AUTO_START, ...call, ...(signature ? { signature, body: body ?? [] } : {}) });
    this.waiting.set(serial, answer);
    return () => this.waiting.delete(serial);
  }

  close(): void {
    this.wire?.close();
    this.over();
  }

  private send(message: WireMessage): void {
    try {
      this.wire?.send(message);
    } catch (cause) {
      throw new XpmnError('bad-request', 'That can\'t be written to the message bus.', { cause });
    }
  }

  private nextSerial(): number {
    this.serial = (this.serial % 0xffffffff) + 1;
    return this.serial;
  }

  private received(message: WireMessage): void {
    const { type, replySerial = 0, body = [], path = '', interface: of = '', member = '', sender = '' } = message;
    if (type === MESSAGE.reply) this.answered(replySerial)?.resolve(body);
    else if (type === MESSAGE.error) this.answered(replySerial)?.reject(busError(message.errorName));
    else if (type === MESSAGE.signal) this.onSignal({ path, interface: of, member, body }, sender);
    else if (type === MESSAGE.call && ((message.flags ?? 0) & NO_REPLY_EXPECTED) === 0) this.refuse(message);
  }

  /** Who waits for that answer: it comes once. */
  private answered(serial: number): Answer | undefined {
    const answer = this.waiting.get(serial);
    this.waiting.delete(serial);
    return answer;
  }

  /** Nothing is exported here; whoever calls all the same is told so. */
  private refuse({ serial, sender }: WireMessage): void {
    if (sender === undefined || this.isOver) return;
    this.send({ type: MESSAGE.error, serial: this.nextSerial(), replySerial: serial, destination: sender, errorName: `${BUS}.Error.UnknownMethod` });
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const answer of this.waiting.values()) answer.reject(lost());
    this.ended.resolve();
  }
}

function lost(): XpmnError {
  return new XpmnError('connection-lost', 'There is no connection to the message bus.');
}
