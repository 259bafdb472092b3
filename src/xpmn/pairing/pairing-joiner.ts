import { elements } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatJoin, parsePaired } from './pairing-codec.ts';
import type { JoinRequest, PairedParts, PairingLimits } from './pairing-codec.ts';

export interface JoinerOptions extends PairingLimits {
  /** Milliseconds for being listed, which may take a third device. */
  readonly joinTime: number;
}

/**
 * The new device's side, on the stream that the PIN has proven. Nothing of the answer is believed here but that it comes
 * from who knows the PIN: whoever uses it lets the lists decide (`Network.judgeJoin`).
 * @throws XpmnError as the other side says; `malformed`, `timeout`, `connection-lost`; the signal's reason
 */
export async function askToJoin(channel: StanzaChannel, request: JoinRequest, options: JoinerOptions, { signal }: { readonly signal: AbortSignal }): Promise<PairedParts> {
  const answer = await channel.request({ type: 'set', payload: formatJoin(request) }, { signal, timeout: options.joinTime });
  return parsePaired(elements(answer)[0], options);
}
