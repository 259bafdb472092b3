import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { interruptSignal } from '../../../src/app/interrupts.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('interrupts', () => {
  for (const names of [['SIGINT', 'SIGINT'], ['SIGTERM', 'SIGINT'], ['SIGHUP', 'SIGTERM']] as const) {
    it(`${names[0]} asks the program to end, ${names[1]} after it ends it at once, unless it is the same told twice`, async () => {
      const clock = new FakeClock();
      const exits: number[] = [];
      const target = Object.assign(new EventEmitter(), { exit: (status: number) => exits.push(status) });
      const signal = interruptSignal(target as unknown as NodeJS.Process, clock);
      assert.equal(signal.aborted, false);
      target.emit(names[0]);
      assert.equal((signal.reason as { code: string }).code, 'aborted');
      await clock.advance(400);
      target.emit(names[1]);
      assert.deepEqual(exits, []);
      await clock.advance(200);
      target.emit(names[1]);
      assert.deepEqual(exits, [1]);
    });
  }
});
