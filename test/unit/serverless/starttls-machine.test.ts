import assert from 'node:assert/strict';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { Role } from '../../../src/xpmn/ports/transport.ts';
import { OURS, STATES, THEIRS, afterOurs, afterTheirs } from '../../../src/xpmn/serverless/starttls-machine.ts';
import type { Ours, State, Theirs } from '../../../src/xpmn/serverless/starttls-machine.ts';

type Rule = readonly [from: string, to: State | 'same'];

const INITIATOR = 'opening greeted choosing asking';
const RESPONDER = 'opening greeted offering deciding';

/** The same table, read by event instead of by state; whatever is not here is illegal. */
const EXPECTED: Readonly<Record<Role, Readonly<Partial<Record<Ours | Theirs, Rule>>>>> = {
  initiator: {
    'header': ['opening', 'greeted'],
    'features': ['greeted', 'choosing'],
    'our:starttls': ['choosing', 'asking'],
    'proceed': ['asking', 'securing'],
    'failure': ['asking', 'ended'],
    'query': ['greeted asking', 'same'],
    'end': [INITIATOR, 'ended'],
    'our:end': [`${INITIATOR} securing`, 'ended'],
    'secured': ['securing', 'secured'],
  },
  responder: {
    'header': ['opening', 'greeted'],
    'our:features': ['greeted', 'offering'],
    'starttls': ['offering', 'deciding'],
    'our:proceed': ['deciding', 'securing'],
    'our:failure': ['deciding', 'ended'],
    'query': ['offering', 'same'],
    'end': [RESPONDER, 'ended'],
    'our:end': [`${RESPONDER} securing`, 'ended'],
    'secured': ['securing', 'secured'],
  },
};

function expected(role: Role, state: State, event: Ours | Theirs): State | undefined {
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

describe('starttls machine', () => {
  for (const role of ['initiator', 'responder'] as const) {
    for (const state of STATES) {
      it(`${role}, ${state}: everything the peer can say`, () => {
        for (const said of THEIRS) {
          const next = expected(role, state, said);
          const refusal = said === 'stanza' || said === 'query' ? 'security-required' : 'out-of-order';
          if (next) assert.equal(afterTheirs(role, state, said), next, said);
          else assert.equal(codeOf(() => afterTheirs(role, state, said)), refusal, said);
        }
      });

      it(`${role}, ${state}: every event of ours`, () => {
        for (const event of OURS) {
          const next = expected(role, state, event);
          if (next) assert.equal(afterOurs(role, state, event), next, event);
          else assert.equal(codeOf(() => afterOurs(role, state, event)), 'internal', event);
        }
      });
    }
  }

  it('has no way to a secured stream but through TLS, and none out of the end', () => {
    for (const role of ['initiator', 'responder'] as const) {
      for (const state of STATES) {
        const next = [...OURS.map((event) => expected(role, state, event)), ...THEIRS.map((said) => expected(role, state, said))];
        if (state !== 'securing') assert.ok(!next.includes('secured'), state);
        if (state === 'ended') assert.ok(next.every((to) => to === undefined));
      }
    }
  });
});
