import { X509Certificate, createHash } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { child, childText, childrenNamed, textOf, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { SaslCertDialect } from '../../src/xpmn/xmpp/saslcert-codec.ts';

interface Stored {
  readonly id: string;
  readonly name: string;
  readonly der: Buffer;
  readonly mayManage: boolean;
}

export interface FakeSaslCertOptions {
  /** What the server speaks; undefined: it has no such service, but may know certificates all the same. */
  readonly dialect: SaslCertDialect | undefined;
}

export interface SessionsOfCertificates {
  /** Resources that are logged in by it. */
  resourcesOf(certificate: Buffer): string[];
  /** Ends them. */
  end(certificate: Buffer): void;
}

/** The certificates that one account may log in with, as a server keeps them, strictly by its dialect. */
export class FakeSaslCert {
  private readonly owner: Jid;
  private readonly sessions: SessionsOfCertificates;
  private readonly options: FakeSaslCertOptions;
  /** Takes none any more: as a server whose administrator sets a limit. */
  isFull = false;
  private stored: Stored[] = [];

  constructor(owner: Jid, sessions: SessionsOfCertificates, options: FakeSaslCertOptions) {
    this.owner = owner;
    this.sessions = sessions;
    this.options = options;
  }

  get names(): string[] {
    return this.stored.map(({ name }) => name);
  }

  /** Those that may add and remove others. */
  get managers(): string[] {
    return this.stored.filter(({ mayManage }) => mayManage).map(({ name }) => name);
  }

  /** As an administrator does it. */
  trust(der: Buffer, { mayManage = true }: { readonly mayManage?: boolean } = {}): void {
    this.stored.push({ id: createHash('sha1').update(der).digest('hex'), name: `trusted ${this.stored.length}`, der, mayManage });
  }

  distrust(der: Buffer): void {
    this.stored = this.stored.filter((one) => !one.der.equals(der));
  }

  takes(der: Buffer): boolean {
    return this.stored.some((one) => one.der.equals(der));
  }

  /** Answers an IQ of a session, which may have logged in by a certificate; throws its error. */
  handle(type: string, payload: XmlElement, certificate: Buffer | undefined): XmlElement | undefined | 'unknown' {
    if (payload.ns !== this.options.dialect) return 'unknown';
    const verb = VERBS[payload.ns][payload.name];
    if (verb === undefined || (verb === 'list') !== (type === 'get')) return 'unknown';
    if (verb === 'list') return xml(payload.name, payload.ns, {}, this.stored.map((one) => this.item(payload.ns, one)));
    if (certificate && !this.stored.some((one) => one.mayManage && one.der.equals(certificate))) throw new XpmnError('not-authorized', 'Not with this certificate.');
    const items = payload.ns === 'urn:xmpp:saslcert:0' ? childrenNamed(payload, 'item', payload.ns) : [payload];
    for (const item of items) {
      if (verb === 'add') this.add(payload.ns, item);
      else this.remove(payload.ns, item, verb);
    }
    return undefined;
  }

  private add(ns: string, item: XmlElement): void {
    if (this.isFull) throw new XpmnError('not-allowed', 'That is enough.');
    const name = childText(item, 'name', ns) ?? '';
    const element = child(item, ns === 'urn:xmpp:saslcert:1' ? 'x509cert' : 'certificate', ns);
    if (!element || name === '') throw new XpmnError('bad-request', 'Missing fields.');
    const x509 = new X509Certificate(Buffer.from(textOf(element), 'base64'));
    if (!new RegExp(`XmppAddr:${this.owner}(/|$|,|")`).test(x509.subjectAltName ?? '')) throw new XpmnError('bad-request', 'No valid address.');
    if (ns === 'urn:xmpp:saslcert:1' && this.names.includes(name)) throw new XpmnError('conflict', 'There is one of that name.');
    this.stored.push({ id: createHash('sha1').update(x509.raw).digest('hex'), name, der: x509.raw, mayManage: !child(item, 'no-cert-management', ns) });
  }

  private remove(ns: string, item: XmlElement, verb: 'disable' | 'revoke'): void {
    const named = (one: Stored): boolean => (ns === 'urn:xmpp:saslcert:1' ? one.name === childText(item, 'name', ns) : one.id === item.attrs['id']);
    const found = this.stored.filter(named);
    if (found.length === 0) throw new XpmnError('not-found', 'There is none.');
    this.stored = this.stored.filter((one) => !named(one));
    if (verb === 'revoke') for (const { der } of found) this.sessions.end(der);
  }

  private item(ns: string, { id, name, der, mayManage }: Stored): XmlElement {
    const text = der.toString('base64');
    if (ns === 'urn:xmpp:saslcert:0') return xml('item', ns, { id }, xml('name', ns, {}, name), !mayManage && xml('no-cert-management', ns), xml('certificate', ns, {}, text));
    const resources = this.sessions.resourcesOf(der).map((resource) => xml('resource', ns, {}, resource));
    return xml('item', ns, {}, xml('name', ns, {}, name), xml('x509cert', ns, {}, text), resources.length > 0 && xml('users', ns, {}, resources));
  }
}

type Verb = 'list' | 'add' | 'disable' | 'revoke';
const VERBS: Readonly<Record<SaslCertDialect, Readonly<Record<string, Verb>>>> = {
  'urn:xmpp:saslcert:1': { items: 'list', append: 'add', disable: 'disable', revoke: 'revoke' },
  'urn:xmpp:saslcert:0': { list: 'list', upload: 'add', remove: 'disable', revoke: 'revoke' },
};
