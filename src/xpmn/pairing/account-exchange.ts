import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { elements, xml } from '../model/xml.ts';
import type { IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { formatAccount, parseAccount } from './pairing-codec.ts';
import type { CarriedAccount } from './pairing-codec.ts';

/**
 * A network that gets an account later takes its devices along: the lists tell each its new JID, and a gateway asks another
 * one how to log in. Only gateways are told: whoever knows the password could lock the owner out.
 *
 *   <account xmlns='urn:xmpp:xpmn:pairing:0'/>   get → the same element, as in <paired/>
 */
export function serveAccount({ registry, account }: { readonly registry: IqRegistry; readonly account: CarriedAccount | undefined }): void {
  registry.handle({ ns: NS.pairing, name: 'account', type: 'get' }, ({ channel: { peer } }) => {
    if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    if (peer.verdict !== 'own' || !peer.roles.includes('host')) throw new XpmnError('not-allowed', 'Only gateways of the media network are told that.');
    if (!account) throw new XpmnError('not-found', 'There is no account here.');
    return formatAccount(account);
  });
}

/** @throws XpmnError `not-found` (the other one has no account), `not-allowed`, `malformed`; as `StanzaChannel.request` */
export async function askForAccount(channel: StanzaChannel, { signal }: { readonly signal: AbortSignal }): Promise<CarriedAccount> {
  return parseAccount(elements(await channel.request({ type: 'get', payload: xml('account', NS.pairing) }, { signal }))[0]);
}
