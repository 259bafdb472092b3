import { XpmnError } from '../kernel/errors.ts';
import { nextState } from '../kernel/fsm.ts';
import type { TransitionTable } from '../kernel/fsm.ts';
import type { Role } from '../ports/transport.ts';
import type { Action } from './codec.ts';

/**
 * The session as a table. Jingle knows three states; PENDING and ACTIVE are divided by what one content, one transport
 * and one security layer go through. Every state but `ended` goes to `ended` by a session-terminate of either side.
 *
 *   initiator                                          responder
 *
 *   initiating                                                          PENDING
 *      │ acknowledged (session-initiate)               preparing
 *   pending                                               │ our:session-accept
 *      │ their:session-accept                          accepting                            ACTIVE
 *      ▼                                                  │ acknowledged (session-accept)
 *   negotiating ◄───────────────────┐                  negotiating ──► replacing: their:transport-replace, here,
 *      │ our:transport-replace      │                     │            in accepting, in securing, and again
 *   replacing                       │                     │
 *      ├ their:transport-accept ────┤                     │ ◄── acknowledged ──── (of transport-accept;
 *      └ their:transport-reject ────┘                     │     or our:transport-reject)
 *      │ connected                                        │ connected
 *   securing                                           securing
 *      │ secured                                          │ secured
 *   opening                                            opening
 *      │ opened                                           │ opened
 *   open                                               open
 *      └────────────────────────► ended ◄─────────────────┘
 *
 * A responder in `accepting` may hear all that an active one hears: its accept has arrived, the acknowledgement is on
 * its way back. A responder never replaces; if the peer does so as responder, the initiator's `tie-break` is the answer.
 *
 * @spec XEP-0166 v1.1.2 §4.3, §7.2
 */
export const STATES = [
  'initiating', 'pending', 'preparing', 'accepting', 'negotiating', 'replacing', 'securing', 'opening', 'open', 'ended',
] as const;
export type State = (typeof STATES)[number];

/** What the session itself does or finds out. */
export const OUR_EVENTS = [
  'acknowledged', 'connected', 'secured', 'opened',
  'our:session-accept', 'our:session-terminate', 'our:transport-info', 'our:transport-replace', 'our:transport-reject', 'our:security-info',
] as const;
export type OurEvent = (typeof OUR_EVENTS)[number];
export type TheirEvent = `their:${Action}`;
export type SessionEvent = OurEvent | TheirEvent;

type Row = Partial<Record<SessionEvent, State>>;

/** What is always possible: to ping, and to end. */
function alive(state: State, more: Row): Row {
  return { 'their:session-info': state, 'their:session-terminate': 'ended', 'our:session-terminate': 'ended', ...more };
}

export const TABLES: Readonly<Record<Role, TransitionTable<State, SessionEvent>>> = {
  initiator: {
    initiating: alive('initiating', {
      'acknowledged': 'pending',
      // The acknowledgement may still be on its way through our own queues when what followed it is here already.
      'their:session-accept': 'negotiating', 'their:transport-info': 'initiating',
    }),
    pending: alive('pending', { 'their:session-accept': 'negotiating', 'their:transport-info': 'pending', 'our:transport-info': 'pending' }),
    preparing: {},
    accepting: {},
    negotiating: alive('negotiating', {
      'our:security-info': 'negotiating', 'our:transport-info': 'negotiating', 'their:transport-info': 'negotiating',
      'our:transport-replace': 'replacing', 'connected': 'securing',
    }),
    replacing: alive('replacing', {
      'their:transport-info': 'replacing', 'our:transport-info': 'replacing', 'our:transport-replace': 'replacing',
      'their:transport-accept': 'negotiating', 'their:transport-reject': 'negotiating',
    }),
    securing: alive('securing', { 'their:transport-info': 'securing', 'our:transport-info': 'securing', 'secured': 'opening' }),
    opening: alive('opening', { 'their:transport-info': 'opening', 'our:transport-info': 'opening', 'opened': 'open' }),
    open: alive('open', { 'their:transport-info': 'open', 'our:transport-info': 'open' }),
    ended: {},
  },
  responder: {
    initiating: {},
    pending: {},
    preparing: alive('preparing', { 'their:transport-info': 'preparing', 'our:session-accept': 'accepting' }),
    accepting: alive('accepting', {
      'acknowledged': 'negotiating',
      'their:transport-info': 'accepting', 'our:transport-info': 'accepting', 'their:security-info': 'accepting',
      'their:transport-replace': 'replacing',
    }),
    negotiating: alive('negotiating', {
      'their:transport-info': 'negotiating', 'our:transport-info': 'negotiating', 'their:security-info': 'negotiating',
      'their:transport-replace': 'replacing', 'connected': 'securing',
    }),
    replacing: alive('replacing', {
      'their:transport-info': 'replacing', 'our:transport-info': 'replacing', 'their:security-info': 'replacing',
      'their:transport-replace': 'replacing', 'our:transport-reject': 'negotiating', 'acknowledged': 'negotiating',
    }),
    securing: alive('securing', {
      'their:transport-info': 'securing', 'our:transport-info': 'securing', 'their:security-info': 'securing',
      'their:transport-replace': 'replacing', 'secured': 'opening',
    }),
    // Sockets outrun stanzas: the security-info may arrive when TLS is long done.
    opening: alive('opening', {
      'their:transport-info': 'opening', 'our:transport-info': 'opening', 'their:security-info': 'opening', 'opened': 'open',
    }),
    open: alive('open', { 'their:transport-info': 'open', 'our:transport-info': 'open', 'their:security-info': 'open' }),
    ended: {},
  },
};

/** The state after an event of ours. @throws XpmnError `internal`: only a bug asks for what is not listed */
export function afterOurs(role: Role, state: State, event: OurEvent): State {
  const next = nextState(TABLES[role], state, event);
  if (!next) throw new XpmnError('internal', `No ${event} in state ${state} of the ${role}.`);
  return next;
}

/**
 * The state after an action of the peer.
 * @throws XpmnError `out-of-order`; `tie-break` for a transport-replace of the responder
 */
export function afterTheirs(role: Role, state: State, action: Action): State {
  const next = nextState(TABLES[role], state, `their:${action}`);
  if (next) return next;
  if (role === 'initiator' && action === 'transport-replace' && state !== 'ended') {
    throw new XpmnError('tie-break', 'The transport is replaced by the initiator only.');
  }
  throw new XpmnError('out-of-order', `No ${action} now.`);
}
