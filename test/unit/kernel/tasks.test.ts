import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { SerialQueue, TaskGroup, abortReason, abortable, atATime, deferred, sleep, throwIfAborted, withDeadline } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const reason = new XpmnError('not-running', 'Test.');

describe('abort reasons', () => {
  it('are thrown as they are; one that is no error becomes one', () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    assert.throws(() => throwIfAborted(AbortSignal.abort(reason)), reason);
    assert.equal((abortReason(AbortSignal.abort('text')) as XpmnError).code, 'aborted');
  });
});

describe('a deadline', () => {
  it('gives the result and leaves no timer', async () => {
    const clock = new FakeClock();
    assert.equal(await withDeadline({ clock, delay: 10, what: 'It' }, async (signal) => (assert.ok(!signal.aborted), 7)), 7);
    assert.equal(clock.pending, 0);
  });

  it('passes on a failure, also one that is thrown at once', async () => {
    const clock = new FakeClock();
    await assert.rejects(withDeadline({ clock, delay: 10, what: 'It' }, async () => { throw reason; }), reason);
    await assert.rejects(withDeadline({ clock, delay: 10, what: 'It' }, () => { throw reason; }), reason);
    assert.equal(clock.pending, 0);
  });

  it('ends work that hears the signal, and work that does not', async () => {
    for (const hears of [true, false]) {
      const clock = new FakeClock();
      const seen: unknown[] = [];
      const done = assert.rejects(withDeadline({ clock, delay: 10, what: 'The work' }, (signal) => new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          seen.push(signal.reason);
          if (hears) reject(signal.reason as Error);
        });
      })), { code: 'timeout', message: 'The work took longer than 0.01 s.' });
      await clock.advance(9);
      assert.equal(seen.length, 0);
      await clock.advance(1);
      await done;
      assert.equal((seen[0] as XpmnError).code, 'timeout');
    }
  });

  it('ends with the signal: before it began, nothing is done', async () => {
    const clock = new FakeClock();
    await assert.rejects(withDeadline({ clock, signal: AbortSignal.abort(reason), delay: 10, what: 'It' }, () => assert.fail('was done')), reason);
    const controller = new AbortController();
    const done = assert.rejects(withDeadline({ clock, signal: controller.signal, delay: 10, what: 'It' }, () => new Promise(() => undefined)), reason);
    controller.abort(reason);
    await done;
    assert.equal(clock.pending, 0);
  });
});

describe('waiting', () => {
  it('sleeps by the clock', async () => {
    const clock = new FakeClock();
    let awake = false;
    void sleep(clock, 5).then(() => (awake = true));
    await clock.advance(4);
    assert.equal(awake, false);
    await clock.advance(1);
    assert.equal(awake, true);
  });

  it('is woken by the signal, and leaves no timer', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = assert.rejects(sleep(clock, 5, controller.signal), reason);
    controller.abort(reason);
    await sleeping;
    assert.equal(clock.pending, 0);
    await assert.rejects(sleep(clock, 5, controller.signal), reason);
  });

  it('for a promise ends with the signal, and no rejection is left alone', async () => {
    const failing = deferred();
    await assert.rejects(abortable(failing.promise, AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    const waiting = assert.rejects(abortable(failing.promise, controller.signal), reason);
    controller.abort(reason);
    await waiting;
    failing.reject(new Error('late'));
    assert.equal(await abortable(Promise.resolve(1), undefined), 1);
    assert.equal(await abortable(Promise.resolve(2), new AbortController().signal), 2);
    await assert.rejects(abortable(failing.promise, new AbortController().signal), { message: 'late' });
    await settle();
  });

  it('has both ends of a deferred in hand', async () => {
    const good = deferred<number>();
    good.resolve(3);
    assert.equal(await good.promise, 3);
    const bad = deferred();
    bad.reject(reason);
    await settle();
    await assert.rejects(bad.promise, reason);
  });
});

describe('work for each item', () => {
  it('is done for so many at a time, and given in their order', async () => {
    const begun: string[] = [];
    const waiting = new Map<string, (value: string) => void>();
    const done = atATime(2, ['a', 'b', 'c', 'd'], (item) => {
      begun.push(item);
      return new Promise<string>((resolve) => waiting.set(item, resolve));
    });
    await settle();
    assert.deepEqual(begun, ['a', 'b']);
    for (const item of ['b', 'c', 'd', 'a']) {
      waiting.get(item)?.(item.toUpperCase());
      await settle();
    }
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    assert.deepEqual(await done, ['A', 'B', 'C', 'D']);
    assert.deepEqual(await atATime(2, [], () => assert.fail('There is nothing to do.')), []);
  });

  it('ends with the first failure, and begins nothing more', async () => {
    const begun: number[] = [];
    const failing = deferred<number>();
    const done = atATime(2, [1, 2, 3, 4], (item) => (begun.push(item), item === 2 ? failing.promise : new Promise<number>(() => undefined)));
    failing.reject(new Error('no'));
    await assert.rejects(done, { message: 'no' });
    await settle();
    assert.deepEqual(begun, [1, 2]);
  });
});

describe('a serial queue', () => {
  it('runs one job at a time, in order, failures too', async () => {
    const queue = new SerialQueue();
    const gate = deferred();
    const seen: string[] = [];
    const first = queue.run(async () => {
      seen.push('first begins');
      await gate.promise;
      seen.push('first ends');
      throw reason;
    });
    const second = queue.run(() => (seen.push('second'), 2));
    let idle = false;
    const idling = queue.idle().then(() => (idle = true));
    await settle();
    assert.deepEqual([seen, idle], [['first begins'], false]);
    gate.resolve();
    await assert.rejects(first, reason);
    assert.equal(await second, 2);
    await idling;
    assert.deepEqual(seen, ['first begins', 'first ends', 'second']);
  });
});

describe('a task group', () => {
  it('waits at its end for all it began, and aborts it', async () => {
    const errors: unknown[] = [];
    const group = new TaskGroup((error) => errors.push(error));
    const gate = deferred();
    let ended = false;
    group.run(async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await gate.promise;
      ended = true;
      throw new Error('after the end is no failure');
    });
    let closed = false;
    const closing = group.close().then(() => (closed = true));
    await settle();
    assert.deepEqual([ended, closed], [false, false]);
    gate.resolve();
    await closing;
    assert.deepEqual([ended, errors], [true, []]);
    assert.equal((group.signal.reason as XpmnError).code, 'aborted');
  });

  it('tells of failures, and begins nothing after its end', async () => {
    const errors: unknown[] = [];
    const group = new TaskGroup((error) => errors.push(error));
    group.run(async () => { throw reason; });
    group.run(() => { throw reason; });
    await settle();
    assert.deepEqual(errors, [reason, reason]);
    await group.close();
    group.run(() => assert.fail('was begun'));
    await group.close();
  });
});
