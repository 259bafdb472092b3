import type { IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { xml } from '../model/xml.ts';
import type { Jid } from '../model/jid.ts';

/** @spec XEP-0199 v2.0.1 §4 */
export const NS_PING = 'urn:xmpp:ping';

/** Answers pings, on every channel of the registry. */
export function answerPings(registry: IqRegistry): void {
  registry.handle({ ns: NS_PING, name: 'ping', type: 'get' }, () => undefined);
}

/** @throws XpmnError as StanzaChannel.request; one who does not know pings is there, too, and says so by an error */
export async function ping(channel: StanzaChannel, to: Jid | undefined, options: { readonly signal: AbortSignal; readonly timeout?: number }): Promise<void> {
  await channel.request({ type: 'get', to, payload: xml('ping', NS_PING) }, options);
}
