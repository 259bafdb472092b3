import { XpmnError } from '../kernel/errors.ts';
import type { KeyName, PairingPeer } from '../model/identity.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { childrenNamed, elements, xml } from '../model/xml.ts';
import type { SecurityContext } from '../ports/security.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { deviceKeyOf, readCertificate } from '../trust/certificate.ts';
import { keyInfoId, parseKeyInfo } from '../trust/keyinfo.ts';
import type { KeyInfoLimits } from '../trust/keyinfo.ts';

/** Who has proven a PIN, and no key: it is asked for that when it wants to join. */
export function provenByPin({ peer, announcedFingerprint }: Pick<SecurityContext, 'peer' | 'announcedFingerprint'>): PairingPeer {
  return { verdict: 'pairing', jid: peer, announced: announcedFingerprint };
}

/**
 * The key under which a device that has proven the PIN is to be listed: the one that it has proven, too; or that of the
 * certificate that it shows on its stream, if it is the one that it announced before and a device's with its JID.
 *
 * SECURITY: this proves no key. Whoever knows the PIN says on the stream that proved it which key is its own; nobody on the
 * way can have another one listed. That its owner has the key, its first x509 session proves.
 *
 * @spec XEP-0189 v0.9 §6
 * @spec draft-meyer-xmpp-e2e-encryption 02 §5
 * @throws XpmnError `not-acceptable` (no certificate that will do), `malformed`, `too-large`; as `StanzaChannel.request`
 */
export async function keyOfJoiner(peer: PairingPeer, channel: StanzaChannel, limits: KeyInfoLimits, { signal }: { readonly signal: AbortSignal }): Promise<KeyName> {
  const { key, announced, jid } = peer;
  if (key) return key;
  if (announced === undefined) throw unfit('It has announced none.');
  const [answer] = elements(await channel.request({ type: 'get', payload: xml('pubkeys', NS.pubkey) }, { signal }));
  if (answer?.name !== 'pubkeys' || answer.ns !== NS.pubkey) throw new XpmnError('malformed', 'The other device did not show its certificate.');
  const shown = childrenNamed(answer, 'keyinfo', NS.pubkey).map((element) => parseKeyInfo(element, limits));
  const own = shown.find((info) => keyInfoId(info) === announced);
  if (!own) throw unfit('It shows another one than it has announced.');
  const { xmppAddrs } = readCertificate(own.certificate);
  const names = [jid, bareJid(jid)] as readonly (string | undefined)[];
  if (xmppAddrs.length === 0 || !xmppAddrs.every((name) => names.includes(tryJid(name)))) throw unfit('It shows one of another JID.');
  return deviceKeyOf(own.certificate);
}

function unfit(why: string): XpmnError {
  return new XpmnError('not-acceptable', `The device has no certificate that it could be listed by. ${why}`);
}
