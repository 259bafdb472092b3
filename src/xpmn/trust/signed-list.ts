import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { parseXml } from '../model/xml-parser.ts';
import { childrenNamed, elements, isElement, serialise, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { keyNameOf, publicKeyFromSpki, signBytes, spkiOf, tryKeyName, verifyBytes } from './keys.ts';
import { formatList, NS_TRUST, parseList, voidList } from './list-document.ts';
import type { ListContent } from './list-document.ts';
import type { TrustOptions } from './options.ts';

export type SignedListOptions = Pick<TrustOptions, 'xml' | 'listEntries' | 'listLifetime'>;

declare const verified: unique symbol;

/**
 * A list whose signature holds and that is not void by itself. Only this file makes one, so what takes a VerifiedList
 * can't be given an unverified one. Whether its signer had the right to sign it (`hosted`) needs other lists: see
 * `currentHosts`.
 */
export interface VerifiedList extends ListContent {
  readonly [verified]: true;
  readonly signer: KeyName;
  /** Lower-case hex SHA-256 of the signed data. */
  readonly hash: string;
  /** Unix ms: what `expires` says, or the lifetime after `issued`, whichever is first. */
  readonly expiresAt: number;
  /** As it is passed on: nothing in it but what was verified. */
  readonly element: XmlElement;
}

const METHOD = 'RSA-SHA256';
/** What is signed begins with this, so that a signature over anything else is never one over a list. */
const DOMAIN = Buffer.from('xpmn-list-v1\0', 'latin1');
/** Base64 characters of the SPKI of the largest RSA key that is accepted, generously. */
const MAX_KEY_TEXT = 4096;

/** Signs a list. What readers would find void is never issued. @throws XpmnError as `readList` */
export function issueList(content: ListContent, key: KeyObject, options: SignedListOptions): VerifiedList {
  const data = Buffer.from(serialise(formatList(content)));
  const signature = signBytes(key, Buffer.concat([DOMAIN, data]));
  return readList(signedElement({ data, spki: spkiOf(key), signer: keyNameOf(key), signature }), options);
}

/**
 * Verifies `<signed/>`; the data is parsed only after the signature holds.
 * @throws XpmnError `malformed`, `too-large`, `not-trusted`, `xml-restricted`; `details.reason` is a VoidReason
 */
export function readList(signed: XmlElement, options: SignedListOptions): VerifiedList {
  const parts = readSigned(signed, options);
  const { data, spki, signer, signature } = parts;
  if (createHash('sha256').update(spki).digest('hex') !== signer) throw voidList('bad-signature', 'The key of the list is not the one that it names.');
  if (!verifyBytes(readKey(spki), Buffer.concat([DOMAIN, data]), signature)) throw voidList('bad-signature', 'The signature of the list does not hold.');
  const content = parseList(parseData(data, options), options);
  // U signs `devices` and `friends`; U is no device, so it can't be the host that signs `hosted`.
  if ((signer === content.network) === (content.type === 'hosted')) throw voidList('wrong-signer', 'The list is not signed by the key that may sign it.');
  return {
    ...content, signer,
    hash: createHash('sha256').update(data).digest('hex'),
    expiresAt: Math.min(content.expires, content.issued + options.listLifetime),
    element: signedElement(parts),
  } as VerifiedList;
}

/** The same place in the order: lists of one kind replace one another. Safe as part of a storage name. */
export function slotOf({ network, type, signer }: Pick<VerifiedList, 'network' | 'type' | 'signer'>): string {
  return `${network}/${type}-${signer}`;
}

/** Order of two lists of one slot: (seq, issued, hash). Positive if `a` is the newer. */
export function compareLists(a: VerifiedList, b: VerifiedList): number {
  return a.seq - b.seq || a.issued - b.issued || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}

interface SignedParts {
  readonly data: Buffer;
  readonly spki: Buffer;
  readonly signer: KeyName;
  readonly signature: Buffer;
}

function signedElement({ data, spki, signer, signature }: SignedParts): XmlElement {
  return xml('signed', NS_TRUST, {},
    xml('data', NS_TRUST, {}, data.toString('base64')),
    xml('key', NS_TRUST, {}, spki.toString('base64')),
    xml('signature', NS_TRUST, { key: signer, method: METHOD }, signature.toString('base64')));
}

function readSigned(signed: XmlElement, options: SignedListOptions): SignedParts {
  if (signed.name !== 'signed' || signed.ns !== NS_TRUST) throw voidList('malformed', 'That is not a signed list.');
  const signature = only(signed, 'signature');
  const signer = tryKeyName(signature.attrs['key']);
  if (!signer) throw voidList('malformed', 'The signature names no key.');
  if (signature.attrs['method'] !== METHOD) throw voidList('bad-signature', 'The signature is made by an unknown method.');
  const dataText = textOf(only(signed, 'data'));
  if (dataText.length > 4 * Math.ceil(options.xml.bytes / 3)) throw voidList('too-large', `The list is larger than ${options.xml.bytes} bytes.`);
  const data = fromBase64(dataText);
  if (data.length > options.xml.bytes) throw voidList('too-large', `The list is larger than ${options.xml.bytes} bytes.`);
  return { data, spki: fromBase64(textOf(only(signed, 'key')), MAX_KEY_TEXT), signer, signature: fromBase64(textOf(signature), MAX_KEY_TEXT) };
}

/** Two of them would let two readers read two lists. */
function only(signed: XmlElement, name: string): XmlElement {
  const [first, second] = childrenNamed(signed, name, NS_TRUST);
  if (!first || second || first.children.some(isElement)) throw voidList('malformed', `A signed list has one <${name}/>, with text only.`);
  return first;
}

/** Canonical base64 only: one list has one text. */
function fromBase64(text: string, limit = Infinity): Buffer {
  if (text.length > limit) throw voidList('too-large', 'A part of the signed list is too large.');
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw voidList('malformed', 'A part of the signed list is not base64.');
  return bytes;
}

function readKey(spki: Buffer): KeyObject {
  try {
    return publicKeyFromSpki(spki);
  } catch (error) {
    throw voidList('weak-key', 'The list is signed by a key that is not accepted.', error);
  }
}

function parseData(data: Buffer, options: SignedListOptions): XmlElement {
  try {
    return parseXml(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data), options.xml);
  } catch (error) {
    if (error instanceof XpmnError) throw new XpmnError(error.code, error.message, { cause: error, details: { reason: error.code === 'too-large' ? 'too-large' : 'malformed' } });
    throw voidList('malformed', 'The list is not UTF-8.', error);
  }
}

/** The `<signed/>` elements of `<lists/>`, at most `limit`; more is the sender's mistake. @throws XpmnError `malformed`, `too-large` */
export function signedIn(lists: XmlElement, limit: number): XmlElement[] {
  if (lists.name !== 'lists' || lists.ns !== NS_TRUST) throw new XpmnError('malformed', 'That is not <lists/>.');
  const signed = elements(lists).filter(({ name, ns }) => name === 'signed' && ns === NS_TRUST);
  if (signed.length > limit) throw new XpmnError('too-large', `More than ${limit} lists at once.`);
  return signed;
}

export function listsElement(lists: readonly VerifiedList[]): XmlElement {
  return xml('lists', NS_TRUST, {}, lists.map(({ element }) => element));
}
