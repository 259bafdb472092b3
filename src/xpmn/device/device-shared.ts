import type { SendPool } from '../jingle/applications/oob-pool.ts';
import type { WindowBudget } from '../jingle/applications/oob-window.ts';
import type { LocalAddresses } from '../jingle/transports/host-candidates.ts';
import type { Socks5Listener } from '../jingle/transports/socks5-listener.ts';
import type { TcpTarget } from '../jingle/transports/tcp.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Acceptor } from '../links/acceptor.ts';
import type { LocalExchange } from '../links/local-exchange.ts';
import type { Jid } from '../model/jid.ts';
import type { XmppAccount, XmppConnection } from '../ports/xmpp-connection.ts';
import type { ServerlessEndpoints } from '../serverless/endpoints.ts';
import type { ListStore } from '../trust/list-store.ts';
import type { IqRouter } from '../xmpp/iq-router.ts';

/** What all devices of a process share: one listener, one pool of buffers, one view of who is who. */
export interface DeviceShared {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly lists: ListStore;
  readonly acceptor: Acceptor;
  readonly exchange: LocalExchange;
  readonly listener: Socks5Listener;
  readonly addresses: LocalAddresses;
  readonly pool: SendPool;
  readonly budget: WindowBudget;
  /** Makes the connection of one device to the server, not started yet; it answers requests through `router`. */
  connect(account: XmppAccount, router: IqRouter): XmppConnection;
  /** Undefined: devices are reached in the process and through the server only. */
  readonly linkLocal?: LinkLocalShared | undefined;
  /** What other devices announce; undefined while that is not known. */
  features(peer: Jid): ReadonlySet<string> | undefined;
  /** Whether another device is there, as far as is known. */
  isAvailable(peer: Jid): boolean;
}

/** What all devices of a process share on the local link. */
export interface LinkLocalShared {
  /** Whom the streams are for that arrive at the listener. */
  readonly endpoints: ServerlessEndpoints;
  /** Where another device is, best first, as somebody on the link says. */
  find(peer: Jid): readonly TcpTarget[];
  /** Somebody on the link says that `peer` is a device of our network. It has to prove that. */
  isClaimed(peer: Jid): boolean;
}
