import type { Random } from '../kernel/clock.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { privateKeyFromPem, privateKeyPem } from './keys.ts';
import { isListType } from './list-document.ts';
import type { TrustOptions } from './options.ts';
import { networkOf } from './restore.ts';
import type { BackupParts } from './restore.ts';
import { SealedContent } from './sealed-content.ts';
import type { CarriedLogin } from './sealed-content.ts';
import { seal, unseal } from './sealed-file.ts';
import type { SealedKind } from './sealed-file.ts';
import { readList } from './signed-list.ts';
import type { RemovedKeys } from './snapshot.ts';

/**
 * A backup of a media network: what makes any machine its management device, and how it gets into its account. A JSON
 * document in a sealed file; the greatest secret there is, so it is kept offline (WIRE §2.9, R-M1).
 */
export interface Backup extends BackupParts, CarriedLogin {}

const KIND: SealedKind = { magic: 'XPMNBKUP', name: 'backup' };

/** What could not be read again is never written. @throws XpmnError `bad-password` (an empty one), `too-large`; as `decodeBackup` for the content */
export async function encodeBackup(content: Backup, password: string, deps: { readonly random: Random }, options: TrustOptions): Promise<Buffer> {
  const text = formatContent(content);
  parseContent(text, options);
  return seal(KIND, text, password, deps, options.credentials);
}

/**
 * Everything in it belongs to one network: the user certificate is that of the user key, its lists are there, and hold.
 * @throws XpmnError `malformed` (no such file, damaged in its frame, or not of one network), `not-supported` (made by a later version, or asks for
 *   too much work), `too-large`, `bad-password` (or damaged inside: nobody can tell), `not-trusted` or `xml-restricted` (a list that does not hold), `not-acceptable` (a weak key)
 */
export async function decodeBackup(file: Uint8Array, password: string, options: TrustOptions): Promise<Backup> {
  return parseContent(await unseal(KIND, file, password, options.credentials), options);
}

function formatContent({ account, password, server, ca, name, userKey, userCertificate, lists, removed }: Backup): string {
  return JSON.stringify({
    account, password, server, ca, name,
    userKey: privateKeyPem(userKey),
    userCertificate: userCertificate.pem,
    lists: lists.map((list) => serialise(list)),
    removed: removed.map(({ network, type, signer, keys }) => ({ network, type, signer, keys: [...keys] })),
  });
}

function parseContent(text: string, options: TrustOptions): Backup {
  const content = SealedContent.parse(KIND.name, text);
  const parts = {
    ...content.login(), name: content.text('name'),
    userKey: privateKeyFromPem(content.text('userKey')),
    userCertificate: content.certificate('userCertificate'),
    lists: content.lists('lists', options, options.heads),
    removed: content.objects('removed', options.heads).map((memory) => removedIn(memory, options)),
  };
  const network = networkOf(parts);
  const lists = parts.lists.map((list: XmlElement) => readList(list, options));
  if (!lists.some((list) => list.type === 'devices' && list.network === network)) throw content.malformed('lists');
  return parts;
}

function removedIn(memory: SealedContent, { removedKeys }: TrustOptions): RemovedKeys {
  const type = memory.text('type');
  if (!isListType(type)) throw memory.malformed('type');
  return { network: memory.key('network'), type, signer: memory.key('signer'), keys: new Set(memory.keys('keys', removedKeys)) };
}
