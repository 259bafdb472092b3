import { X509Certificate } from 'node:crypto';
import { child, childText, childrenNamed, elements, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/**
 * Two dialects of one protocol: `:1` is XEP-0257, `:0` is the Internet-Draft that the thesis shows. They share neither
 * namespace nor element names, and what a certificate is known by is its name in one, an id of the server's in the other.
 */
export type SaslCertDialect = 'urn:xmpp:saslcert:1' | 'urn:xmpp:saslcert:0';

/** A certificate that the server takes for a login to the account. */
export interface StoredCertificate {
  /** What the server wants to be told to remove it. */
  readonly id: string;
  /** For people: one line. It is the server's text. */
  readonly name: string;
  /** DER; undefined where the server sent none that can be read. */
  readonly certificate: Buffer | undefined;
  /** false where the server tells that who logs in by it may not add or remove certificates. */
  readonly mayManage: boolean;
  /** Resources that are logged in by it, as far as the server tells. */
  readonly resources: readonly string[];
}

export interface NewCertificate {
  readonly name: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** Whether who logs in by it may add and remove certificates. */
  readonly mayManage: boolean;
}

export interface SaslCertLimits {
  /** Certificates of a list; those beyond are overlooked. */
  readonly entries: number;
  /** Characters of a name or id; a longer one is overlooked with its certificate. */
  readonly nameLength: number;
  /** Bytes of a certificate; a larger one can't be read. */
  readonly certificateBytes: number;
  /** Resources of a certificate. */
  readonly resources: number;
}

export interface SaslCertCodec {
  readonly dialect: SaslCertDialect;
  /** Payloads of IQs: get, set, set. `revoke` also ends the sessions that the certificate has opened. */
  formatList(): XmlElement;
  formatAdd(added: NewCertificate): XmlElement;
  formatRemove(id: string, how: 'disable' | 'revoke'): XmlElement;
  /** The answer's payload, as an IQ result has it; undefined if it is no answer in this dialect. */
  findList(result: XmlElement): XmlElement | undefined;
  /** Lenient: what can't be used is left out. */
  parseList(payload: XmlElement, limits: SaslCertLimits): StoredCertificate[];
}

/** @spec XEP-0257 v0.3 §2 */
export const SASLCERT_1: SaslCertCodec = codec('urn:xmpp:saslcert:1', (ns) => ({
  formatList: () => xml('items', ns),
  formatAdd: (added) => xml('append', ns, {}, itemParts(ns, 'x509cert', added)),
  formatRemove: (name, how) => xml(how, ns, {}, xml('name', ns, {}, name)),
  idOf: (item) => childText(item, 'name'),
}));

/** @spec draft-meyer-xmpp-sasl-cert-management 01 §4, §6, §7, §8 */
export const SASLCERT_0: SaslCertCodec = codec('urn:xmpp:saslcert:0', (ns) => ({
  formatList: () => xml('list', ns),
  formatAdd: (added) => xml('upload', ns, {}, xml('item', ns, {}, itemParts(ns, 'certificate', added))),
  formatRemove: (id, how) => xml(how === 'revoke' ? 'revoke' : 'remove', ns, {}, xml('item', ns, { id })),
  idOf: (item) => item.attrs['id'],
}));

type Parts = Pick<SaslCertCodec, 'formatList' | 'formatAdd' | 'formatRemove'> & { idOf(item: XmlElement): string | undefined };

function codec(dialect: SaslCertDialect, partsOf: (ns: SaslCertDialect) => Parts): SaslCertCodec {
  const { idOf, ...formats } = partsOf(dialect);
  return {
    dialect,
    ...formats,
    findList: (result) => elements(result).find(({ ns }) => ns === dialect),
    parseList: (payload, limits) => childrenNamed(payload, 'item').slice(0, limits.entries).flatMap((item) => {
      const id = idOf(item) ?? '';
      const name = childText(item, 'name') ?? id;
      if (id.trim() === '' || Math.max(id.length, name.length) > limits.nameLength) return [];
      return [{ id, name: inOneLine(name), certificate: readCertificate(item, limits), mayManage: !child(item, 'no-cert-management'), resources: readResources(item, limits) }];
    }),
  };
}

function itemParts(ns: SaslCertDialect, element: string, { name, certificate, mayManage }: NewCertificate): XmlElement[] {
  const parts = [xml('name', ns, {}, name), xml(element, ns, {}, Buffer.from(certificate).toString('base64'))];
  if (!mayManage) parts.splice(1, 0, xml('no-cert-management', ns));
  return parts;
}

/** In either element, bare or in the `<keyinfo/>` of XEP-0257 v0.2, as DER or as PEM, with any white space. */
function readCertificate(item: XmlElement, limits: SaslCertLimits): Buffer | undefined {
  const around = [item, ...childrenNamed(item, 'keyinfo')];
  const [element] = around.flatMap((parent) => ['x509cert', 'certificate'].flatMap((name) => child(parent, name) ?? []));
  const text = element ? textOf(element).replace(/-----(?:BEGIN|END) CERTIFICATE-----/g, '') : '';
  const der = Buffer.from(text, 'base64');
  if (der.length === 0 || der.length > limits.certificateBytes) return undefined;
  try {
    return new X509Certificate(der).raw;
  } catch {
    return undefined;
  }
}

function readResources(item: XmlElement, limits: SaslCertLimits): string[] {
  const users = child(item, 'users');
  const named = users ? childrenNamed(users, 'resource').map((resource) => textOf(resource)) : [];
  return named.filter((resource) => resource !== '' && resource.length <= limits.nameLength).slice(0, limits.resources);
}

/** SECURITY: without control characters, so that it can't play with a terminal. */
function inOneLine(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
}
