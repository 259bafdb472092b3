import { X509Certificate } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { deviceKeyOf, readCertificate } from '../trust/certificate.ts';

/**
 * Whether a certificate that somebody wants to be let in by is their own: of the key that was proven or is listed, for
 * exactly the full JID that the device has, so that it can be no other device's login, nor one for all of the account.
 * @throws XpmnError `malformed`, `not-acceptable`
 */
export function assertLoginCertificate(certificate: Uint8Array, device: { readonly key: KeyName; readonly jid: Jid }): void {
  if (deviceKeyOf(certificate) !== device.key) throw new XpmnError('not-acceptable', 'That certificate is of another key than the device\'s.');
  const { publicKey, xmppAddrs } = readCertificate(certificate);
  if (xmppAddrs.length !== 1 || xmppAddrs[0] !== device.jid) throw new XpmnError('not-acceptable', `That certificate is not for ${device.jid} alone.`);
  if (!new X509Certificate(certificate).verify(publicKey)) throw new XpmnError('not-acceptable', 'That certificate is not signed by its own key.');
}
