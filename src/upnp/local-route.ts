import { createSocket } from 'node:dgram';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortReason } from '../xpmn/kernel/tasks.ts';

/** The two ends of the way to a device; link-local addresses with their scope (`fe80::1%eth0`). */
export interface LocalRoute {
  readonly local: string;
  readonly remote: string;
}

/**
 * From which address this machine speaks to a host, by its routes as they are now: a UDP socket that is connected knows, and
 * sends nothing. `hostname` as in a URL.
 * @throws XpmnError `unreachable` where there is no route, or the signal's reason
 */
export function findLocalRoute(hostname: string, scope: string | undefined, { signal }: { readonly signal: AbortSignal }): Promise<LocalRoute> {
  if (signal.aborted) return Promise.reject(abortReason(signal));
  const address = hostname.replace(/^\[|\]$/g, '');
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise<LocalRoute>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
    const failed = (cause: Error): void => reject(new XpmnError('unreachable', 'There is no way to the device.', { cause }));
    socket.on('error', failed);
    // The port is of no meaning: nothing is sent.
    socket.connect(1900, scope === undefined ? address : `${address}%${scope}`, (error?: Error) => {
      if (error) return failed(error);
      resolve({ local: scoped(socket.address().address, scope), remote: scoped(socket.remoteAddress().address, scope) });
    });
  }).finally(() => socket.close());
}

function scoped(address: string, scope: string | undefined): string {
  return scope === undefined || address.includes('%') || !/^fe[89ab]/i.test(address) ? address : `${address}%${scope}`;
}
