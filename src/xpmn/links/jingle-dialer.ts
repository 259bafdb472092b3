import type { JingleManager } from '../jingle/manager.ts';
import { SECURITY_NS } from '../jingle/security-codec.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { IN_BAND } from './byte-ways.ts';
import type { ByteWays } from './byte-ways.ts';
import type { Dialer, Opened, SecuredChannel } from './dialer.ts';
import type { PathMemory } from './path.ts';
import type { TurnedAway } from './turned-away.ts';

const [IBB, IBB_PLAIN] = IN_BAND;

/** A channel that we have opened: it can be used before the peer has accepted us. */
type DialledChannel = SecuredChannel & { readonly isMutual: boolean };

export interface JingleDialerDeps {
  readonly jingle: JingleManager;
  readonly server: StanzaChannel;
  readonly channelMethod: ApplicationMethod<DialledChannel>;
  readonly byteWays: ByteWays;
  readonly paths: PathMemory;
  /** Who is shown, the next time, who we are. */
  readonly turnedAway: TurnedAway;
  /** Whether we are online and the peer is, as far as is known. */
  isReachable(peer: Jid): boolean;
  /** What the peer announces; undefined while that is not known. */
  features(peer: Jid): ReadonlySet<string> | undefined;
}

/** Reaches peers through the server: the first stream in stanzas, everything else on sockets where both can. */
export function createJingleDialer(deps: JingleDialerDeps): Dialer {
  const { jingle, server, channelMethod, byteWays, paths, turnedAway } = deps;

  function announces(peer: Jid, feature: string, unknown: boolean): boolean {
    return deps.features(peer)?.has(feature) ?? unknown;
  }

  async function openChannel(peer: Jid, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel>> {
    if (!announces(peer, SECURITY_NS, true)) throw new XpmnError('not-supported', 'The device does not speak end to end.');
    const transports = [announces(peer, IBB, true) ? IBB : IBB_PLAIN];
    const introduce = turnedAway.take(peer);
    try {
      const application = await jingle.open({ peer, channel: server, application: channelMethod, transports, introduce, signal });
      application.closed.addEventListener('abort', () => turnedAway.ended(peer, application), { once: true });
      return { application, path: paths.of(application) };
    } catch (error) {
      turnedAway.failed(peer, error);
      throw error;
    }
  }

  async function upgradeChannel(peer: Jid, via: StanzaChannel, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel> | undefined> {
    if (!announces(peer, NS_S5B, false)) return undefined;
    const application = await jingle.open({ peer, channel: via, application: channelMethod, transports: [NS_S5B], signal });
    return { application, path: paths.of(application) };
  }

  return {
    reaches: (peer) => deps.isReachable(peer),
    openChannel,
    upgradeChannel,
    waysToBytes: (peer, via) => byteWays(peer, via, (transport) => announces(peer, transport, transport !== IBB_PLAIN)),
  };
}
