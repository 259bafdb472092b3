import { EventEmitter } from 'node:events';
import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, abortable, deferred, sleep, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { BusSignal, MessageBus, MessageBusEvents, MethodCall, SignalMatch, Subscription } from './bus.ts';
import { BUS, BusConnection, ON_BUS } from './bus-connection.ts';
import type { Answer, ConnectionOptions } from './bus-connection.ts';
import type { DialBus } from './bus-wire.ts';
import { ownerRule, ruleOf, spaceRule } from './match-rule.ts';
import { NameOwners, hasFixedOwner } from './name-owners.ts';
import { NameSpaces } from './name-spaces.ts';
import { dialNative } from './native-wire.ts';

export interface BusOptions extends ConnectionOptions {
  readonly subscriptions: number;
  /** Names below one prefix that are watched. */
  readonly names: number;
  /** Milliseconds between attempts to connect. */
  readonly backOff: { readonly first: number; readonly factor: number; readonly max: number };
}

export interface BusDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** For tests. */
  readonly dial?: DialBus;
}

export function createMessageBus(deps: BusDeps, options: BusOptions): MessageBus {
  return new ReconnectingBus(deps, options);
}

interface Listening {
  readonly match: SignalMatch;
  readonly listener: (signal: BusSignal) => void;
}

class ReconnectingBus extends EventEmitter<MessageBusEvents> implements MessageBus {
  private readonly deps: BusDeps;
  private readonly options: BusOptions;
  private readonly tasks: TaskGroup;
  private readonly owners = new NameOwners();
  private readonly spaces: NameSpaces;
  private readonly listening = new Set<Listening>();
  /** How many want each match rule. */
  private readonly rules = new Map<string, number>();
  private readonly tried = deferred();
  private connection: BusConnection | undefined;
  private watching = 0;
  private hasStarted = false;
  /** Whether it is known if there is a bus. */
  private hasTried = false;
  private isStopped = false;

