import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import { childText, childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IqRegistry } from '../ports/stanza-channel.ts';
import { privateKeyDer, privateKeyFromDer } from '../trust/keys.ts';
import type { HandOverParts, UserListType } from '../trust/user-key-transfer.ts';
import { ownDevice } from './access.ts';

/** Whoever can become the management device: a host of the network. */
export interface UserKeyTaker {
  readonly isHere: boolean;
  /** Whether that device manages the network, as the newest list says. */
  isManager(key: KeyName): boolean;
  /** @throws XpmnError as `UserKeyTransfer.take` */
  take(parts: HandOverParts): Promise<void>;
}

/** Bytes of a key name. */
const NAME_BYTES = 32;
const TYPES: readonly UserListType[] = ['devices', 'friends'];

/**
 * The management device hands over the user key to another host, which answers when the key is on its disk:
 *
 *   <hand-over xmlns='urn:xmpp:xpmn:management:0'>
 *     <user-key>base64 of PKCS#8 DER</user-key>
 *     <removed type='devices'>base64 of 32 bytes for each key</removed>     what the list of that type has no room to tell
 *   </hand-over>   → empty
 *
 * SECURITY: nobody but the management device gets a key taken from it, and only this network's. What it says of removals
 * speaks not for itself, as a list does; whoever has the key could sign it. Where the key is already, it is taken from nobody:
 * the one that asks has it, too, and is told so to finish what was begun.
 */
export function serveHandOver({ registry, taker }: { readonly registry: IqRegistry; readonly taker: UserKeyTaker }): void {
  registry.handle({ ns: NS.management, name: 'hand-over', type: 'set' }, async (iq) => {
    const asker = ownDevice(iq);
    if (!taker.isHere && !taker.isManager(asker.key)) throw new XpmnError('not-allowed', 'Only the device that manages the media network can hand that over.');
    await taker.take(parseHandOver(iq.payload));
    return undefined;
  });
}

export function formatHandOver({ userKey, removed }: HandOverParts): XmlElement {
  return xml('hand-over', NS.management, {},
    xml('user-key', NS.management, {}, privateKeyDer(userKey).toString('base64')),
    ...[...removed].filter(([, keys]) => keys.length > 0).map(([type, keys]) =>
      xml('removed', NS.management, { type }, Buffer.from(keys.join(''), 'hex').toString('base64'))));
}

/** @throws XpmnError `bad-request`, which shows nothing of the content */
export function parseHandOver(payload: XmlElement): HandOverParts {
  const removed = new Map<UserListType, KeyName[]>();
  for (const element of childrenNamed(payload, 'removed', NS.management)) {
    const type = TYPES.find((one) => one === element.attrs['type']);
    if (!type || removed.has(type)) throw new XpmnError('bad-request', 'Removed keys come once for each type of list.');
    removed.set(type, keyNames(bytesIn(textOf(element))));
  }
  const der = bytesIn(childText(payload, 'user-key', NS.management) ?? '');
  try {
    return { userKey: privateKeyFromDer(der), removed };
  } catch {
    throw new XpmnError('bad-request', 'There is no private key that could be a user key.');
  }
}

function keyNames(bytes: Buffer): KeyName[] {
  if (bytes.length % NAME_BYTES !== 0) throw new XpmnError('bad-request', 'A key name has 32 bytes.');
  return Array.from({ length: bytes.length / NAME_BYTES }, (_, at) => bytes.toString('hex', at * NAME_BYTES, (at + 1) * NAME_BYTES) as KeyName);
}

function bytesIn(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new XpmnError('bad-request', 'That is not base64.');
  return bytes;
}
