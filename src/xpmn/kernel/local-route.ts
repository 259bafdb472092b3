import { createSocket } from 'node:dgram';
import { XpmnError } from './errors.ts';
import { addressScope } from './ip-address.ts';
import { abortReason } from './tasks.ts';

/** The two ends of the way to a device; link-local addresses with their scope (`fe80::1%eth0`). */
export interface LocalRoute {
  readonly local: string;
  readonly remote: string;
}

/**
 * From which address this machine speaks to another one, by its routes as they are now: on a machine with several networks that is the one
 * by which the other finds us. A UDP socket that is connected knows, and sends nothing. `address` is an IP literal, a link-local one with its scope.
 * @throws XpmnError `unreachable` where there is no route, or the signal's reason
 */
export function findLocalRoute(address: string, { signal }: { readonly signal: AbortSignal }): Promise<LocalRoute> {
  if (signal.aborted) return Promise.reject(abortReason(signal));
  const [, scope] = address.split('%', 2);
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise<LocalRoute>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
    const failed = (cause: Error): void => reject(new XpmnError('unreachable', `There is no way to ${address}.`, { cause }));
    socket.on('error', failed);
    socket.connect(DISCARD_PORT, address, (error?: Error) => {
      if (error) return failed(error);
      resolve({ local: scoped(socket.address().address, scope), remote: scoped(socket.remoteAddress().address, scope) });
    });
  }).finally(() => socket.close());
}

/** Of no meaning: nothing is sent. */
const DISCARD_PORT = 9;

function scoped(address: string, scope: string | undefined): string {
  return scope === undefined || address.includes('%') || addressScope(address) !== 'link-local' ? address : `${address}%${scope}`;
}
