import assert from 'node:assert/strict';
import { ERROR_CODES, XpmnError, asXpmnError, isErrorCode } from '../../../src/xpmn/kernel/errors.ts';

describe('errors', () => {
  it('belong to one of three families; only what could not be reached is worth another try', () => {
    assert.equal(new XpmnError('timeout', 'x').family, 'unreachable');
    assert.equal(new XpmnError('malformed', 'x').family, 'nonsense');
    assert.equal(new XpmnError('conflict', 'x').family, 'refused');
    for (const [code, family] of Object.entries(ERROR_CODES)) {
      assert.match(code, /^[a-z]+(-[a-z]+)*$/);
      assert.equal(new XpmnError(code as 'internal', 'x').retryable, family === 'unreachable');
    }
  });

  it('keep cause and details', () => {
    const cause = new Error('below');
    const error = new XpmnError('range-not-satisfiable', 'x', { cause, details: { size: 3 } });
    assert.deepEqual([error.cause, error.details, error.name], [cause, { size: 3 }, 'XpmnError']);
    assert.ok(!('cause' in new XpmnError('internal', 'x')));
    assert.deepEqual(new XpmnError('internal', 'x').details, {});
  });

  it('know which texts are codes', () => {
    assert.ok(isErrorCode('timeout'));
    for (const text of ['', 'Timeout', 'constructor', '__proto__']) assert.ok(!isErrorCode(text));
  });

  it('are made of anything that was thrown', () => {
    const own = new XpmnError('conflict', 'x');
    assert.equal(asXpmnError(own, 'timeout'), own);
    const foreign = new Error('disk');
    const wrapped = asXpmnError(foreign, 'storage-failed');
    assert.deepEqual([wrapped.code, wrapped.message, wrapped.cause], ['storage-failed', 'disk', foreign]);
    assert.equal(asXpmnError(foreign, 'storage-failed', 'said').message, 'said');
    assert.deepEqual([asXpmnError('text').code, asXpmnError('text').message], ['internal', 'text']);
    assert.equal(asXpmnError(undefined).message, 'undefined');
  });

  it('see an abort as an abort, whatever code it is to have', () => {
    const { signal } = new AbortController();
    assert.equal(signal.aborted, false);
    assert.equal(asXpmnError(AbortSignal.abort().reason, 'timeout').code, 'aborted');
    assert.equal(asXpmnError(Object.assign(new Error('x'), { code: 'ABORT_ERR' }), 'timeout').code, 'aborted');
  });
});
