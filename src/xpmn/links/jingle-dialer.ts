import type { JingleManager } from '../jingle/manager.ts';
import { SECURITY_NS } from '../jingle/security-codec.ts';
import { ibbNamespace } from '../jingle/transports/ibb-codec.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { ByteSession, Dialer, Opened, SecuredChannel } from './dialer.ts';
import type { PathMemory } from './path.ts';
import { isTurnedAway } from './turned-away.ts';

const IBB = ibbNamespace(1);
const IBB_PLAIN = ibbNamespace(0);

export interface JingleDialerOptions {
  /** Peers remembered for having turned us away. */
  readonly turnedAway: number;
}

export interface JingleDialerDeps {
  readonly jingle: JingleManager;
  readonly server: StanzaChannel;
  readonly channelMethod: ApplicationMethod<SecuredChannel>;
  readonly bytesMethod: ApplicationMethod<ByteSession>;
  readonly paths: PathMemory;
  /** Whether we are online and the peer is, as far as is known. */
  isReachable(peer: Jid): boolean;
  /** What the peer announces; undefined while that is not known. */
  features(peer: Jid): ReadonlySet<string> | undefined;
}

/**
 * Reaches peers through the server: the first stream in stanzas, everything else on sockets where both can. A peer that
 * turned us away as a stranger is shown the next time who we are.
 */
export function createJingleDialer(deps: JingleDialerDeps, options: JingleDialerOptions): Dialer {
  const { jingle, server, channelMethod, bytesMethod, paths } = deps;
  const turnedAway = new Set<Jid>();

  /** Our stream is usable before the peer has judged us: that it turned us away may show only later. */
  function ended(peer: Jid, error: unknown): void {
    if (!isTurnedAway(error)) return;
    turnedAway.add(peer);
    if (turnedAway.size > options.turnedAway) turnedAway.delete(turnedAway.values().next().value as Jid);
  }

  function announces(peer: Jid, feature: string, unknown: boolean): boolean {
    return deps.features(peer)?.has(feature) ?? unknown;
  }

  async function openChannel(peer: Jid, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel>> {
    if (!announces(peer, SECURITY_NS, true)) throw new XpmnError('not-supported', 'The device does not speak end to end.');
    const transports = [announces(peer, IBB, true) ? IBB : IBB_PLAIN];
    const introduce = turnedAway.delete(peer);
    try {
      const application = await jingle.open({ peer, channel: server, application: channelMethod, transports, introduce, signal });
      application.closed.addEventListener('abort', () => ended(peer, application.closed.reason), { once: true });
      return { application, path: paths.of(application) };
    } catch (error) {
      ended(peer, error);
      throw error;
    }
  }

  async function upgradeChannel(peer: Jid, via: StanzaChannel, { signal }: { readonly signal: AbortSignal }): Promise<Opened<SecuredChannel> | undefined> {
    if (!announces(peer, NS_S5B, false)) return undefined;
    const application = await jingle.open({ peer, channel: via, application: channelMethod, transports: [NS_S5B], signal });
    return { application, path: paths.of(application) };
  }

  async function openBytes(peer: Jid, via: StanzaChannel, { signal }: { readonly signal: AbortSignal }): Promise<Opened<ByteSession>> {
    const transports = [NS_S5B, IBB, IBB_PLAIN].filter((transport) => announces(peer, transport, transport !== IBB_PLAIN));
    const application = await jingle.open({ peer, channel: via, application: bytesMethod, transports, signal });
    return { application, path: paths.of(application) };
  }

  return { reaches: (peer) => deps.isReachable(peer), openChannel, upgradeChannel, openBytes };
}
