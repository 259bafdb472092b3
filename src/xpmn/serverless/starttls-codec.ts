import { parseFingerprint } from '../jingle/fingerprint.ts';
import type { Fingerprint } from '../jingle/fingerprint.ts';
import { SECURITY_NS, formatSecurity, parseSecurity } from '../jingle/security-codec.ts';
import type { SecurityOffer } from '../jingle/security-codec.ts';
import { XpmnError } from '../kernel/errors.ts';
import { child, childText, childrenNamed, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { NS_STREAM, NS_TLS } from '../xmpp/stanza.ts';
import { streamFeatures } from '../xmpp/xml-stream.ts';

const NS_OFFER = 'urn:xmpp:tmp:c2ctls';

/** What the two sides say to each other about TLS before it begins. */
export type Starttls =
  /** The responder's features; without `offer` it offers no encryption. */
  | { readonly kind: 'features'; readonly offer?: SecurityOffer }
  /** The initiator's command. */
  | { readonly kind: 'starttls'; readonly offer: SecurityOffer }
  /** The responder's decision: one method. */
  | { readonly kind: 'proceed'; readonly choice: SecurityOffer }
  | { readonly kind: 'failure' };

/**
 * An element of that conversation as data; undefined for any other. `<security/>` is what is emitted, and read first;
 * `<offer/>` is the older form. Whoever says nothing of methods means STARTTLS as servers have it: x509, of a certificate
 * that was not announced.
 *
 * @spec RFC 6120 §5.4
 * @spec XEP-0250 v0.2 §3.3
 * @throws XpmnError `malformed` for a fingerprint or method name that is none, or more than `maxMethods`
 */
export function parseStarttls(element: XmlElement, maxMethods: number): Starttls | undefined {
  if (element.ns === NS_STREAM && element.name === 'features') {
    const starttls = child(element, 'starttls', NS_TLS);
    return { kind: 'features', ...(starttls && { offer: parseOffer(starttls, maxMethods) }) };
  }
  if (element.ns !== NS_TLS) return undefined;
  switch (element.name) {
    case 'starttls': return { kind: 'starttls', offer: parseOffer(element, maxMethods) };
    case 'proceed': return { kind: 'proceed', choice: parseOffer(element, maxMethods) };
    case 'failure': return { kind: 'failure' };
    default: return undefined;
  }
}

/** `more` are the other features. */
export function formatStarttls(said: Starttls, ...more: readonly XmlElement[]): XmlElement {
  switch (said.kind) {
    case 'features': return streamFeatures(...(said.offer ? [xml('starttls', NS_TLS, {}, xml('required', NS_TLS), formatSecurity(said.offer))] : []), ...more);
    case 'starttls': return xml('starttls', NS_TLS, {}, formatSecurity(said.offer));
    case 'proceed': return xml('proceed', NS_TLS, {}, formatSecurity(said.choice));
    case 'failure': return xml('failure', NS_TLS);
  }
}

function parseOffer(parent: XmlElement, maxMethods: number): SecurityOffer {
  const security = child(parent, 'security', SECURITY_NS);
  if (security) return parseSecurity(security, maxMethods);
  const offer = child(parent, 'offer', NS_OFFER);
  return offer ? parseOldOffer(offer, maxMethods) : { methods: ['x509'] };
}

/** `<insecure/>` (a certificate that is not looked at) is no method of ours, and any other is unknown here. */
function parseOldOffer(offer: XmlElement, maxMethods: number): SecurityOffer {
  const keys = childrenNamed(offer, 'keyinfo');
  if (keys.length > maxMethods) throw new XpmnError('malformed', 'Too many keys.');
  const [fingerprint] = keys.flatMap((key) => tryFingerprint(childText(key, 'name') ?? ''));
  const methods = [...(keys.length > 0 ? ['x509'] : []), ...(child(offer, 'srp') ? ['srp'] : [])];
  return { ...(fingerprint && { fingerprint }), methods };
}

/** Keys are named as their owner likes; only hashes of certificates are of use here. */
function tryFingerprint(name: string): Fingerprint[] {
  try {
    return [parseFingerprint(name)];
  } catch {
    return [];
  }
}
