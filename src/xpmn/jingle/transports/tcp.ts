import { connect, createServer, isIP } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { XpmnError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/log.ts';
import { abortReason, throwIfAborted } from '../../kernel/tasks.ts';
import { keepQuiet } from './keep-quiet.ts';

export interface TcpTarget {
  /** An IP literal; IPv6 without brackets, link-local with its zone. */
  readonly host: string;
  readonly port: number;
}

export interface TcpOptions {
  /** ms of silence before the system begins to ask whether the other end is still there. */
  readonly keepAliveDelay: number;
}

/**
 * A connected socket: no delay, keep-alive, either end may end first, errors kept quiet.
 *
 * SECURITY: no name is ever looked up. Targets come from peers, and a name would let them ask our resolver.
 * @throws XpmnError `transport-failed`; the signal's reason
 */
export function dialTcp({ host, port }: TcpTarget, { keepAliveDelay }: TcpOptions, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    if (isIP(host) === 0) throw new XpmnError('transport-failed', 'Only IP addresses are dialled.');
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay });
    keepQuiet(socket);
    const settle = (error?: Error): void => {
      socket.off('connect', onConnect).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (!error) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => settle();
    const onError = (cause: Error): void => settle(new XpmnError('transport-failed', 'The address can not be reached.', { cause }));
    const onClose = (): void => settle(new XpmnError('transport-failed', 'The connection was closed.'));
    const onAbort = (): void => settle(abortReason(signal));
    socket.on('connect', onConnect).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

export interface TcpListenerOptions extends TcpOptions {
  /** Undefined: every address of the machine, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** 0: any free one. */
  readonly port: number;
}

/** A listening TCP socket. What it accepts belongs to `onSocket`; `close` stops accepting and touches nothing else. */
export class TcpListener {
  private readonly server: Server;
  private readonly options: TcpListenerOptions;

  constructor({ log, onSocket }: { readonly log: Logger; onSocket(socket: Socket): void }, options: TcpListenerOptions) {
    this.options = options;
    const { keepAliveDelay } = options;
    this.server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay }, (socket) => {
      keepQuiet(socket);
      onSocket(socket);
    });
    this.server.on('error', (error) => log.warn('A listener failed.', { error: error.message }));
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had */
  async listen(): Promise<void> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => reject(new XpmnError('bad-configuration', `Port ${port} can't be opened${(cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? ': another program has it' : ''}.`, { cause }));
      this.server.once('error', onError);
      this.server.listen({ host, port }, () => {
        this.server.off('error', onError);
        resolve();
      });
    });
    this.server.unref();
  }

  /** The port, or undefined while not listening. */
  get port(): number | undefined {
    return this.server.listening ? (this.server.address() as AddressInfo).port : undefined;
  }

  /** Frees the port at once. Idempotent. */
  close(): void {
    if (this.server.listening) this.server.close();
  }
}
