import { XpmnError } from '../kernel/errors.ts';
import { nextState } from '../kernel/fsm.ts';
import type { TransitionTable } from '../kernel/fsm.ts';
import type { Role } from '../ports/transport.ts';
import { securityRequired } from '../xmpp/allow-list.ts';

/**
 * A serverless stream before TLS, as a table. Whoever opened the connection is the initiator, and the TLS client; the
 * responder offers, and decides. Every state but `ended` goes to `ended` when either side gives up.
 *
 *   initiator                                     responder
 *
 *   opening     (its header is out)               opening
 *      │ their:header                                │ their:header
 *   greeted                                       greeted
 *      │ their:features                              │ our:features
 *   choosing                                      offering
 *      │ our:starttls                                │ their:starttls
 *   asking                                        deciding
 *      ├ their:failure ──► ended                     ├ our:failure ──► ended
 *      │ their:proceed                               │ our:proceed
 *   securing                                      securing
 *      │ secured                                     │ secured
 *   secured                                       secured
 *
 * Until then nobody knows who the other is, and nothing else is said but what a device is (disco#info), between the
 * header and the decision. There is no way to `secured` but through `securing`.
 *
 * @spec RFC 6120 §5.4
 * @spec XEP-0174 v2.0.1 §6, §10
 */
export const STATES = ['opening', 'greeted', 'choosing', 'asking', 'offering', 'deciding', 'securing', 'secured', 'ended'] as const;
export type State = (typeof STATES)[number];

/** What comes from the peer. `query` is a disco#info request, `stanza` any other; `end` is a stream error, or the footer. */
export const THEIRS = ['header', 'features', 'starttls', 'proceed', 'failure', 'query', 'stanza', 'end'] as const;
export type Theirs = (typeof THEIRS)[number];

export const OURS = ['our:features', 'our:starttls', 'our:proceed', 'our:failure', 'our:end', 'secured'] as const;
export type Ours = (typeof OURS)[number];

type Event = Ours | `their:${Theirs}`;
type Row = Partial<Record<Event, State>>;

/** What is always possible before TLS: to end. */
function alive(more: Row): Row {
  return { 'their:end': 'ended', 'our:end': 'ended', ...more };
}

/** In TLS there is no cleartext to be heard. */
const SECURING: Row = { 'our:end': 'ended', 'secured': 'secured' };

export const TABLES: Readonly<Record<Role, TransitionTable<State, Event>>> = {
  initiator: {
    opening: alive({ 'their:header': 'greeted' }),
    greeted: alive({ 'their:features': 'choosing', 'their:query': 'greeted' }),
    choosing: alive({ 'our:starttls': 'asking' }),
    asking: alive({ 'their:proceed': 'securing', 'their:failure': 'ended', 'their:query': 'asking' }),
    offering: {},
    deciding: {},
    securing: SECURING,
    secured: {},
    ended: {},
  },
  responder: {
    opening: alive({ 'their:header': 'greeted' }),
    greeted: alive({ 'our:features': 'offering' }),
    choosing: {},
    asking: {},
    offering: alive({ 'their:starttls': 'deciding', 'their:query': 'offering' }),
    deciding: alive({ 'our:proceed': 'securing', 'our:failure': 'ended' }),
    securing: SECURING,
    secured: {},
    ended: {},
  },
};

/** The state after an event of ours. @throws XpmnError `internal`: only a bug asks for what is not listed */
export function afterOurs(role: Role, state: State, event: Ours): State {
  const next = nextState(TABLES[role], state, event);
  if (!next) throw new XpmnError('internal', `No ${event} in state ${state} of the ${role}.`);
  return next;
}

/** The state after what the peer said. @throws XpmnError `security-required` for a stanza; `out-of-order` */
export function afterTheirs(role: Role, state: State, said: Theirs): State {
  const next = nextState(TABLES[role], state, `their:${said}`);
  if (next) return next;
  throw said === 'stanza' || said === 'query' ? securityRequired() : new XpmnError('out-of-order', `The peer sent ${said} where it has no place.`);
}
