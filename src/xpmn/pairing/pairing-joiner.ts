import { elements } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatJoin, parsePaired } from './pairing-codec.ts';
import type { JoinRequest, PairedParts, PairingLimits } from './pairing-codec.ts';

export interface CallTimes {
  /** Milliseconds to get as far as the first byte of TLS. */
  readonly reachTime: number;
  /** Milliseconds for the proof. */
  readonly proofTimeout: number;
  /** Milliseconds for being listed, which may take a third device. */
  readonly joinTime: number;
  /** Milliseconds in which another machine may show, where nothing was proven. */
  readonly buttonLook: number;
  readonly buttonDoubt: number;
}

/** Milliseconds that a call may take from end to end. The other side counts each part from when the one before is over: who counts less gives up while it is being listed. */
export function callTime({ reachTime, proofTimeout, joinTime, buttonLook, buttonDoubt }: CallTimes): number {
  return reachTime + proofTimeout + buttonLook + buttonDoubt + joinTime;
}

/**
 * The new device's side, on the stream that the PIN has proven. Nothing of the answer is believed here but that it comes
 * from who knows the PIN: whoever uses it lets the lists decide (`Network.judgeJoin`).
 * @throws XpmnError as the other side says; `malformed`, `timeout`, `connection-lost`; the signal's reason
 */
export async function askToJoin(channel: StanzaChannel, request: JoinRequest, options: PairingLimits & CallTimes, { signal }: { readonly signal: AbortSignal }): Promise<PairedParts> {
  const answer = await channel.request({ type: 'set', payload: formatJoin(request) }, { signal, timeout: callTime(options) });
  return parsePaired(elements(answer)[0], options);
}
