import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { XpmnError } from '../../kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../kernel/tasks.ts';
import type { ServerAddress } from './link.ts';

/** Connects. @throws XpmnError `server-unreachable`; the signal's reason; then nothing is left open */
export async function dial({ host, port }: ServerAddress, signal: AbortSignal): Promise<Socket> {
  throwIfAborted(signal);
  const socket = connect({ host, port, noDelay: true });
  try {
    await settled(socket, 'connect', signal);
  } catch (error) {
    if (error instanceof XpmnError) throw error;
    throw new XpmnError('server-unreachable', whyNot(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
  return socket;
}

function whyNot({ code = '' }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'ENOTFOUND') return `There is no host ${host}.`;
  if (code === 'EAI_AGAIN') return `The address of ${host} can't be looked up now.`;
  if (code === 'ECONNREFUSED') return `Nothing answers at ${host}, port ${port}.`;
  return `The server at ${host}, port ${port}, can't be reached.`;
}

/** Waits for the socket's `event`. If it fails, closes, or the signal aborts, the socket is destroyed before the rejection. */
export function settled(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      socket.off(event, onEvent);
      socket.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (error) {
        socket.destroy();
        reject(error);
      } else {
        socket.off('error', finish);
        resolve();
      }
    };
    const onEvent = (): void => finish();
    const onClose = (): void => finish(new XpmnError('connection-lost', 'The server closed the connection.'));
    const onAbort = (): void => finish(abortReason(signal));
    socket.on(event, onEvent);
    // Stays after a failure: a dying socket may complain more than once.
    socket.on('error', finish);
    socket.on('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
