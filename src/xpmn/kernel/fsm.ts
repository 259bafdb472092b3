/**
 * A table of transitions: `table[state][event]` is the next state, or missing where the event is illegal. Machines are
 * data: they can be printed, drawn and tested cell by cell. Effects are the caller's business.
 */
export type TransitionTable<S extends string, E extends string> = { readonly [state in S]: { readonly [event in E]?: S } };

/** The next state, or undefined where the table has no such cell. The caller decides what an illegal event means. */
export function nextState<S extends string, E extends string>(table: TransitionTable<S, E>, state: S, event: E): S | undefined {
  return table[state][event];
}
