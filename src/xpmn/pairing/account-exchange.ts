import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import type { PeerIdentity } from '../model/identity.ts';
import { elements, xml } from '../model/xml.ts';
import type { IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { formatKeyInfo } from '../trust/keyinfo.ts';
import type { KeyInfoLimits } from '../trust/keyinfo.ts';
import { formatAccount, parseAccount, parseCertificate } from './pairing-codec.ts';
import type { CarriedAccount } from './pairing-codec.ts';

export interface AccountExchangeDeps {
  readonly registry: IqRegistry;
  /** How that gateway gets in; undefined without an account. @throws XpmnError it can't be let in, or not now */
  account(peer: PeerIdentity, certificate: Buffer | undefined, options: { readonly signal: AbortSignal }): Promise<CarriedAccount | undefined>;
}

/**
 * A network that gets an account later takes its devices along: the lists tell each its new JID, and a gateway asks another
 * one how to log in. Only gateways are told: whoever knows the password could lock the owner out.
 *
 *   <account xmlns='urn:xmpp:xpmn:pairing:0'>      get → the same element, as in <paired/>
 *     <keyinfo xmlns='urn:xmpp:pubkey:0'>…the certificate that it would log in with…</keyinfo>
 *   </account>
 */
export function serveAccount({ registry, account }: AccountExchangeDeps, limits: KeyInfoLimits): void {
  registry.handle({ ns: NS.pairing, name: 'account', type: 'get' }, async ({ channel: { peer }, payload, signal }) => {
    if (!peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    if (peer.verdict !== 'own' || !peer.roles.includes('host')) throw new XpmnError('not-allowed', 'Only gateways of the media network are told that.');
    const found = await account(peer, parseCertificate(payload, limits).certificate, { signal });
    if (!found) throw new XpmnError('not-found', 'There is no account here.');
    return formatAccount(found);
  });
}

/**
 * @param certificate DER: the asker's own, which it logs in with if the other side says that it has let it in
 * @throws XpmnError `not-found` (the other one has no account, or no way into it), `not-allowed`, `malformed`; it could not let us in; as `StanzaChannel.request`
 */
export async function askForAccount(channel: StanzaChannel, certificate: Buffer, { signal }: { readonly signal: AbortSignal }): Promise<CarriedAccount> {
  const payload = xml('account', NS.pairing, {}, formatKeyInfo({ certificate, signatures: [] }));
  const account = parseAccount(elements(await channel.request({ type: 'get', payload }, { signal }))[0]);
  if (account.password === undefined && !account.isLetIn) throw new XpmnError('not-found', 'The other device has no way into the account to tell.');
  return account;
}