  constructor(deps: BusDeps, options: BusOptions) {
    super();
    this.deps = deps;
    this.options = options;
    this.spaces = new NameSpaces(options.names);
    this.tasks = new TaskGroup((error) => deps.log.error('The message bus failed.', { error: String(error) }));
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.isStopped) return;
    if (!this.hasStarted) this.tasks.run((own) => this.run(own));
    this.hasStarted = true;
    await abortable(this.tried.promise, signal);
  }

  async call(call: MethodCall, { signal }: { readonly signal?: AbortSignal | undefined }): Promise<readonly unknown[]> {
    throwIfAborted(signal);
    if (!this.connection) throw new XpmnError('connection-lost', 'There is no message bus.');
    return this.connection.call(call, signal);
  }

  listen(match: SignalMatch, listener: (signal: BusSignal) => void): Subscription {
    const rule = ruleOf(match);
    this.checkRoom();
    const one: Listening = { match, listener };
    // First who the sender is: the bus answers in order, so nothing is heard before that is known.
    if (!hasFixedOwner(match.sender)) this.useName(match.sender);
    this.addRule(rule);
    this.listening.add(one);
    return closeOnce(() => {
      this.listening.delete(one);
      this.removeRule(rule);
      if (!hasFixedOwner(match.sender)) this.leaveName(match.sender);
    });
  }

  watch(name: string, listener: (owner: string | undefined) => void): Subscription {
    ownerRule(name);
    this.checkRoom();
    const watcher = (owner: string | undefined): void => listener(owner);
    this.watching += 1;
    this.owners.watch(name, watcher);
    this.useName(name);
    this.tasks.run(async () => {
      await Promise.resolve(); // soon, and not in here
      if (this.hasTried && !this.connection) this.owners.set(name, undefined);
      else this.owners.tell();
    });
    return closeOnce(() => {
      this.watching -= 1;
      this.owners.unwatch(watcher);
      this.leaveName(name);
    });
  }

  watchNames(prefix: string, listener: (name: string, owner: string | undefined) => void): Subscription {
    const rule = spaceRule(prefix);
    this.checkRoom();
    const watcher = (name: string, owner: string | undefined): void => listener(name, owner);
    this.watching += 1;
    this.spaces.watch(prefix, watcher);
    this.addRule(rule);
    this.askNames(prefix);
    return closeOnce(() => {
      this.watching -= 1;
      this.spaces.unwatch(watcher);
      this.removeRule(rule);
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.listening.clear();
    this.tried.resolve();
    this.connection?.close();
    this.connection = undefined;
    await this.tasks.close();
  }

  /** Connects, and connects again. */
  private async run(signal: AbortSignal): Promise<void> {
    const { first, factor, max } = this.options.backOff;
    for (let failures = 0; !this.isStopped; ) {
      const connection = await this.connect(signal);
      // Stopped meanwhile: nobody is told anything any more.
      if (this.isStopped) return connection?.close();
      if (connection) await this.use(connection);
      else this.unreachable();
      failures = connection ? 0 : failures + 1;
      const pause = Math.min(first * factor ** Math.max(0, failures - 1), max);
      await sleep(this.deps.clock, pause * (1 + this.deps.random.fraction() / 2), signal);
    }
  }

  private unreachable(): void {
    this.hasTried = true;
    this.forgetOwners();
    this.tried.resolve();
  }

  private async connect(signal: AbortSignal): Promise<BusConnection | undefined> {
    const { clock, dial = dialNative, log } = this.deps;
    try {
      return await BusConnection.open({ clock, dial }, this.options, signal, (one, sender) => this.hear(one, sender));
    } catch (error) {
      log.debug('There is no message bus.', { error: String(error) });
      return undefined;
    }
  }

  private async use(connection: BusConnection): Promise<void> {
    this.connection = connection;
    this.hasTried = true;
    const owned = new Set(this.owners.names().map(ownerRule));
    for (const rule of owned) this.tellBus('AddMatch', rule);
    for (const name of this.owners.names()) this.askOwner(name);
    for (const rule of this.rules.keys()) if (!owned.has(rule)) this.tellBus('AddMatch', rule);
    for (const prefix of this.spaces.prefixes()) this.askNames(prefix);
    this.tried.resolve();
    this.emit('connected');
    await connection.closed;
    if (this.isStopped) return;
    this.connection = undefined;
    this.forgetOwners();
    this.emit('lost');
  }

  private hear(signal: BusSignal, sender: string): void {
    if (this.isStopped) return;
    if (sender === BUS && signal.member === 'NameOwnerChanged' && signal.interface === BUS) {
      const [name, , owner] = signal.body;
      if (typeof name === 'string') this.setOwner(name, typeof owner === 'string' && owner !== '' ? owner : undefined);
    }
    for (const { match, listener } of [...this.listening]) {
      const isWanted = match.interface === signal.interface && (match.member ?? signal.member) === signal.member && (match.path ?? signal.path) === signal.path;
      if (isWanted && this.owners.isFrom(sender, match.sender)) listener(signal);
    }
  }

  private useName(name: string): void {
    if (!this.owners.use(name)) return;
    this.addRule(ownerRule(name));
    this.askOwner(name);
  }

  private leaveName(name: string): void {
    if (this.owners.leave(name)) this.removeRule(ownerRule(name));
  }

  private addRule(rule: string): void {
    const uses = this.rules.get(rule) ?? 0;
    this.rules.set(rule, uses + 1);
    if (uses === 0) this.tellBus('AddMatch', rule);
  }

  private removeRule(rule: string): void {
    const uses = this.rules.get(rule) ?? 0;
    if (uses > 1) this.rules.set(rule, uses - 1);
    else if (this.rules.delete(rule)) this.tellBus('RemoveMatch', rule);
  }

  private askOwner(name: string): void {
    this.ask({ ...ON_BUS, member: 'GetNameOwner', signature: 's', body: [name] }, {
      resolve: ([owner]) => this.setOwner(name, typeof owner === 'string' ? owner : undefined),
      reject: () => this.setOwner(name, undefined),
    });
  }

  /** Names that are running: those that could be started are in another list. */
  private askNames(prefix: string): void {
    const failed = (error: Error): void => this.deps.log.debug('The message bus tells no names.', { error: error.message });
    this.ask({ ...ON_BUS, member: 'ListNames' }, {
      resolve: ([names]) => {
        for (const name of this.spaces.below(prefix, names)) this.askOwner(name);
      },
      reject: failed,
    });
  }

  private setOwner(name: string, owner: string | undefined): void {
    this.owners.set(name, owner);
    this.spaces.set(name, owner);
  }

  private forgetOwners(): void {
    this.owners.reset();
    this.spaces.reset();
  }

  private tellBus(member: 'AddMatch' | 'RemoveMatch', rule: string): void {
    const failed = (error: Error): void => this.deps.log.debug('A match rule of the message bus failed.', { member, error: error.message });
    this.ask({ ...ON_BUS, member, signature: 's', body: [rule] }, { resolve: () => undefined, reject: failed });
  }

  /** What fails for want of a bus is done again when there is one. */
  private ask(call: MethodCall, answer: Answer): void {
    try {
      this.connection?.ask(call, answer);
    } catch (error) {
      answer.reject(asXpmnError(error));
    }
  }

  private checkRoom(): void {
    if (this.listening.size + this.watching >= this.options.subscriptions) throw new XpmnError('resource-limit', 'Too many subscriptions on the message bus.');
  }
}

function closeOnce(close: () => void): Subscription {
  let isClosed = false;
  return {
    close() {
      if (!isClosed) close();
      isClosed = true;
    },
  };
}
