import { Variant, createConnection } from 'dbus-native';
import type { Message } from 'dbus-native';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortReason } from '../xpmn/kernel/tasks.ts';
import type { BusWire, DialBus, WireEvents, WireMessage } from './bus-wire.ts';

/** The wire of `dbus-native`: its handshake, its parser and its writer; calls, rules and reconnection are ours. */
export const dialNative: DialBus = (address, { messageBytes, signal }, events) => {
  // Other families of addresses start programs or cross the network.
  if (!address.startsWith('unix:')) return Promise.reject(new XpmnError('bad-configuration', 'A message bus is at an address of the family unix.'));
  return new Promise((resolve, reject) => {
    const connection = createConnection({
      busAddress: address, authMethods: ['EXTERNAL'], maxMessageSize: messageBytes, plainValues: true, returnBigInt: true,
    });
    const wire = new NativeWire(connection, events);
    const onAbort = (): void => {
      wire.close();
      reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    connection.on('connect', () => {
      signal.removeEventListener('abort', onAbort);
      if (!signal.aborted) resolve(wire);
    });
    // After the promise is settled this changes nothing.
    connection.on('error', (cause: Error) => reject(new XpmnError('unreachable', 'The message bus can\'t be reached.', { cause })));
    connection.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new XpmnError('unreachable', 'The message bus ended the connection.'));
    });
  });
};

class NativeWire implements BusWire {
  private readonly connection: ReturnType<typeof createConnection>;
  private isOpen = true;

  constructor(connection: ReturnType<typeof createConnection>, events: WireEvents) {
    this.connection = connection;
    connection.on('message', (message: WireMessage) => {
      if (this.isOpen) events.message(message);
    });
    connection.on('close', () => {
      this.isOpen = false;
      events.closed();
    });
    connection.on('end', () => this.close());
  }

  send(message: WireMessage): void {
    if (this.isOpen) this.connection.message({ ...message, body: message.body?.map(writable) } as Message);
  }

  close(): void {
    this.isOpen = false;
    this.connection.stream.destroy();
  }
}

/** Variants as the library knows them, at any depth. */
function writable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if ('signature' in value && 'value' in value) return new Variant(String(value.signature), writable(value.value));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, writable(one)]));
}
