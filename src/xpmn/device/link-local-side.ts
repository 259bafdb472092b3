import type { Clock } from '../kernel/clock.ts';
import type { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Dialer, Opened, SecuredChannel } from '../links/dialer.ts';
import type { PathMemory } from '../links/path.ts';
import type { TurnedAway } from '../links/turned-away.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { AcceptedStreams } from '../serverless/accepted-streams.ts';
import type { ServerlessEndpoint } from '../serverless/endpoint.ts';
import { createLinkLocalDialer } from '../serverless/link-local-dialer.ts';
import type { LinkLocalDialerOptions } from '../serverless/link-local-dialer.ts';
import type { LinkLocalShared } from './device-shared.ts';

export interface LinkLocalSideDeps extends Omit<ServerlessEndpoint, 'streams'> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly shared: LinkLocalShared;
  readonly turnedAway: TurnedAway;
  readonly paths: PathMemory;
  /** It answers where a stream names nobody. */
  readonly isGateway: boolean;
  isLinked(peer: Jid): boolean;
  readonly waysToBytes: Dialer['waysToBytes'];
}

/** One device on the local link: there for others, and with a way to them, while it runs. */
export class LinkLocalSide {
  readonly dialer: Dialer;
  private readonly deps: LinkLocalSideDeps;
  private readonly streams = new AcceptedStreams();
  private readonly endpoint: ServerlessEndpoint;

  constructor(deps: LinkLocalSideDeps, options: LinkLocalDialerOptions) {
    this.deps = deps;
    const { local, fingerprint, accept, channelMethod, describe } = deps;
    this.endpoint = {
      local, fingerprint, accept, channelMethod, describe,
      streams: this.streams,
      methods: (peer, role) => deps.methods(peer, role),
      onChannel: (peer, opened) => deps.onChannel(peer, this.noted(opened)),
    };
    const dialer = createLinkLocalDialer({
      clock: deps.clock, log: deps.log, own: this.endpoint, turnedAway: deps.turnedAway,
      find: (peer) => deps.shared.find(peer),
      isLinked: (peer) => deps.isLinked(peer),
      waysToBytes: deps.waysToBytes,
    }, options);
    this.dialer = { ...dialer, openChannel: async (peer, wanted) => this.noted(await dialer.openChannel(peer, wanted)) };
  }

  start(): void {
    this.deps.shared.endpoints.add(this.endpoint, this.deps);
  }

  /** Nobody gets to the device any more; open streams go on until `close`. */
  leave(): void {
    this.deps.shared.endpoints.remove(this.endpoint);
  }

  close(): void {
    this.streams.close();
  }

  /** Ends at once the streams whose peer `predicate` picks. */
  end(predicate: (peer: PeerIdentity) => boolean, error?: XpmnError): void {
    this.streams.end(predicate, error);
  }

  /** What is negotiated inside it stays on the local link, too. */
  private noted(opened: Opened<SecuredChannel>): Opened<SecuredChannel> {
    this.deps.paths.onLink(opened.application.channel);
    return opened;
  }
}
