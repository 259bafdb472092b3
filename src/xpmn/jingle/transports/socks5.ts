import { randomId } from '../../kernel/ids.ts';
import type { TransportMethod } from '../../ports/transport.ts';
import { NS_S5B, parseTransport } from './s5b-codec.ts';
import { Socks5Negotiation } from './socks5-negotiation.ts';
import type { Socks5Deps, Socks5Options } from './socks5-options.ts';

/**
 * SOCKS5 bytestreams: both sides offer addresses, both try the other's, the best connection that works is used. The
 * stream is a bare `net.Socket`.
 *
 * @spec XEP-0260 v1.0.3 §2
 */
export function createSocks5Transport(deps: Socks5Deps, options: Socks5Options): TransportMethod {
  return {
    namespace: NS_S5B,
    preference: options.preference,
    offer: (context) => new Socks5Negotiation(deps, options, context, { sid: randomId(deps.random) }),
    accept: (context, offered) => {
      const theirs = parseTransport(offered);
      return new Socks5Negotiation(deps, options, context, { sid: theirs.sid, theirs });
    },
  };
}
