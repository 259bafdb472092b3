import { dialDirect } from '../xpmn/jingle/transports/direct-tcp.ts';
import type { TcpTarget } from '../xpmn/jingle/transports/tcp.ts';
import { abortReason } from '../xpmn/kernel/tasks.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { StanzaChannel } from '../xpmn/ports/stanza-channel.ts';
import { AcceptedStreams } from '../xpmn/serverless/accepted-streams.ts';
import { secureAsInitiator } from '../xpmn/serverless/initiator.ts';
import { openChannel } from '../xpmn/serverless/secure.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import { newcomer } from './newcomer.ts';
import type { Proof } from './newcomer.ts';
import type { SetupDeps } from './setup-api.ts';

export interface PairingCall {
  /** Of this machine, as a device that nobody lists yet. */
  readonly credentials: DeviceCredentials;
  readonly host: Jid;
  readonly proof: Proof;
}

/** Calls a device on the link, where both prove what is to be proven, and runs `talk` on that stream. */
export async function callToPair<T>(
  deps: SetupDeps, targets: readonly TcpTarget[], { credentials, host, proof }: PairingCall, signal: AbortSignal, talk: (channel: StanzaChannel) => Promise<T>,
): Promise<T> {
  const { clock, config } = deps;
  const { securities, ...rest } = newcomer(deps, credentials, proof);
  const own = { ...rest, local: credentials.jid, methods: () => securities, streams: new AcceptedStreams(), onChannel: () => undefined };
  const options = config.linkLocal;
  const socket = await dialDirect({ clock }, targets, config.directTcp, signal);
  const secured = await secureAsInitiator(socket, { own, peer: host, introduce: false, signal }, { clock }, options);
  const stream = await openChannel(own, secured, { clock }, options, signal);
  try {
    return await talk(stream.channel);
  } finally {
    await stream.close({ signal: AbortSignal.any([signal, AbortSignal.timeout(config.xmlStream.closeTimeout)]) }).catch(() => stream.destroy(abortReason(signal)));
  }
}
