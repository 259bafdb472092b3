import type { FakeClock } from './fake-clock.ts';

const FINE = 50;
const COARSE = 1_000;
/** How long small steps are taken: what follows later is minutes away. */
const SOON = 15_000;

/** Lets fake time pass in steps, with whatever else has to happen (`between`) after each, until `condition` holds. */
export function passing(clock: FakeClock, between: () => Promise<void>): (ms: number, condition?: () => boolean) => Promise<boolean> {
  return async (ms, condition = () => false) => {
    await between();
    for (let passed = 0; passed < ms && !condition();) {
      const step = Math.min(passed < SOON ? FINE : COARSE, ms - passed);
      await clock.advance(step);
      await between();
      passed += step;
    }
    return condition();
  };
}
