import type { Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { addressOwner } from '../../kernel/ip-address.ts';
import type { Logger } from '../../kernel/log.ts';
import { withDeadline } from '../../kernel/tasks.ts';
import { StaggeredRace } from './staggered-race.ts';
import { TcpListener, dialTcp } from './tcp.ts';
import type { TcpListenerOptions, TcpOptions, TcpTarget } from './tcp.ts';

export interface DirectDialOptions extends TcpOptions {
  /** ms between two addresses. */
  readonly stagger: number;
  /** ms for all addresses together. */
  readonly connectTimeout: number;
  /** Addresses that are tried at most. */
  readonly targets: number;
}

/**
 * A TCP connection to the first of `targets` (addresses of one peer, best first) that answers: a bare `net.Socket`, unread
 * and unwritten. No byte is sent; who is at the other end is the business of what runs on it.
 * @throws XpmnError `transport-failed`, `timeout`; the signal's reason
 */
export async function dialDirect(
  { clock }: { readonly clock: Clock }, targets: readonly TcpTarget[], options: DirectDialOptions, signal: AbortSignal,
): Promise<Socket> {
  const attempt = (target: TcpTarget, within: AbortSignal): Promise<Socket> => dialTcp(target, options, within);
  const race = new StaggeredRace({ clock, attempt, discard: (socket: Socket) => socket.destroy() }, targets.slice(0, options.targets), options);
  const first = await withDeadline({ clock, signal, delay: options.connectTimeout, what: 'Connecting' }, (within) => race.run(within));
  if (!first) throw new XpmnError('transport-failed', 'The peer can not be reached at any of its addresses.');
  return first.result;
}

export interface DirectListenerOptions extends TcpListenerOptions {
  /** Connections at a time; one more is refused. */
  readonly connections: number;
  /** The same for one address (IPv6: one /64). */
  readonly connectionsPerAddress: number;
}

/**
 * Accepts TCP connections for link-local streams. A socket belongs to `onSocket`, which also sets the time in which it has
 * to prove who it is; it counts here until it is closed.
 */
export class DirectListener {
  private readonly listener: TcpListener;
  private readonly open = new Map<Socket, string>();

  constructor(deps: { readonly log: Logger; onSocket(socket: Socket): void }, options: DirectListenerOptions) {
    const onSocket = (socket: Socket): void => {
      const owner = addressOwner(socket.remoteAddress ?? '');
      const same = [...this.open.values()].filter((other) => other === owner).length;
      if (this.open.size >= options.connections || same >= options.connectionsPerAddress) {
        deps.log.debug('A connection was refused: too many.', { address: socket.remoteAddress });
        socket.destroy();
        return;
      }
      this.open.set(socket, owner);
      socket.once('close', () => this.open.delete(socket));
      deps.onSocket(socket);
    };
    this.listener = new TcpListener({ log: deps.log, onSocket }, options);
  }

  /** @throws XpmnError `unreachable` if the port can't be had */
  listen(): Promise<void> {
    return this.listener.listen();
  }

  get port(): number | undefined {
    return this.listener.port;
  }

  /** Connections that count. */
  get connections(): number {
    return this.open.size;
  }

  /** Frees the port; what was accepted lives on. Idempotent. */
  close(): void {
    this.listener.close();
  }
}
