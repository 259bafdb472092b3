import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { parseXml } from '../model/xml-parser.ts';
import type { Storage } from '../ports/storage.ts';
import { tryKeyName } from './keys.ts';
import { isListType } from './list-document.ts';
import type { TrustOptions } from './options.ts';
import { compareLists, readList, slotOf } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import type { RemovedKeys, TrustSnapshot } from './snapshot.ts';

const LISTS = 'trust/lists/';
const REMOVED = 'trust/removed/';
const OVERTAKEN = 'trust/overtaken/';
const FAREWELLS = 'trust/farewells/';

/** The name of the document that keeps a list: its `<signed/>`, as it came. */
export function listDocument(list: Pick<VerifiedList, 'network' | 'type' | 'signer'>): string {
  return `${LISTS}${slotOf(list)}`;
}

/** The name of the document that keeps what the lists of a slot removed: `{version: 1, keys: […]}`. */
export function removedDocument(memory: Pick<RemovedKeys, 'network' | 'type' | 'signer'>): string {
  return `${REMOVED}${slotOf(memory)}`;
}

/** The name of the document that keeps an overtaken list, like one that is not. */
export function overtakenDocument({ hash }: Pick<VerifiedList, 'hash'>): string {
  return `${OVERTAKEN}${hash}`;
}

/** The name of the document that keeps a list for those whom it removed. */
export function farewellDocument({ hash }: Pick<VerifiedList, 'hash'>): string {
  return `${FAREWELLS}${hash}`;
}

/**
 * What earlier runs learnt. A damaged document is an error, not a gap: without it an old list could come back.
 * @throws XpmnError `storage-failed`
 */
export async function loadLists(storage: Storage, options: TrustOptions, network: KeyName): Promise<TrustSnapshot> {
  const lists: VerifiedList[] = [];
  for (const name of await storage.list(LISTS)) lists.push(await load(storage, name, (content) => listFrom(name, content, options, listDocument)));
  const removed: RemovedKeys[] = [];
  for (const name of await storage.list(REMOVED)) removed.push(await load(storage, name, (content) => removedFrom(name, content)));
  return { network, lists, removed };
}

/** The overtaken lists that earlier runs kept, of each slot the newest first. @throws XpmnError `storage-failed` */
export function loadOvertaken(storage: Storage, options: TrustOptions): Promise<VerifiedList[]> {
  return loadKept(storage, options, OVERTAKEN, overtakenDocument);
}

/** The lists that earlier runs kept for those whom they removed, the newest first. @throws XpmnError `storage-failed` */
export function loadFarewells(storage: Storage, options: TrustOptions): Promise<VerifiedList[]> {
  return loadKept(storage, options, FAREWELLS, farewellDocument);
}

async function loadKept(storage: Storage, options: TrustOptions, prefix: string, nameOf: (list: VerifiedList) => string): Promise<VerifiedList[]> {
  const lists: VerifiedList[] = [];
  for (const name of await storage.list(prefix)) lists.push(await load(storage, name, (content) => listFrom(name, content, options, nameOf)));
  return lists.sort((a, b) => compareLists(b, a));
}

async function load<T>(storage: Storage, name: string, read: (content: Buffer) => T): Promise<T> {
  const content = await storage.get(name);
  try {
    if (!content) throw new XpmnError('not-found', 'It is gone.');
    return read(content);
  } catch (error) {
    throw new XpmnError('storage-failed', `The stored document ${name} is damaged.`, { cause: error });
  }
}

function listFrom(name: string, content: Buffer, options: TrustOptions, nameOf: (list: VerifiedList) => string): VerifiedList {
  const list = readList(parseXml(content, { ...options.xml, bytes: 2 * options.xml.bytes }), options);
  if (nameOf(list) !== name) throw new XpmnError('malformed', 'It is another list.');
  return list;
}

function removedFrom(name: string, content: Buffer): RemovedKeys {
  const [network, type = '', signer] = name.slice(REMOVED.length).split(/[/-]/);
  const { version, keys } = JSON.parse(content.toString('utf8')) as { version?: unknown; keys?: unknown };
  const [networkKey, signerKey] = [tryKeyName(network), tryKeyName(signer)];
  if (version !== 1 || !Array.isArray(keys) || !networkKey || !signerKey || !isListType(type)) throw new XpmnError('malformed', 'It is no list of keys.');
  const names = keys.map((key) => tryKeyName(String(key)));
  if (!names.every((key) => key !== undefined)) throw new XpmnError('malformed', 'It is no list of keys.');
  return { network: networkKey, type, signer: signerKey, keys: new Set(names) };
}
