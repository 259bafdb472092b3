import type { Socket } from 'node:net';
import { dialDirect } from '../jingle/transports/direct-tcp.ts';
import type { DirectDialOptions } from '../jingle/transports/direct-tcp.ts';
import { ipBytes } from '../kernel/ip-address.ts';
import type { TcpTarget } from '../jingle/transports/tcp.ts';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { throwIfAborted } from '../kernel/tasks.ts';
import type { Dialer, Opened, SecuredChannel } from '../links/dialer.ts';
import type { TurnedAway } from '../links/turned-away.ts';
import type { Jid } from '../model/jid.ts';
import type { ServerlessChannel, ServerlessEndpoint } from './endpoint.ts';
import { secureAsInitiator } from './initiator.ts';
import { openChannel } from './secure.ts';
import type { ServerlessOptions } from './secure.ts';

export interface LinkLocalDialerOptions extends ServerlessOptions {
  readonly dial: DirectDialOptions;
  /** Addresses of one device at which somebody answers and is not let pass, before it is given up. */
  readonly attempts: number;
}

export interface LinkLocalDialerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly own: ServerlessEndpoint;
  /** Where the peer may be, best first: somebody on the link says so. */
  find(peer: Jid): readonly TcpTarget[];
  /** A serverless stream to the peer is open, whoever has opened it. */
  isLinked(peer: Jid): boolean;
  /** Who is shown, the next time, who we are. */
  readonly turnedAway: TurnedAway;
  /** Byte streams, negotiated inside `via`. */
  readonly waysToBytes: Dialer['waysToBytes'];
}

interface Call {
  readonly peer: Jid;
  readonly introduce: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reaches peers on the local link, without a server. The first stream is the best already.
 *
 * SECURITY: what is announced on the link is anybody's word. At worst we connect to somebody who then fails TLS; the
 * peer's other addresses are tried after that.
 */
export function createLinkLocalDialer(deps: LinkLocalDialerDeps, options: LinkLocalDialerOptions): Dialer {
  const { clock, own, turnedAway } = deps;

  async function open(socket: Socket, call: Call): Promise<ServerlessChannel> {
    const secured = await secureAsInitiator(socket, { own, ...call }, { clock }, options);
    return await openChannel(own, secured, { clock }, options, call.signal);
  }

  async function call(wanted: Call): Promise<ServerlessChannel> {
    const { peer, signal } = wanted;
    let targets = deps.find(peer);
    let failure: unknown;
    for (let attempt = 1; targets.length > 0 && attempt <= options.attempts; attempt += 1) {
      const socket = await dialDirect({ clock }, targets, options.dial, signal).catch((error: unknown) => {
        throwIfAborted(signal);
        // That nobody answers at the others says less than what was answered at the first.
        throw failure ?? error;
      });
      targets = targets.filter((target) => !isAt(socket, target));
      try {
        return await open(socket, wanted);
      } catch (error) {
        throwIfAborted(signal);
        failure = error;
        deps.log.debug('a device is not where it is said to be', { peer, error });
      }
    }
    throw failure ?? new XpmnError('peer-unavailable', 'The device is not on the local network.');
  }

  return {
    reaches: (peer) => deps.isLinked(peer) || deps.find(peer).length > 0,
    async openChannel(peer, { signal }): Promise<Opened<SecuredChannel>> {
      const introduce = turnedAway.take(peer);
      try {
        const application = await call({ peer, introduce, signal });
        application.closed.addEventListener('abort', () => turnedAway.ended(peer, application), { once: true });
        return { application, path: 'link-local' };
      } catch (error) {
        turnedAway.failed(peer, error);
        throw error;
      }
    },
    upgradeChannel: () => Promise.resolve(undefined),
    waysToBytes: (peer, via) => deps.waysToBytes(peer, via),
  };
}

function isAt({ remoteAddress, remotePort }: Socket, { host, port }: TcpTarget): boolean {
  const [there, said] = [ipBytes(remoteAddress ?? ''), ipBytes(host)];
  return remotePort === port && there !== undefined && said !== undefined && there.equals(said);
}
