import { NS } from '../model/namespaces.ts';
import { child, elements, serialise, xml } from '../model/xml.ts';
import type { XmlElement, XmlNode } from '../model/xml.ts';
import { errorElement } from './stanza-error.ts';

/** @spec RFC 6120 §8 */
export const NS_CLIENT = NS.client;
export const NS_STREAM = 'http://etherx.jabber.org/streams';
/** @spec RFC 6120 §5.4 */
export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

type Attrs = Readonly<Record<string, string | undefined>>;

/** Whether an element is a stanza: iq, message or presence in `jabber:client`. */
export function isStanza(element: XmlElement): boolean {
  return element.ns === NS_CLIENT && (element.name === 'iq' || element.name === 'message' || element.name === 'presence');
}

/** `<iq type='get|set'/>` with one payload. */
export function iqRequest({ type, id, to, payload }: {
  readonly type: 'get' | 'set';
  readonly id: string;
  readonly to?: string | undefined;
  readonly payload: XmlElement;
}): XmlElement {
  return xml('iq', NS_CLIENT, { type, id, to }, payload);
}

/** The result of `request`, addressed to whom it came from; `from` is for the server to stamp. */
export function iqResult(request: XmlElement, payload?: XmlElement): XmlElement {
  return xml('iq', NS_CLIENT, { type: 'result', id: request.attrs['id'], to: request.attrs['from'] }, payload);
}

/** The error answer to `request`. An error that is no XpmnError shows as `internal-server-error`, without text. */
export function iqError(request: XmlElement, error: unknown): XmlElement {
  return xml('iq', NS_CLIENT, { type: 'error', id: request.attrs['id'], to: request.attrs['from'] }, errorElement(error));
}

/** What a result carries, or undefined for an empty one. */
export function resultPayload(result: XmlElement, name?: string, ns?: string): XmlElement | undefined {
  return name === undefined ? elements(result)[0] : child(result, name, ns);
}

export function message(attrs: Attrs, ...children: XmlNode[]): XmlElement {
  return xml('message', NS_CLIENT, attrs, children);
}

export function presence(attrs: Attrs, ...children: XmlNode[]): XmlElement {
  return xml('presence', NS_CLIENT, attrs, children);
}

/** Texts of stanzas that are sent to many. */
const texts = new WeakMap<XmlElement, string>();

/** The same stanza; however many are sent it, it is written once. */
export function forMany(stanza: XmlElement): XmlElement {
  texts.set(stanza, serialise(stanza, NS_CLIENT));
  return stanza;
}

/** A stanza as it is written on a stream. */
export function stanzaText(stanza: XmlElement): string {
  return texts.get(stanza) ?? serialise(stanza, NS_CLIENT);
}
