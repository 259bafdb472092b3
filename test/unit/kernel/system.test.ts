import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';

const LONG = 40 * 86_400_000;
const LONGEST_TIMER = 2 ** 31 - 1;

describe('the clock of the machine', () => {
  let calls: number;

  beforeEach(() => {
    calls = 0;
    mock.timers.enable({ apis: ['setTimeout'] });
  });

  afterEach(() => mock.timers.reset());

  const after = (delay: number): ReturnType<typeof systemClock.after> => systemClock.after(delay, () => (calls += 1));
  const pass = (ms: number): number => {
    mock.timers.tick(ms);
    return calls;
  };

  it('waits as long as it is told, also for longer than a timer can', () => {
    after(LONG);
    assert.deepEqual([pass(1000), pass(LONGEST_TIMER - 1000), pass(LONG - LONGEST_TIMER - 1), pass(1), pass(LONG)], [0, 0, 0, 1, 1]);
  });

  it('waits no more when that is cancelled, however long it has', () => {
    const timer = after(LONG);
    pass(LONGEST_TIMER);
    timer.cancel();
    assert.equal(pass(LONG), 0);
  });

  it('never waits less than no time', () => {
    after(-5);
    assert.equal(pass(1), 1);
  });

  it('sets no timer that the machine can\'t', async () => {
    mock.timers.reset();
    const warned: Error[] = [];
    const onWarning = (warning: Error): void => void warned.push(warning);
    process.on('warning', onWarning);
    const timer = after(LONG);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    timer.cancel();
    assert.deepEqual(warned, []);
  });
});

describe('the randomness of the machine', () => {
  it('gives as many bytes as are wanted, and never the same ones again', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i += 1) {
      const bytes = systemRandom.bytes(16);
      assert.equal(bytes.length, 16);
      seen.add(bytes.toString('hex'));
    }
    assert.equal(seen.size, 2000);
    for (const count of [0, 1, 32, 33, 5000]) assert.equal(systemRandom.bytes(count).length, count);
    for (const wrong of [-1, Number.NaN]) assert.throws(() => systemRandom.bytes(wrong), RangeError);
    assert.equal(systemRandom.bytes(16).length, 16);
  });

  it('gives what is the caller\'s own', () => {
    const mine = systemRandom.bytes(16);
    const before = mine.toString('hex');
    for (let i = 0; i < 1000; i += 1) systemRandom.bytes(16);
    assert.equal(mine.toString('hex'), before);
  });

  it('gives fractions below one, of all sizes', () => {
    const fractions = Array.from({ length: 2000 }, () => systemRandom.fraction());
    assert.ok(fractions.every((one) => one >= 0 && one < 1));
    assert.ok(Math.min(...fractions) < 0.1 && Math.max(...fractions) > 0.9);
  });
});
