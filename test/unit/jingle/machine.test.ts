import assert from 'node:assert/strict';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { Role } from '../../../src/xpmn/ports/transport.ts';
import { ACTIONS } from '../../../src/xpmn/jingle/codec.ts';
import { OUR_EVENTS, STATES, afterOurs, afterTheirs } from '../../../src/xpmn/jingle/machine.ts';
import type { SessionEvent, State } from '../../../src/xpmn/jingle/machine.ts';

type Rule = readonly [from: string, to: State | 'same'];
type Rules = Readonly<Partial<Record<SessionEvent, Rule>>>;

const INITIATOR = 'initiating pending negotiating replacing securing opening open';
const RESPONDER = 'preparing accepting negotiating replacing securing opening open';

/** The same table, read by event instead of by state; whatever is not here is illegal. */
const EXPECTED: Readonly<Record<Role, Rules>> = {
  initiator: {
    'their:session-info': [INITIATOR, 'same'],
    'their:session-terminate': [INITIATOR, 'ended'],
    'our:session-terminate': [INITIATOR, 'ended'],
    'their:transport-info': [INITIATOR, 'same'],
    'our:transport-info': ['pending negotiating replacing securing opening open', 'same'],
    'acknowledged': ['initiating', 'pending'],
    'their:session-accept': ['initiating pending', 'negotiating'],
    'our:security-info': ['negotiating', 'same'],
    'our:transport-replace': ['negotiating replacing', 'replacing'],
    'their:transport-accept': ['replacing', 'negotiating'],
    'their:transport-reject': ['replacing', 'negotiating'],
    'connected': ['negotiating', 'securing'],
    'secured': ['securing', 'opening'],
    'opened': ['opening', 'open'],
  },
  responder: {
    'their:session-info': [RESPONDER, 'same'],
    'their:session-terminate': [RESPONDER, 'ended'],
    'our:session-terminate': [RESPONDER, 'ended'],
    'their:transport-info': [RESPONDER, 'same'],
    'our:transport-info': ['accepting negotiating replacing securing opening open', 'same'],
    'our:session-accept': ['preparing', 'accepting'],
    'acknowledged': ['accepting replacing', 'negotiating'],
    'their:security-info': ['accepting negotiating replacing securing opening open', 'same'],
    'their:transport-replace': ['accepting negotiating replacing securing', 'replacing'],
    'our:transport-reject': ['replacing', 'negotiating'],
    'connected': ['negotiating', 'securing'],
    'secured': ['securing', 'opening'],
    'opened': ['opening', 'open'],
  },
};

function expected(role: Role, state: State, event: SessionEvent): State | undefined {
  const rule = EXPECTED[role][event];
  if (!rule?.[0].split(' ').includes(state)) return undefined;
  return rule[1] === 'same' ? state : rule[1];
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as XpmnError).code;
  }
}

describe('session machine', () => {
  for (const role of ['initiator', 'responder'] as const) {
    for (const state of STATES) {
      it(`${role}, ${state}: every action of the peer`, () => {
        for (const action of ACTIONS) {
          const next = expected(role, state, `their:${action}`);
          if (next) assert.equal(afterTheirs(role, state, action), next, action);
          else {
            const tie = role === 'initiator' && action === 'transport-replace' && state !== 'ended';
            assert.equal(codeOf(() => afterTheirs(role, state, action)), tie ? 'tie-break' : 'out-of-order', action);
          }
        }
      });

      it(`${role}, ${state}: every event of ours`, () => {
        for (const event of OUR_EVENTS) {
          const next = expected(role, state, event);
          if (next) assert.equal(afterOurs(role, state, event), next, event);
          else assert.equal(codeOf(() => afterOurs(role, state, event)), 'internal', event);
        }
      });
    }
  }

  it('ends for good', () => {
    for (const role of ['initiator', 'responder'] as const) {
      for (const action of ACTIONS) assert.throws(() => afterTheirs(role, 'ended', action), { code: 'out-of-order' });
    }
  });
});
