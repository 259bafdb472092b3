import { XpmnError } from '../kernel/errors.ts';

/**
 * A JID as text, prepared: local part and domain in lower case (RFC 7622 is approximated by Unicode NFC and lower case,
 * which is what servers of our users do to ASCII names), resource in NFC, case kept. Two JIDs are equal iff their texts are.
 */
export type Jid = string & { readonly __jid: true };

export interface JidParts {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

const FORBIDDEN_LOCAL = /[\s"&'/:<>@\p{Cc}]/u;
const FORBIDDEN_DOMAIN = /[\s"&'/<>@\p{Cc}]/u;
const MAX_PART = 1023;

/** @throws XpmnError `malformed` */
export function parseJid(text: string): Jid {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const resource = slash < 0 ? '' : text.slice(slash + 1).normalize('NFC');
  const at = bare.indexOf('@');
  const local = at < 0 ? '' : bare.slice(0, at).normalize('NFC').toLowerCase();
  const domain = bare.slice(at + 1).normalize('NFC').toLowerCase().replace(/\.$/, '');
  const wrong =
    domain === '' || FORBIDDEN_DOMAIN.test(domain) || (at >= 0 && local === '') || FORBIDDEN_LOCAL.test(local) ||
    (slash >= 0 && resource === '') || /\p{Cc}/u.test(resource) ||
    [local, domain, resource].some((part) => Buffer.byteLength(part) > MAX_PART);
  if (wrong) throw new XpmnError('malformed', 'That is not a valid JID.');
  return joinJid({ local, domain, resource });
}

/** The JID, or undefined where the text is none: for input from peers. */
export function tryJid(text: string | undefined): Jid | undefined {
  if (text === undefined) return undefined;
  try {
    return parseJid(text);
  } catch {
    return undefined;
  }
}

export function splitJid(jid: Jid): JidParts {
  const slash = jid.indexOf('/');
  const bare = slash < 0 ? jid : jid.slice(0, slash);
  const at = bare.indexOf('@');
  return { local: at < 0 ? '' : bare.slice(0, at), domain: bare.slice(at + 1), resource: slash < 0 ? '' : jid.slice(slash + 1) };
}

export function bareJid(jid: Jid): Jid {
  const slash = jid.indexOf('/');
  return (slash < 0 ? jid : jid.slice(0, slash)) as Jid;
}

export function resourceOf(jid: Jid): string {
  return splitJid(jid).resource;
}

export function withResource(bare: Jid, resource: string): Jid {
  return parseJid(`${bareJid(bare)}/${resource}`);
}

export function isFullJid(jid: Jid): boolean {
  return jid.includes('/');
}

function joinJid({ local, domain, resource }: JidParts): Jid {
  return `${local === '' ? '' : `${local}@`}${domain}${resource === '' ? '' : `/${resource}`}` as Jid;
}
