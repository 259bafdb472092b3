import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import { child, elements, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { NS } from '../model/namespaces.ts';

/**
 * Stanza errors ⇄ XpmnError: one table, both directions.
 *
 * @spec RFC 6120 §8.3
 * @spec XEP-0060 v1.26.0 §6.1.3, §6.2.3, §7.1.3, §7.2.3
 * @spec XEP-0166 v1.1.2 §10
 */
export const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const JINGLE = 'urn:xmpp:jingle:errors:1';
const PLAYER = 'urn:xmpp:media:player:0';
const PUBSUB = 'http://jabber.org/protocol/pubsub#errors';
/** Our own conditions, named as the code they carry. */
const XPMN = 'urn:xmpp:xpmn:errors:0';

type ErrorType = 'auth' | 'cancel' | 'modify' | 'wait';
type Detail = 'size' | 'etag' | 'feature';

interface Row {
  readonly code: ErrorCode;
  readonly type: ErrorType;
  readonly condition: string;
  /** Application condition: namespace, name, and the attributes that carry details of the same name. */
  readonly app?: { readonly ns: string; readonly name: string; readonly details?: readonly Detail[] };
  /** `out`: only written, reads back as another code. `in`: only read. */
  readonly only?: 'out' | 'in';
  /** Written only for an error whose `details.condition` is the application condition's name; read back with it. */
  readonly refines?: true;
}

/**
 * The first row of a code is how it is written; the first row of a condition is how it is read. Codes without a row (the
 * user's own business: passwords, configuration, the account) never leave: they show as `internal-server-error`.
 */
export const STANZA_ERRORS: readonly Row[] = [
  { code: 'timeout', type: 'wait', condition: 'remote-server-timeout' },
  { code: 'unreachable', type: 'cancel', condition: 'remote-server-not-found' },
  { code: 'peer-unavailable', type: 'wait', condition: 'recipient-unavailable' },
  { code: 'connection-lost', type: 'wait', condition: 'recipient-unavailable', only: 'out' },
  { code: 'aborted', type: 'wait', condition: 'recipient-unavailable', only: 'out' },
  { code: 'transport-failed', type: 'wait', condition: 'recipient-unavailable', app: { ns: XPMN, name: 'transport-failed' } },
  { code: 'origin-unreachable', type: 'modify', condition: 'item-not-found', app: { ns: PLAYER, name: 'unreachable' } },
  { code: 'resource-limit', type: 'wait', condition: 'resource-constraint' },
  { code: 'resource-limit', type: 'wait', condition: 'policy-violation', app: { ns: PUBSUB, name: 'too-many-subscriptions' }, refines: true },

  { code: 'bad-request', type: 'modify', condition: 'bad-request' },
  { code: 'bad-request', type: 'modify', condition: 'bad-request', app: { ns: PUBSUB, name: 'invalid-jid' }, refines: true },
  { code: 'bad-request', type: 'modify', condition: 'bad-request', app: { ns: PUBSUB, name: 'nodeid-required' }, refines: true },
  { code: 'bad-request', type: 'modify', condition: 'bad-request', app: { ns: PUBSUB, name: 'item-required' }, refines: true },
  { code: 'bad-request', type: 'modify', condition: 'bad-request', app: { ns: PUBSUB, name: 'payload-required' }, refines: true },
  { code: 'bad-request', type: 'modify', condition: 'bad-request', app: { ns: PUBSUB, name: 'invalid-payload' }, refines: true },
  { code: 'malformed', type: 'modify', condition: 'bad-request', only: 'out' },
  { code: 'xml-restricted', type: 'modify', condition: 'bad-request', only: 'out' },
  { code: 'protocol-violation', type: 'modify', condition: 'bad-request', only: 'out' },
  { code: 'too-large', type: 'modify', condition: 'policy-violation', app: { ns: XPMN, name: 'too-large' } },
  { code: 'too-large', type: 'modify', condition: 'not-acceptable', app: { ns: PUBSUB, name: 'payload-too-big' }, refines: true },
  { code: 'flow-control', type: 'modify', condition: 'policy-violation', only: 'out' },
  { code: 'out-of-order', type: 'wait', condition: 'unexpected-request', app: { ns: JINGLE, name: 'out-of-order' } },
  { code: 'origin-broken', type: 'cancel', condition: 'internal-server-error', app: { ns: XPMN, name: 'origin-broken' } },
  { code: 'truncated', type: 'cancel', condition: 'internal-server-error', app: { ns: XPMN, name: 'truncated' } },
  { code: 'internal', type: 'cancel', condition: 'internal-server-error' },

  { code: 'not-found', type: 'cancel', condition: 'item-not-found' },
  { code: 'not-found', type: 'cancel', condition: 'item-not-found', app: { ns: JINGLE, name: 'unknown-session' }, refines: true },
  { code: 'not-allowed', type: 'auth', condition: 'forbidden' },
  { code: 'not-trusted', type: 'auth', condition: 'forbidden', only: 'out' },
  { code: 'security-failed', type: 'auth', condition: 'forbidden', only: 'out' },
  { code: 'not-supported', type: 'cancel', condition: 'feature-not-implemented' },
  { code: 'not-supported', type: 'modify', condition: 'feature-not-implemented', app: { ns: JINGLE, name: 'unsupported-info' }, refines: true },
  { code: 'not-supported', type: 'cancel', condition: 'feature-not-implemented', app: { ns: PUBSUB, name: 'unsupported', details: ['feature'] }, refines: true },
  { code: 'not-acceptable', type: 'modify', condition: 'not-acceptable' },
  { code: 'unsupported-type', type: 'modify', condition: 'not-acceptable', app: { ns: PLAYER, name: 'unsupported-type' } },
  { code: 'not-seekable', type: 'modify', condition: 'not-acceptable', app: { ns: PLAYER, name: 'not-seekable' } },
  { code: 'not-pausable', type: 'modify', condition: 'not-acceptable', app: { ns: PLAYER, name: 'not-pausable' } },
  { code: 'range-not-satisfiable', type: 'modify', condition: 'not-acceptable', app: { ns: NS.mediaServer, name: 'range-not-satisfiable', details: ['size'] } },
  { code: 'security-required', type: 'cancel', condition: 'not-acceptable', app: { ns: JINGLE, name: 'security-required' } },
  { code: 'not-authorized', type: 'auth', condition: 'not-authorized' },
  { code: 'conflict', type: 'cancel', condition: 'conflict' },
  { code: 'tie-break', type: 'cancel', condition: 'conflict', app: { ns: JINGLE, name: 'tie-break' } },
  { code: 'entity-changed', type: 'modify', condition: 'conflict', app: { ns: NS.mediaServer, name: 'changed', details: ['etag'] } },
  { code: 'unexpected-request', type: 'wait', condition: 'unexpected-request' },
  { code: 'unexpected-request', type: 'cancel', condition: 'unexpected-request', app: { ns: PUBSUB, name: 'not-subscribed' }, refines: true },

  { code: 'not-supported', type: 'cancel', condition: 'service-unavailable', only: 'in' },
  { code: 'not-allowed', type: 'cancel', condition: 'not-allowed', only: 'in' },
  { code: 'not-allowed', type: 'modify', condition: 'policy-violation', only: 'in' },
  { code: 'not-authorized', type: 'auth', condition: 'registration-required', only: 'in' },
  { code: 'not-authorized', type: 'auth', condition: 'subscription-required', only: 'in' },
  { code: 'bad-request', type: 'modify', condition: 'jid-malformed', only: 'in' },
  { code: 'not-found', type: 'cancel', condition: 'gone', only: 'in' },
  { code: 'not-found', type: 'modify', condition: 'redirect', only: 'in' },
];

/** What a condition that is not in the table means, by its type (RFC 6120 §8.3.2). */
const BY_TYPE: ReadonlyMap<string | undefined, ErrorCode> = new Map([
  ['auth', 'not-authorized'], ['cancel', 'not-acceptable'], ['modify', 'bad-request'], ['wait', 'peer-unavailable'], ['continue', 'not-supported'],
]);

const INTERNAL = STANZA_ERRORS.find((row) => row.code === 'internal') as Row;
const MAX_TEXT = 300;
const MAX_CONDITION = 40;
const MAX_ETAG = 256;
const MAX_FEATURE = 64;

/** `<error/>` of any failure. */
export function errorElement(failure: unknown): XmlElement {
  const error = asXpmnError(failure);
  const row = rowFor(error);
  const { app } = row;
  const attrs: Record<string, string> = {};
  for (const name of app?.details ?? []) {
    const value = error.details[name];
    if (value !== undefined) attrs[name] = String(value);
  }
  return xml('error', NS.client, { type: row.type }, xml(row.condition, NS_STANZAS), textElement(error, row), app && xml(app.name, app.ns, attrs));
}

/** `<service-unavailable/>`: nobody here handles that payload (RFC 6120 §8.4). */
export function unhandledElement(): XmlElement {
  return xml('error', NS.client, { type: 'cancel' }, xml('service-unavailable', NS_STANZAS));
}

function rowFor(error: XpmnError): Row {
  const condition = error.details['condition'];
  const rows = STANZA_ERRORS.filter((row) => row.code === error.code && row.only !== 'in');
  return rows.find((row) => row.refines && row.app?.name === condition) ?? rows.find((row) => !row.refines) ?? INTERNAL;
}

/**
 * SECURITY: only our own refusals explain themselves. A message that came from elsewhere (it has a cause, or another peer's words in it),
 * or that speaks of what lies behind us, may name addresses and paths.
 */
function textElement(error: XpmnError, row: Row): XmlElement | undefined {
  if (row === INTERNAL || error.family !== 'refused' || error.cause !== undefined || error.details['said'] !== undefined || error.message === '') return undefined;
  return xml('text', NS_STANZAS, { 'xml:lang': 'en' }, error.message.slice(0, MAX_TEXT));
}

/**
 * The error that `stanza` (of type error) carries; `details.said` is the reason in the peer's words, empty where it gave none. `unavailable` is what service-unavailable means: on the way through a
 * server to a device, that the device is not there (RFC 6121 §8.5.3.2.3); else, that it does not know the payload.
 */
export function errorFromStanza(stanza: XmlElement, { unavailable = 'not-supported' }: { readonly unavailable?: ErrorCode } = {}): XpmnError {
  const error = child(stanza, 'error', stanza.ns);
  if (!error) return new XpmnError('malformed', 'The peer sent an error without saying which.');
  const parts = elements(error);
  const conditions = parts.filter((part) => part.ns === NS_STANZAS && part.name !== 'text');
  const row = readApp(parts) ?? readCondition(conditions);
  const text = parts.find((part) => part.ns === NS_STANZAS && part.name === 'text');
  const said = text ? plainText(text) : '';
  const condition = conditions[0]?.name ?? 'undefined-condition';
  const code = condition === 'service-unavailable' ? unavailable : (row?.code ?? BY_TYPE.get(error.attrs['type']) ?? 'protocol-violation');
  return new XpmnError(code, `The peer answered ${condition.slice(0, MAX_CONDITION)}${said === '' ? '.' : `: ${said}`}`, { details: { said, ...(row ? readDetails(row, parts) : {}) } });
}

function readApp(parts: readonly XmlElement[]): Row | undefined {
  return STANZA_ERRORS.find(({ app, only }) => app && only !== 'out' && parts.some((part) => part.ns === app.ns && part.name === app.name));
}

function readCondition(conditions: readonly XmlElement[]): Row | undefined {
  return STANZA_ERRORS.find((row) => !row.app && row.only !== 'out' && conditions.some((part) => part.name === row.condition));
}

function readDetails(row: Row, parts: readonly XmlElement[]): Record<string, string | number> {
  const { app, refines } = row;
  if (!app) return {};
  const found = parts.find((part) => part.ns === app.ns && part.name === app.name);
  const details: Record<string, string | number> = refines ? { condition: app.name } : {};
  for (const name of app.details ?? []) {
    const value = found?.attrs[name];
    if (name === 'size' && value !== undefined && /^\d{1,15}$/.test(value)) details[name] = Number(value);
    if (name === 'etag' && value !== undefined && value.length <= MAX_ETAG) details[name] = value;
    if (name === 'feature' && value !== undefined && value.length <= MAX_FEATURE) details[name] = value;
  }
  return details;
}

/** SECURITY: the text is the peer's: one line, without control characters, so that it can't play with a terminal. */
function plainText(text: XmlElement): string {
  return textOf(text).replace(/[\p{C}\p{Z}]+/gu, ' ').trim().slice(0, MAX_TEXT);
}
