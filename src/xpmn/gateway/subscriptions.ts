import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatRequest } from '../xmpp/pubsub-codec.ts';

type Request = { readonly signal: AbortSignal; readonly timeout: number };

/** Asks the device at the other end to tell of what is on a node. It tells first what is there. @throws XpmnError as it says */
export async function subscribe(channel: StanzaChannel, node: string, options: Request): Promise<void> {
  await channel.request({ type: 'set', payload: formatRequest({ action: 'subscribe', node, jid: channel.local }) }, options);
}

/** @throws XpmnError as the device says; `unexpected-request` if it told without having been asked */
export async function unsubscribe(channel: StanzaChannel, node: string, options: Request): Promise<void> {
  await channel.request({ type: 'set', payload: formatRequest({ action: 'unsubscribe', node, jid: channel.local }) }, options);
}
