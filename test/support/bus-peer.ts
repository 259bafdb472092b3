import { createClient } from 'dbus-native';
import type { BusPeer } from './bus-rig.ts';

/** Another program on a real bus. */
export async function connectPeer(address: string): Promise<BusPeer & { close(): Promise<void> }> {
  const bus = createClient({ busAddress: address, plainValues: true, variants: 'wrap', returnBigInt: true });
  bus.connection.on('error', () => undefined);
  await bus.getId();
  let answer: Parameters<BusPeer['answer']>[0] = () => ({ error: 'org.freedesktop.DBus.Error.UnknownMethod' });
  // The library's own dispatcher would answer what is to stay unanswered.
  bus.connection.removeAllListeners('message');
  const waiting = new Map<number, (message: { type?: number; errorName?: string; body?: unknown[] }) => void>();
  let serial = 1_000;
  bus.connection.on('message', (message: { type: number; serial: number; flags?: number; sender?: string; member: string; path?: string; body?: unknown[]; replySerial?: number; errorName?: string }) => {
    if (message.type === 2 || message.type === 3) return void waiting.get(message.replySerial ?? 0)?.(message);
    if (message.type !== 1) return;
    const answered = answer(message.member, message.body ?? [], message.path ?? '', message.flags ?? 0);
    const reply = { serial: (serial += 1), replySerial: message.serial, destination: message.sender ?? '' };
    if (!answered) return;
    if ('error' in answered) bus.connection.message({ ...reply, type: 3, errorName: answered.error });
    else bus.connection.message({ ...reply, type: 2, signature: answered.signature, body: answered.body.map(written) });
  });
  const ask = (message: object): Promise<{ type?: number; errorName?: string; body?: unknown[] }> => new Promise((resolve) => {
    serial += 1;
    waiting.set(serial, resolve);
    bus.connection.message({ type: 1, serial, ...message });
  });
  const onBus = { destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus' };
  return {
    uniqueName: bus.name as string,
    async own(name) {
      await ask({ ...onBus, member: 'RequestName', signature: 'su', body: [name, 4] });
    },
    async release(name) {
      await ask({ ...onBus, member: 'ReleaseName', signature: 's', body: [name] });
    },
    async signal(signal) {
      bus.connection.message({ type: 4, serial: (serial += 1), ...signal, body: (signal.body ?? []).map(written) });
      // The bus has it once it answers something that came later.
      await ask({ ...onBus, member: 'GetId' });
    },
    answer: (given) => (answer = given),
    call: async (destination) => (await ask({ destination, path: '/', interface: 'org.xpmn.Any', member: 'Any' })).errorName ?? '',
    close: () => bus.close(),
  };
}

/** Variants as pairs, and dicts as lists of pairs: the library's own form. */
function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if ('signature' in value && 'value' in value) return [value.signature, written(value.value)];
  return Object.entries(value).map(([key, one]) => [key, written(one)]);
}
