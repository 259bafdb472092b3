import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { findLocalRoute } from '../../../src/xpmn/kernel/local-route.ts';

const signal = new AbortController().signal;

describe('the way to another machine', () => {
  it('has two ends, as the routes say', async () => {
    assert.deepEqual(await findLocalRoute('127.0.0.2', { signal }), { local: '127.0.0.1', remote: '127.0.0.2' });
    assert.deepEqual(await findLocalRoute('::1', { signal }), { local: '::1', remote: '::1' });
  });

  it('need not be there', async () => {
    await assert.rejects(findLocalRoute('255.255.255.255', { signal }), { code: 'unreachable' });
    await assert.rejects(findLocalRoute('fe80::1%nowhere0', { signal }), { code: 'unreachable' });
  });

  it('is not looked for when nobody waits', async () => {
    const reason = new XpmnError('aborted', 'Enough.');
    await assert.rejects(findLocalRoute('127.0.0.1', { signal: AbortSignal.abort(reason) }), reason);
  });
});
