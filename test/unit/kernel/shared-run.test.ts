import assert from 'node:assert/strict';
import { SharedRun } from '../../../src/xpmn/kernel/shared-run.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { settle } from '../../support/fake-clock.ts';

describe('work that many ask for', () => {
  let runs: ReturnType<typeof deferred>[];
  let owner: AbortController;
  let run: SharedRun;
  beforeEach(() => {
    runs = [];
    owner = new AbortController();
    run = new SharedRun((signal) => {
      const one = deferred();
      runs.push(one);
      signal.addEventListener('abort', () => one.reject(signal.reason as Error));
      return one.promise;
    }, owner.signal);
  });

  it('is done once for who asks before it begins, and once more for who asks while it is done', async () => {
    const first = [run.ask(), run.ask()];
    await settle();
    const later = [run.ask(), run.ask()];
    assert.equal(runs.length, 1);
    runs[0]?.resolve(undefined);
    await Promise.all(first);
    await settle();
    assert.equal(runs.length, 2);
    runs[1]?.resolve(undefined);
    await Promise.all(later);
  });

  it('goes on for the others when one stops waiting', async () => {
    const caller = new AbortController();
    const first = run.ask(caller.signal);
    const second = run.ask();
    caller.abort(new Error('no more'));
    await assert.rejects(first, { message: 'no more' });
    await settle();
    runs[0]?.resolve(undefined);
    await second;
  });

  it('tells a failure to all, and works again after it', async () => {
    const both = [run.ask(), run.ask()];
    await settle();
    runs[0]?.reject(new Error('failed'));
    for (const one of both) await assert.rejects(one, { message: 'failed' });
    const next = run.ask();
    await settle();
    runs[1]?.resolve(undefined);
    await next;
  });

  it('ends with its owner', async () => {
    const asked = run.ask();
    await settle();
    owner.abort(new Error('the end'));
    await assert.rejects(asked, { message: 'the end' });
  });
});
