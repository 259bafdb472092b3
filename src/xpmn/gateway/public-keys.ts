import { XpmnError } from '../kernel/errors.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry } from '../ports/stanza-channel.ts';
import { formatKeyInfo, keyInfoId } from '../trust/keyinfo.ts';
import type { KeyInfo } from '../trust/keyinfo.ts';
import type { Network } from '../trust/network.ts';
import { mayConcernUs } from '../trust/snapshot.ts';

export interface PublicKeysDeps {
  readonly registry: IqRegistry;
  readonly network: Network;
  /** The full JID of the device that answers. */
  readonly device: Jid;
  /** Its certificate. */
  own(): KeyInfo;
}

/**
 * Answers who asks for our certificates, on any stream: the device's own, and the user's. Foreign programs ask; trust never
 * comes from it. On the server's stream the accounts that may call us are answered, and nobody else.
 *
 * @spec XEP-0189 v0.9 §5, §6
 */
export function answerPublicKeys({ registry, network, device, own }: PublicKeysDeps): void {
  const account = bareJid(device);

  function answer({ channel, from, payload }: IncomingIq): XmlElement {
    if (!channel.peer && !mayConcernUs(network.lists.snapshot, account, bareJid(from))) throw new XpmnError('peer-unavailable', 'Nobody is here for you.');
    const whose = payload.attrs['jid'];
    const keys = [own(), { certificate: network.userCertificate.der, jid: account, signatures: [] }];
    const asked = childrenNamed(payload, 'fingerprint', NS.pubkey).map((element) => textOf(element).trim().toLowerCase());
    const found = keys.filter((info) => (whose === undefined || whose === account || whose === device) && (asked.length === 0 || asked.includes(keyInfoId(info))));
    if (found.length === 0) throw new XpmnError('not-found', 'There is no such certificate here.');
    return xml('pubkeys', NS.pubkey, { jid: whose }, found.map(formatKeyInfo));
  }

  registry.handle({ ns: NS.pubkey, name: 'pubkeys', type: 'get' }, answer);
}
