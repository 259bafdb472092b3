import assert from 'node:assert/strict';
import { nextState } from '../../../src/xpmn/kernel/fsm.ts';
import type { TransitionTable } from '../../../src/xpmn/kernel/fsm.ts';

describe('a transition table', () => {
  type State = 'closed' | 'open' | 'broken';
  type Event = 'push' | 'pull' | 'kick';
  const door: TransitionTable<State, Event> = { closed: { push: 'open', kick: 'broken' }, open: { pull: 'closed', push: 'open' }, broken: {} };
  const expected: Record<State, Record<Event, State | undefined>> = {
    closed: { push: 'open', pull: undefined, kick: 'broken' },
    open: { push: 'open', pull: 'closed', kick: undefined },
    broken: { push: undefined, pull: undefined, kick: undefined },
  };
  for (const [state, row] of Object.entries(expected)) {
    for (const [event, next] of Object.entries(row)) {
      it(`says ${next ?? 'nothing'} for ${event} when ${state}`, () => {
        assert.equal(nextState(door, state as State, event as Event), next);
      });
    }
  }
});
