import type { Socket } from 'node:net';
import { DirectListener } from '../jingle/transports/direct-tcp.ts';
import type { DirectListenerOptions } from '../jingle/transports/direct-tcp.ts';
import type { HalfOpenOptions } from '../jingle/transports/half-open.ts';
import { Handshakes } from '../jingle/transports/handshakes.ts';
import { asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { secureAsResponder } from './responder.ts';
import type { ResponderDeps } from './responder.ts';
import { openChannel } from './secure.ts';
import type { ServerlessOptions } from './secure.ts';

export interface LinkLocalListenerDeps extends ResponderDeps {
  readonly log: Logger;
}

export interface LinkLocalListenerOptions extends ServerlessOptions, HalfOpenOptions, DirectListenerOptions {}

/**
 * The one port of the process for serverless streams: every connection is brought to an accepted peer and its XML stream,
 * which then belongs to the device it was for; or it is gone, within the times and numbers of the options.
 */
export class LinkLocalListener {
  private readonly deps: LinkLocalListenerDeps;
  private readonly options: LinkLocalListenerOptions;
  private readonly listener: DirectListener;
  private readonly handshakes: Handshakes;

  constructor(deps: LinkLocalListenerDeps, options: LinkLocalListenerOptions) {
    const { log } = deps;
    this.deps = deps;
    this.options = options;
    this.handshakes = new Handshakes({ log, what: 'A serverless stream', serve: (socket, signal) => this.serve(socket, signal) }, options);
    this.listener = new DirectListener({ log, onSocket: (socket) => this.handshakes.admit(socket) }, options);
  }

  /** @throws XpmnError `bad-configuration` if the port can't be had */
  listen(): Promise<void> {
    return this.listener.listen();
  }

  /** The port, or undefined while not listening. */
  get port(): number | undefined {
    return this.listener.port;
  }

  /** Connections that are not open streams yet. */
  get halfOpen(): number {
    return this.handshakes.size;
  }

  /** Frees the port and ends what is not open yet; open streams live on. Idempotent. */
  async close(): Promise<void> {
    this.listener.close();
    await this.handshakes.close();
  }

  private async serve(socket: Socket, signal: AbortSignal): Promise<void> {
    const { deps, options } = this;
    try {
      const { own, secured } = await secureAsResponder(socket, deps, options, signal);
      const application = await openChannel(own, secured, deps, options, signal);
      own.onChannel(secured.peer.jid, { application, path: 'link-local' });
    } catch (error) {
      const { code, message } = asXpmnError(error);
      deps.log.debug('A serverless stream did not open.', { address: socket.remoteAddress, code, message });
    } finally {
      this.handshakes.release(socket);
    }
  }
}
