import assert from 'node:assert/strict';
import { join } from '../../../src/app/join-call.ts';
import type { Call } from '../../../src/app/join-call.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const deps = { storage: new MemoryStorage(), config: settings, log: silentLogger, clock: systemClock, random: systemRandom };
const host = parseJid('net-abcdefgh@xpmn.local/nas-aaaa');

describe('a call to join that fails', () => {
  const failing = (code: 'security-failed' | 'transport-failed', isSpent: boolean, pin: string | null = '418220'): Promise<unknown> => {
    const call: Call = (_, { proof }) => {
      if (isSpent && proof.kind === 'pin') proof.spent?.();
      return Promise.reject(new XpmnError(code, 'It went wrong.'));
    };
    return join(deps, { call, host, pin: pin ?? undefined, name: 'Laptop', replace: false }, new AbortController().signal);
  };

  it('does not speak of a wrong PIN where none was tried', async () => {
    await assert.rejects(failing('security-failed', false), { code: 'peer-unavailable', message: /did not come to the PIN.*good for another try.*`xpmn pair start`/ });
    await assert.rejects(failing('security-failed', true), { code: 'security-failed' });
    await assert.rejects(failing('security-failed', false, null), { code: 'security-failed' });
    await assert.rejects(failing('transport-failed', false), { code: 'transport-failed' });
  });
});
