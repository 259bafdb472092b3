import { XpmnError } from '../kernel/errors.ts';
import { child, childrenNamed, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { parseFingerprint } from './fingerprint.ts';
import type { Fingerprint } from './fingerprint.ts';

export const SECURITY_NS = 'urn:xmpp:jingle:security:xtls:0';

/** What one side announces: the hash of its certificate, and the methods it would use; or, in security-info, the chosen one. */
export interface SecurityOffer {
  readonly fingerprint?: Fingerprint;
  readonly methods: readonly string[];
}

const METHOD_NAME = /^[A-Za-z0-9._-]{1,32}$/;

/**
 * `<security/>` as data. Repeated methods count once.
 *
 * @spec draft-meyer-xmpp-e2e-encryption 02 §3
 * @throws XpmnError `malformed` for a fingerprint or method name that is none, or more than `maxMethods`
 */
export function parseSecurity(element: XmlElement, maxMethods: number): SecurityOffer {
  const listed = childrenNamed(element, 'method', SECURITY_NS);
  if (listed.length > maxMethods) throw new XpmnError('malformed', 'Too many security methods.');
  const methods = new Set<string>();
  for (const { attrs } of listed) {
    if (!METHOD_NAME.test(attrs.name ?? '')) throw new XpmnError('malformed', 'A security method has no proper name.');
    methods.add(attrs.name as string);
  }
  const printed = child(element, 'fingerprint', SECURITY_NS);
  return { ...(printed && { fingerprint: parseFingerprint(textOf(printed), printed.attrs.algo) }), methods: [...methods] };
}

export function formatSecurity({ fingerprint, methods }: SecurityOffer): XmlElement {
  return xml(
    'security', SECURITY_NS, {},
    fingerprint && xml('fingerprint', SECURITY_NS, { algo: fingerprint.algo }, fingerprint.hex),
    methods.map((name) => xml('method', SECURITY_NS, { name })),
  );
}
