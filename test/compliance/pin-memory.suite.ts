import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FakePin } from '../fakes/fake-pin.ts';
import { PIN, WRONG_PIN, play } from '../support/pin-play.ts';
import type { PinSetup, Play } from '../support/pin-play.ts';
import { settle } from '../support/fake-clock.ts';

const RUNS = 300;
/** Runs until code is compiled and caches are filled. */
const WARM_UP = 60;
const MIB = 1024 * 1024;

/** A run leaves nothing behind, however it ended. */
export function describePinMemory(name: string, setup: PinSetup): void {
  describe(`memory of security by PIN: ${name}`, () => {
    it(`is after ${RUNS} runs, good and bad, what it was after ${WARM_UP}`, async function () {
      this.timeout(240_000);
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      const used = async (): Promise<number> => {
        await settle();
        collect();
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      let before = 0;
      for (let count = 0; count < RUNS; count += 1) {
        if (count === WARM_UP) before = await used();
        await play(setup, kinds(count));
      }
      const grown = (await used()) - before;
      assert.ok(grown < 2 * MIB, `${Math.round(grown / 1024)} KiB more`);
    });
  });
}

/** Every third runs to its end; the others are cut at some step. */
function kinds(count: number): Play {
  if (count % 3 !== 0) {
    let left = count % 11;
    return { tap: (_direction, chunk) => ((left -= 1) < 0 ? 'cut' : chunk) };
  }
  const closed = new FakePin(PIN);
  closed.isClosed = true;
  const ends: readonly Play[] = [{}, { initiator: new FakePin(WRONG_PIN) }, { responder: closed }];
  return ends[(count / 3) % ends.length] as Play;
}
