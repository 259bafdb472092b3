import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { DirectListener } from '../jingle/transports/direct-tcp.ts';
import type { DirectListenerOptions } from '../jingle/transports/direct-tcp.ts';
import { HalfOpen } from '../jingle/transports/half-open.ts';
import type { HalfOpenOptions } from '../jingle/transports/half-open.ts';
import { asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { TaskGroup } from '../kernel/tasks.ts';
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
  private readonly unproven: HalfOpen;
  private readonly opening: TaskGroup;

  constructor(deps: LinkLocalListenerDeps, options: LinkLocalListenerOptions) {
    const { log } = deps;
    this.deps = deps;
    this.options = options;
    this.listener = new DirectListener({ log, onSocket: (socket) => this.admit(socket) }, options);
    this.unproven = new HalfOpen(options);
    this.opening = new TaskGroup((error) => log.error('A serverless stream failed for a reason that was not foreseen.', { error }));
    // Every connection listens for the end, and there may be many.
    setMaxListeners(0, this.opening.signal);
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
    return this.unproven.size;
  }

  /** Frees the port and ends what is not open yet; open streams live on. Idempotent. */
  async close(): Promise<void> {
    this.listener.close();
    this.unproven.destroy();
    await this.opening.close();
  }

  private admit(socket: Socket): void {
    if (this.opening.signal.aborted) socket.destroy();
    else if (this.unproven.admit(socket)) this.opening.run((signal) => this.serve(socket, signal));
    else this.deps.log.debug('A connection was refused: too many of its address.', { address: socket.remoteAddress });
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
      this.unproven.release(socket);
    }
  }
}
