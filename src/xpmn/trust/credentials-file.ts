import type { Random } from '../kernel/clock.ts';
import { bareJid, isFullJid } from '../model/jid.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { Certificate } from './certificate.ts';
import { readCredentials } from './device-credentials.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { SealedContent } from './sealed-content.ts';
import type { CarriedLogin } from './sealed-content.ts';
import { seal, unseal } from './sealed-file.ts';
import type { SealedKind, SealOptions } from './sealed-file.ts';

/**
 * What is carried to a second machine, so that it becomes a device of the network: a JSON document in a sealed file. The
 * password of the account is there for gateways only, and only where the server takes no certificates.
 */
export interface CarriedCredentials extends CarriedLogin {
  /** The friendly name of the new device. */
  readonly name: string;
  readonly device: DeviceCredentials;
  readonly userCertificate: Certificate;
  /** The newest `<signed/>` lists, not verified here. */
  readonly lists: readonly XmlElement[];
}

export interface CredentialsFileOptions {
  readonly xml: XmlLimits;
  readonly listsPerAnswer: number;
  readonly credentials: SealOptions;
}

const KIND: SealedKind = { magic: 'XPMNCRED', name: 'credentials file' };

/** @throws XpmnError `bad-password` (an empty one), `too-large` */
export function encodeCredentials(content: CarriedCredentials, password: string, deps: { readonly random: Random }, options: CredentialsFileOptions): Promise<Buffer> {
  return seal(KIND, formatContent(content), password, deps, options.credentials);
}

/**
 * @throws XpmnError `malformed` (no such file, or damaged in its frame), `not-supported` (made by a later version, or asks for too much work),
 *   `too-large`, `bad-password` (or damaged inside: nobody can tell)
 */
export async function decodeCredentials(file: Uint8Array, password: string, options: CredentialsFileOptions): Promise<CarriedCredentials> {
  return parseContent(await unseal(KIND, file, password, options.credentials), options);
}

function formatContent({ account, password, isLetIn, server, ca, name, device, userCertificate, lists }: CarriedCredentials): string {
  return JSON.stringify({
    account, password, login: isLetIn ? 'certificate' : undefined, server, ca, name,
    device: { jid: device.jid, privateKey: device.privateKey, certificate: device.certificate.pem },
    userCertificate: userCertificate.pem,
    lists: lists.map((list) => serialise(list)),
  });
}

function parseContent(text: string, options: CredentialsFileOptions): CarriedCredentials {
  const content = SealedContent.parse(KIND.name, text);
  const login = content.login();
  const parts = content.object('device');
  const device = readCredentials({ jid: parts.text('jid'), privateKey: parts.text('privateKey'), certificate: parts.text('certificate') });
  if (!isFullJid(device.jid) || bareJid(device.jid) !== login.account) throw content.malformed('device');
  return {
    ...login, device, name: content.text('name'),
    userCertificate: content.certificate('userCertificate'),
    lists: content.lists('lists', options, options.listsPerAnswer),
  };
}
