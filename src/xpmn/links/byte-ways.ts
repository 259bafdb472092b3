import type { JingleManager } from '../jingle/manager.ts';
import { ibbNamespace } from '../jingle/transports/ibb-codec.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { ByteSession, ByteWay } from './dialer.ts';
import type { PathMemory } from './path.ts';

/** As namespaces of transports. */
export const IN_BAND = [ibbNamespace(1), ibbNamespace(0)] as const;
const SOCKETS = [NS_S5B] as const;

export interface ByteWaysDeps {
  readonly jingle: JingleManager;
  readonly bytesMethod: ApplicationMethod<ByteSession>;
  readonly paths: PathMemory;
}

/**
 * Sessions for bytes by Jingle: on sockets, and in stanzas through the server. Each way is a session of its own, not a fall-back inside
 * one, so that the second need not wait for the first to fail.
 */
export function createByteWays({ jingle, bytesMethod, paths }: ByteWaysDeps) {
  return (peer: Jid, via: StanzaChannel, may: (transport: string) => boolean): readonly ByteWay[] =>
    [SOCKETS, IN_BAND].map((group) => group.filter(may)).filter(({ length }) => length > 0).map((transports) => async ({ signal }) => {
      const application = await jingle.open({ peer, channel: via, application: bytesMethod, transports, signal });
      return { application, path: paths.of(application, via) };
    });
}

export type ByteWays = ReturnType<typeof createByteWays>;
