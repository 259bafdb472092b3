import { XpmnError } from '../kernel/errors.ts';

/**
 * A JID as text, prepared: local part and domain in lower case (RFC 7622 is approximated by Unicode NFC and lower case,
 * which is what servers of our users do to ASCII names), resource in NFC, case kept. Two JIDs are equal iff their texts
 * are. What a server would fold together and this does not, counts as two: that fails closed.
 *
 * @spec RFC 7622 §3
 */
export type Jid = string & { readonly __jid: true };

export interface JidParts {
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

/** White space, invisible and unassigned characters look like nothing, or like another name. */
const FORBIDDEN_LOCAL = /[\p{Z}\p{C}"&'/:<>@]/u;
const FORBIDDEN_DOMAIN = /[\p{Z}\p{C}"&'/<>@]|^\.|\.\.|\.$/u;
/** As above, but for spaces, and the joiners that emoji are made with. */
const FORBIDDEN_RESOURCE = /(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]/u;
const MAX_PART = 1023;

/** @throws XpmnError `malformed` */
export function parseJid(text: string): Jid {
  const parts = text.length > 3 * MAX_PART + 3 ? undefined : prepare(text);
  if (!parts || isWrong(parts, text)) throw new XpmnError('malformed', 'That is not a valid JID.');
  return joinJid(parts);
}

function prepare(text: string): JidParts {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const at = bare.indexOf('@');
  return {
    local: at < 0 ? '' : fold(bare.slice(0, at)),
    domain: fold(bare.slice(at + 1)).replace(/\.$/, ''),
    resource: slash < 0 ? '' : text.slice(slash + 1).normalize('NFC'),
  };
}

/** Lower case can be without its composed form, and a composed form can have a lower case. */
function fold(part: string): string {
  return part.normalize('NFC').toLowerCase().normalize('NFC');
}

function isWrong({ local, domain, resource }: JidParts, text: string): boolean {
  const slash = text.indexOf('/');
  const hasAt = (slash < 0 ? text : text.slice(0, slash)).includes('@');
  return (
    domain === '' || (hasAt && local === '') || (slash >= 0 && resource === '') ||
    FORBIDDEN_LOCAL.test(local) || FORBIDDEN_DOMAIN.test(domain) || FORBIDDEN_RESOURCE.test(resource) ||
    [local, domain, resource].some((part) => Buffer.byteLength(part) > MAX_PART)
  );
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
