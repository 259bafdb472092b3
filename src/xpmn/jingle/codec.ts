import { XpmnError } from '../kernel/errors.ts';
import { tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { child, childrenNamed, elements, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { Role } from '../ports/transport.ts';
import { REASONS } from './reasons.ts';
import type { Reason } from './reasons.ts';
import { formatSecurity, parseSecurity, SECURITY_NS } from './security-codec.ts';
import type { SecurityOffer } from './security-codec.ts';

/**
 * `<jingle/>` ⇄ data.
 *
 * @spec XEP-0166 v1.1.2 §7
 */
export const JINGLE_NS = 'urn:xmpp:jingle:1';

export const ACTIONS = [
  'content-accept', 'content-add', 'content-modify', 'content-reject', 'content-remove', 'description-info', 'security-info',
  'session-accept', 'session-info', 'session-initiate', 'session-terminate',
  'transport-accept', 'transport-info', 'transport-reject', 'transport-replace',
] as const;
export type Action = (typeof ACTIONS)[number];

export type Senders = 'both' | 'initiator' | 'responder' | 'none';
const SENDERS: readonly string[] = ['both', 'initiator', 'responder', 'none'];

export interface JingleContent {
  readonly creator: Role;
  readonly name: string;
  /** Left out: both. */
  readonly senders?: Senders;
  readonly description?: XmlElement;
  readonly transport?: XmlElement;
  readonly security?: SecurityOffer;
}

export interface JingleReason {
  readonly condition: Reason;
  readonly text?: string;
  /** The application's own element: any other namespace. */
  readonly app?: XmlElement;
}

export interface Jingle {
  readonly action: Action;
  readonly sid: string;
  readonly initiator?: Jid;
  readonly responder?: Jid;
  readonly contents: readonly JingleContent[];
  readonly reason?: JingleReason;
  /** What else is inside, in other namespaces: the payload of a session-info. */
  readonly info: readonly XmlElement[];
}

export interface JingleLimits {
  /** Characters of a sid or of a content's name. */
  readonly nameLength: number;
  readonly contents: number;
  readonly methods: number;
  /** Characters of a reason's text; more is cut off. */
  readonly textLength: number;
}

/** @throws XpmnError `malformed` */
export function parseJingle(element: XmlElement, limits: JingleLimits): Jingle {
  const { action, sid, initiator, responder } = element.attrs;
  if (element.name !== 'jingle' || element.ns !== JINGLE_NS) throw new XpmnError('malformed', 'That is not Jingle.');
  if (!isAction(action)) throw new XpmnError('malformed', 'The Jingle action is unknown.');
  if (!isName(sid, limits)) throw new XpmnError('malformed', 'The Jingle session has no proper id.');
  const contents = childrenNamed(element, 'content', JINGLE_NS);
  if (contents.length > limits.contents) throw new XpmnError('malformed', 'Too many contents.');
  const reason = child(element, 'reason', JINGLE_NS);
  const who = { initiator: tryJid(initiator), responder: tryJid(responder) };
  return {
    action,
    sid,
    ...(who.initiator && { initiator: who.initiator }),
    ...(who.responder && { responder: who.responder }),
    contents: contents.map((content) => parseContent(content, action, contents.length === 1, limits)),
    ...(reason && { reason: parseReason(reason, limits) }),
    info: elements(element).filter(({ ns }) => ns !== JINGLE_NS),
  };
}

export function formatJingle({ action, sid, initiator, responder, contents, reason, info }: Jingle): XmlElement {
  return xml('jingle', JINGLE_NS, { action, initiator, responder, sid }, contents.map(formatContent), reason && formatReason(reason), info);
}

function parseContent(element: XmlElement, action: Action, only: boolean, limits: JingleLimits): JingleContent {
  const { creator, name, senders } = element.attrs;
  // COMPAT(kaa.xmpp): creator and name are missing in security-info; with one content there is no doubt which is meant.
  const lenient = only && action === 'security-info';
  if (creator !== 'initiator' && creator !== 'responder' && !(lenient && creator === undefined)) {
    throw new XpmnError('malformed', 'A content has no proper creator.');
  }
  if (!isText(name, limits) && !(lenient && name === undefined)) throw new XpmnError('malformed', 'A content has no proper name.');
  if (senders !== undefined && !SENDERS.includes(senders)) throw new XpmnError('malformed', 'A content has unknown senders.');
  const [description, transport] = [single(element, 'description'), single(element, 'transport')];
  const security = single(element, 'security', SECURITY_NS);
  return {
    creator: (creator as Role | undefined) ?? 'initiator',
    name: name ?? '',
    ...(senders !== undefined && { senders: senders as Senders }),
    ...(description && { description }),
    ...(transport && { transport }),
    ...(security && { security: parseSecurity(security, limits.methods) }),
  };
}

function formatContent({ creator, name, senders, description, transport, security }: JingleContent): XmlElement {
  return xml('content', JINGLE_NS, { creator, name, senders }, description, transport, security && formatSecurity(security));
}

function parseReason(element: XmlElement, limits: JingleLimits): JingleReason {
  const inside = elements(element);
  const said = inside.find(({ ns, name }) => ns === JINGLE_NS && name !== 'text');
  const text = child(element, 'text', JINGLE_NS);
  const app = inside.find(({ ns }) => ns !== JINGLE_NS);
  // A reason that nobody knows still ends the session.
  const condition = REASONS.find((known) => known === said?.name) ?? 'general-error';
  return { condition, ...(text && { text: textOf(text).slice(0, limits.textLength) }), ...(app && { app }) };
}

function formatReason({ condition, text, app }: JingleReason): XmlElement {
  return xml('reason', JINGLE_NS, {}, xml(condition, JINGLE_NS), text !== undefined && xml('text', JINGLE_NS, {}, text), app);
}

/** The one child of that name, in any namespace or in `ns`. Two would leave open which of them counts. */
function single(content: XmlElement, name: string, ns?: string): XmlElement | undefined {
  const found = elements(content).filter((element) => element.name === name && (ns === undefined || element.ns === ns));
  if (found.length > 1) throw new XpmnError('malformed', `A content has more than one <${name}/>.`);
  return found[0];
}

function isAction(text: string | undefined): text is Action {
  return ACTIONS.some((action) => action === text);
}

/** An NMTOKEN, roughly: no white space, nothing invisible. */
function isName(text: string | undefined, limits: JingleLimits): text is string {
  return isText(text, limits) && !/[\s\p{C}]/u.test(text);
}

function isText(text: string | undefined, limits: JingleLimits): text is string {
  return text !== undefined && text !== '' && text.length <= limits.nameLength;
}
