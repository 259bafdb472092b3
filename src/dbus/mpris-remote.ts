import type { MprisProperties } from '../mapping/mpris.ts';
import { readTime } from '../mapping/mpris-values.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../xpmn/kernel/errors.ts';
import { abortReason } from '../xpmn/kernel/tasks.ts';
import type { BusVariant, MessageBus, MethodCall, Subscription } from './bus.ts';

export const MPRIS = 'org.mpris.MediaPlayer2';
const PLAYER = `${MPRIS}.Player`;
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const PATH = '/org/mpris/MediaPlayer2';

/** What a player says by itself. */
export interface MprisSignals {
  /** Properties of the player that have changed, and names of those that have, without their values. */
  changed(properties: MprisProperties, invalidated: readonly string[]): void;
  seeked(value: unknown): void;
}

export interface RemoteCall {
  readonly signal: AbortSignal;
}

/**
 * One running player on a bus, by the unique name of its program: what comes after it has another one. Calls start no program.
 * They reject with the codes of the port `MediaPlayer`; the answer's own is in `cause`.
 * @spec MPRIS v2.2 §Player_Interface
 */
export class MprisRemote {
  readonly owner: string;
  private readonly bus: MessageBus;
  private readonly subscriptions: readonly Subscription[];

  /** @throws XpmnError `resource-limit` if the bus gives no more subscriptions */
  constructor(bus: MessageBus, owner: string, signals: MprisSignals) {
    this.bus = bus;
    this.owner = owner;
    const changes = bus.listen({ sender: owner, path: PATH, interface: PROPERTIES, member: 'PropertiesChanged' }, ({ body: [of, changed, invalidated] }) => {
      if (of === PLAYER) signals.changed(isProperties(changed) ? changed : {}, namesIn(invalidated));
    });
    try {
      this.subscriptions = [changes, bus.listen({ sender: owner, path: PATH, interface: PLAYER, member: 'Seeked' }, ({ body: [value] }) => signals.seeked(value))];
    } catch (error) {
      changes.close();
      throw error;
    }
  }

  identity(call: RemoteCall): Promise<MprisProperties> {
    return this.getAll(MPRIS, call);
  }

  /**
   * All properties of the player. COMPAT: some refuse this on account of one of them; then those named in `wanted` are read
   * one by one, and those that can't be had are left out.
   */
  async properties(wanted: readonly string[], call: RemoteCall): Promise<MprisProperties> {
    try {
      return await this.getAll(PLAYER, call);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.oneByOne(wanted, error, call);
    }
  }

  /** Whether it says that it has no OpenUri. Those that tell nothing of themselves may have it. */
  async lacksOpenUri(call: RemoteCall): Promise<boolean> {
    const [text] = await this.ask({ interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect' }, call);
    return typeof text === 'string' && text.includes(`"${PLAYER}"`) && !text.includes('"OpenUri"');
  }

  async get(name: string, call: RemoteCall): Promise<unknown> {
    const [value] = await this.ask({ interface: PROPERTIES, member: 'Get', signature: 'ss', body: [PLAYER, name] }, call);
    return value;
  }

  /** Seconds. */
  async position(call: RemoteCall): Promise<number | undefined> {
    return readTime(await this.get('Position', call));
  }

  async set(name: string, value: BusVariant, call: RemoteCall): Promise<void> {
    await this.ask({ interface: PROPERTIES, member: 'Set', signature: 'ssv', body: [PLAYER, name, value] }, call);
  }

  async tell(member: string, call: RemoteCall, signature = '', body: readonly unknown[] = []): Promise<void> {
    await this.ask({ interface: PLAYER, member, signature, body }, call);
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.close();
  }

  private async getAll(of: string, call: RemoteCall): Promise<MprisProperties> {
    const [all] = await this.ask({ interface: PROPERTIES, member: 'GetAll', signature: 's', body: [of] }, call);
    if (!isProperties(all)) throw new XpmnError('malformed', 'The player gave no properties.');
    return all;
  }

  private async oneByOne(wanted: readonly string[], refusal: unknown, call: RemoteCall): Promise<MprisProperties> {
    const read: Record<string, unknown> = {};
    for (const name of wanted) {
      try {
        read[name] = await this.get(name, call);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    }
    if (Object.keys(read).length === 0) throw refusal;
    return read;
  }

  private async ask(call: Omit<MethodCall, 'destination' | 'path'>, { signal }: RemoteCall): Promise<readonly unknown[]> {
    try {
      return await this.bus.call({ destination: this.owner, path: PATH, autoStart: false, ...call }, { signal });
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      throw playerError(error);
    }
  }
}

/** Codes of the bus that mean something else of a player; what else is refused is `not-acceptable`. */
const CODES: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  'timeout': 'timeout', 'not-supported': 'not-supported', 'connection-lost': 'unreachable', 'peer-unavailable': 'unreachable', 'not-found': 'unreachable',
  'unreachable': 'unreachable', 'malformed': 'malformed', 'resource-limit': 'resource-limit',
};

function playerError(error: unknown): XpmnError {
  const code = (error instanceof XpmnError && CODES[error.code]) || 'not-acceptable';
  const message = code === 'unreachable' ? 'The player is not there.' : code === 'timeout' ? 'The player does not answer.' : 'The player refused.';
  const details = error instanceof XpmnError ? error.details : {};
  return new XpmnError(code, message, { cause: error, details });
}

/** Whether the player said no, and not that it could not be asked. */
export function isRefusal(error: unknown): boolean {
  return error instanceof XpmnError && (error.code === 'not-acceptable' || error.code === 'not-supported' || error.code === 'malformed');
}

function isProperties(value: unknown): value is MprisProperties {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}
