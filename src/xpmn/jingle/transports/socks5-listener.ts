/**
 * The one SOCKS5 server of the process: every session's bytestreams arrive here, told apart by DST.ADDR.
 *
 * @spec XEP-0065 v1.8.2 §5.3.2, §10.2
 * @spec XEP-0260 v1.0.3 §2.2
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/log.ts';
import { withDeadline } from '../../kernel/tasks.ts';
import type { HalfOpenOptions } from './half-open.ts';
import { Handshakes } from './handshakes.ts';
import { serveBytestream } from './socks5-handshake.ts';
import { TcpListener } from './tcp.ts';
import type { TcpListenerOptions } from './tcp.ts';

export interface Socks5ListenerOptions extends TcpListenerOptions, HalfOpenOptions {
  /** ms from the connection to the end of its handshake. */
  readonly handshakeTimeout: number;
}

/** Who waits for a bytestream. */
export interface Expectation {
  /** DST.ADDR of candidates that we offered. */
  readonly destination: string;
  /** The same with the JIDs the other way round, for peers that read the rule so. Any expectation's `destination` wins over it. */
  readonly alternative: string;
  /** Whether one more connection is wanted; it is refused otherwise. */
  hasRoom(): boolean;
  /** Gives away a connected socket: not flowing, with what the peer sent after the handshake still in it. */
  onSocket(socket: Socket): void;
}

export class Socks5Listener {
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly options: Socks5ListenerOptions;
  private readonly listener: TcpListener;
  private readonly handshakes: Handshakes;
  private readonly destinations = new Map<string, Expectation>();
  private readonly alternatives = new Map<string, Expectation>();

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }, options: Socks5ListenerOptions) {
    this.clock = clock;
    this.log = log;
    this.options = options;
    this.handshakes = new Handshakes({ log, what: 'A SOCKS5 handshake', serve: (socket, signal) => this.serve(socket, signal) }, options);
    this.listener = new TcpListener({ log, onSocket: (socket) => this.handshakes.admit(socket) }, options);
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had */
  listen(): Promise<void> {
    return this.listener.listen();
  }

  /** The port, or undefined while not listening. */
  get port(): number | undefined {
    return this.listener.port;
  }

  /** Connections whose handshake is not over. */
  get halfOpen(): number {
    return this.handshakes.size;
  }

  /** Expectations that nobody has taken back. */
  get expected(): number {
    return this.destinations.size;
  }

  /** Lets bytestreams in until the returned function is called. @throws XpmnError `conflict` for a taken destination */
  expect(expectation: Expectation): () => void {
    const { destination, alternative } = expectation;
    if (this.destinations.has(destination)) throw new XpmnError('conflict', 'That bytestream is expected already.');
    this.destinations.set(destination, expectation);
    if (!this.alternatives.has(alternative)) this.alternatives.set(alternative, expectation);
    return () => {
      if (this.destinations.get(destination) === expectation) this.destinations.delete(destination);
      if (this.alternatives.get(alternative) === expectation) this.alternatives.delete(alternative);
    };
  }

  /** Frees the port, ends all handshakes and forgets all expectations; sockets that were given away live on. */
  async close(): Promise<void> {
    this.listener.close();
    this.destinations.clear();
    this.alternatives.clear();
    await this.handshakes.close();
  }

  private async serve(socket: Socket, signal: AbortSignal): Promise<void> {
    const { clock, options } = this;
    try {
      const deadline = { clock, signal, delay: options.handshakeTimeout, what: 'The SOCKS5 handshake' };
      const destination = await withDeadline(deadline, (within) => serveBytestream(socket, (name) => this.find(name)?.hasRoom() ?? false, within));
      this.handshakes.release(socket);
      const expectation = this.find(destination);
      // It may have been taken back, or filled, since the reply was written.
      if (!expectation?.hasRoom() || socket.destroyed) socket.destroy();
      else expectation.onSocket(socket);
    } catch (error) {
      this.log.debug('A SOCKS5 handshake failed.', { code: error instanceof XpmnError ? error.code : 'internal' });
      this.handshakes.release(socket).destroySoon();
    }
  }

  private find(destination: string): Expectation | undefined {
    const name = destination.toLowerCase();
    return this.destinations.get(name) ?? this.alternatives.get(name);
  }
}
