import assert from 'node:assert/strict';
import { ERROR_CODES, XpmnError, isErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { REASONS, errorOf, reasonOf } from '../../../src/xpmn/jingle/reasons.ts';

describe('jingle reasons', () => {
  for (const [code, reason] of [
    ['security-failed', 'security-error'], ['not-trusted', 'security-error'], ['security-required', 'security-error'], ['truncated', 'security-error'],
    ['flow-control', 'failed-application'], ['xml-restricted', 'failed-application'], ['too-large', 'failed-application'], ['malformed', 'failed-application'],
    ['transport-failed', 'failed-transport'], ['out-of-order', 'failed-transport'],
    ['connection-lost', 'connectivity-error'], ['timeout', 'timeout'], ['aborted', 'cancel'], ['internal', 'general-error'],
  ] as const) {
    it(`gives ${reason} for ${code}`, () => assert.equal(reasonOf(new XpmnError(code, 'x')), reason));
  }

  it('has a reason for every code, and a code for every reason', () => {
    for (const code of Object.keys(ERROR_CODES)) if (isErrorCode(code)) assert.ok(REASONS.includes(reasonOf(new XpmnError(code, 'x'))));
    for (const reason of REASONS) assert.equal(errorOf(reason).details.reason, reason);
  });

  it('lets an error carry its own reason, if that is one', () => {
    assert.equal(reasonOf(new XpmnError('not-supported', 'x', { details: { reason: 'unsupported-transports' } })), 'unsupported-transports');
    assert.equal(reasonOf(new XpmnError('not-supported', 'x', { details: { reason: 'boredom' } })), 'incompatible-parameters');
  });
});
