import assert from 'node:assert/strict';
import { KeepAlive } from '../../../src/xpmn/kernel/keep-alive.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const OPTIONS = { pingAfter: 60, pingAfterRequest: 10, deadAfter: 20 };

function watched() {
  const clock = new FakeClock();
  const seen = { asked: 0, dead: 0, busy: false };
  const awaited = { count: 0 };
  const alive = new KeepAlive({
    clock, ask: () => (seen.asked += 1), onDead: () => (seen.dead += 1), isBusy: () => seen.busy, isAwaiting: () => awaited.count > 0,
  }, OPTIONS);
  return { clock, seen, alive, awaited };
}

describe('keep-alive', () => {
  it('asks after silence, and gives up after more of it, once', async () => {
    const { clock, seen } = watched();
    await clock.advance(59);
    assert.equal(seen.asked, 0);
    await clock.advance(1);
    assert.deepEqual(seen, { asked: 1, dead: 0, busy: false });
    await clock.advance(20);
    assert.equal(seen.dead, 1);
    await clock.advance(1000);
    assert.deepEqual([seen.asked, seen.dead, clock.pending], [1, 1, 0]);
  });

  it('counts from what was heard last, also in the very moment of the question', async () => {
    const { clock, seen, alive } = watched();
    await clock.advance(30);
    alive.heard();
    await clock.advance(59);
    assert.equal(seen.asked, 0);
    await clock.advance(1);
    alive.heard();
    await clock.advance(20 + 39);
    assert.deepEqual([seen.asked, seen.dead], [1, 0]);
    await clock.advance(1);
    assert.equal(seen.asked, 2);
  });

  it('asks at once when there is a doubt, and not twice', async () => {
    const { clock, seen, alive } = watched();
    alive.heard();
    alive.doubt();
    assert.deepEqual([seen.asked, alive.isDoubted], [1, true]);
    alive.doubt();
    assert.equal(seen.asked, 1);
    alive.heard();
    assert.equal(alive.isDoubted, false);
    await clock.advance(20);
    assert.equal(seen.dead, 0);
    alive.doubt();
    await clock.advance(20);
    assert.deepEqual([seen.asked, seen.dead, clock.pending], [2, 1, 0]);
    alive.doubt();
    assert.equal(seen.asked, 2, 'the dead are not asked');
  });

  it('waits for less while an answer is awaited, from the question or what was heard since', async () => {
    const { clock, seen, alive, awaited } = watched();
    await clock.advance(30);
    awaited.count = 1;
    alive.asked();
    await clock.advance(9);
    alive.heard();
    alive.asked();
    await clock.advance(9);
    assert.equal(seen.asked, 0);
    await clock.advance(1);
    assert.equal(seen.asked, 1);
    alive.asked();
    await clock.advance(20);
    assert.deepEqual([seen.asked, seen.dead, clock.pending], [1, 1, 0]);
    alive.asked();
    assert.equal(clock.pending, 0, 'the dead are not waited for');
  });

  it('waits as long as ever once the answer has come', async () => {
    const { clock, seen, alive, awaited } = watched();
    awaited.count = 1;
    alive.asked();
    await clock.advance(5);
    alive.heard();
    awaited.count = 0;
    await clock.advance(59);
    assert.equal(seen.asked, 0);
    await clock.advance(1);
    assert.equal(seen.asked, 1);
  });

  it('takes no silence of its own for one of the other end', async () => {
    const { clock, seen } = watched();
    seen.busy = true;
    await clock.advance(1000);
    assert.deepEqual([seen.asked, seen.dead], [0, 0]);
    seen.busy = false;
    await clock.advance(20);
    assert.equal(seen.asked, 1);
    seen.busy = true;
    await clock.advance(20);
    assert.equal(seen.dead, 0);
  });

  it('says nothing once it was stopped', async () => {
    const { clock, seen, alive } = watched();
    alive.stop();
    alive.doubt();
    await clock.advance(1000);
    assert.deepEqual([seen.asked, seen.dead, clock.pending], [0, 0, 0]);
  });
});
