import assert from 'node:assert/strict';
import { StaggeredRace } from '../../../../src/xpmn/jingle/transports/staggered-race.ts';
import { deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';

function rig(items: readonly string[]) {
  const clock = new FakeClock();
  const attempts = new Map<string, Deferred<string> & { signal: AbortSignal }>();
  const discarded: string[] = [];
  const race = new StaggeredRace<string, string>({
    clock,
    attempt: (item, signal) => {
      const attempt = { ...deferred<string>(), signal };
      signal.addEventListener('abort', () => attempt.reject(signal.reason as Error), { once: true });
      attempts.set(item, attempt);
      return attempt.promise;
    },
    discard: (result) => discarded.push(result),
  }, items, { stagger: 200 });
  return { clock, attempts, discarded, race, tried: () => [...attempts.keys()] };
}

const never = new AbortController().signal;

describe('staggered race', () => {
  it('starts one after another, and stops at the first success', async () => {
    const { clock, attempts, race, tried } = rig(['a', 'b', 'c']);
    const running = race.run(never);
    assert.deepEqual(tried(), ['a']);
    await clock.advance(199);
    assert.deepEqual(tried(), ['a']);
    await clock.advance(1);
    assert.deepEqual(tried(), ['a', 'b']);
    attempts.get('b')?.resolve('B');
    assert.deepEqual(await running, { item: 'b', result: 'B' });
    await clock.advance(1000);
    assert.deepEqual([tried(), attempts.get('a')?.signal.aborted, clock.pending], [['a', 'b'], true, 0]);
  });

  it('goes on at once after a failure, and says so when all have failed', async () => {
    const { clock, attempts, race, tried } = rig(['a', 'b']);
    const running = race.run(never);
    attempts.get('a')?.reject(new Error('no'));
    await settle(1);
    assert.deepEqual(tried(), ['a', 'b']);
    attempts.get('b')?.reject(new Error('no'));
    assert.equal(await running, undefined);
    assert.equal(clock.pending, 0);
  });

  it('has no result without items', async () => {
    assert.equal(await rig([]).race.run(never), undefined);
  });

  it('discards a success that comes too late', async () => {
    const { clock, attempts, discarded } = await (async () => {
      const made = rig(['a', 'b']);
      const late = deferred<string>();
      const race = new StaggeredRace<string, string>({
        clock: made.clock, attempt: (item) => (item === 'a' ? late.promise : Promise.resolve('B')), discard: (result) => made.discarded.push(result),
      }, ['a', 'b'], { stagger: 200 });
      const running = race.run(never);
      await made.clock.advance(200);
      assert.deepEqual(await running, { item: 'b', result: 'B' });
      late.resolve('A');
      await settle(1);
      return made;
    })();
    assert.deepEqual([discarded, attempts.size, clock.pending], [['A'], 0, 0]);
  });

  it('gives up what is not wanted any more', async () => {
    const { attempts, race } = rig(['a', 'b']);
    const running = race.run(never);
    race.keep((item) => item === 'x');
    assert.equal(attempts.get('a')?.signal.aborted, true);
    assert.equal(await running, undefined);
  });

  it('takes items that come later', async () => {
    const { clock, attempts, race, tried } = rig(['a']);
    const running = race.run(never);
    await clock.advance(500);
    race.revise((waiting) => [...waiting, 'late']);
    assert.deepEqual(tried(), ['a', 'late']);
    attempts.get('late')?.resolve('L');
    assert.deepEqual(await running, { item: 'late', result: 'L' });
  });

  it('rejects with the reason when aborted, and ends all attempts', async () => {
    const { clock, attempts, race } = rig(['a', 'b']);
    const abort = new AbortController();
    const running = race.run(abort.signal);
    const reason = new Error('stop');
    abort.abort(reason);
    await assert.rejects(running, reason);
    assert.deepEqual([attempts.get('a')?.signal.aborted, clock.pending], [true, 0]);
  });
});
