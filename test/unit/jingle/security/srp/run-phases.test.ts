import assert from 'node:assert/strict';
import type { XpmnError } from '../../../../../src/xpmn/kernel/errors.ts';
import { afterFrame } from '../../../../../src/xpmn/jingle/security/srp/run-phases.ts';
import type { Phase } from '../../../../../src/xpmn/jingle/security/srp/run-phases.ts';
import type { FrameName } from '../../../../../src/xpmn/jingle/security/srp/control-frames.ts';

const WAY: readonly (readonly [Phase, FrameName])[] = [
  ['starting', 'ready'], ['first flight', 'burn'], ['burning', 'burnt'], ['second flight', 'established'], ['open', 'closed'], ['closed', 'failed'], ['over', 'failed'],
];
const NAMES: readonly FrameName[] = ['start', 'burnt', 'ready', 'burn', 'established', 'closed', 'cut', 'failed'];

describe('the phases of a TLS-SRP run', () => {
  it('follow one way, and everything else is out of order', () => {
    for (const [index, [phase, onward]] of WAY.entries()) {
      for (const name of NAMES) {
        const isEnd = name === 'cut' || name === 'failed';
        const next = isEnd ? 'over' : WAY[index + 1]?.[0];
        if (phase !== 'over' && (name === onward || isEnd)) assert.equal(afterFrame(phase, name), next);
        else assert.throws(() => afterFrame(phase, name), (error: XpmnError) => error.code === 'out-of-order', `${phase} ${name}`);
      }
    }
  });
});
