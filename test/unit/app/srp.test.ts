import assert from 'node:assert/strict';
import { srpIfAvailable } from '../../../src/app/srp.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import type { SecurityMethod } from '../../../src/xpmn/ports/security.ts';
import { settings } from '../../support/settings.ts';
import { RecordedPin, noSrpProcesses } from '../../support/srp-parties.ts';

describe('TLS-SRP on this machine', function () {
  this.timeout(30_000);
  afterEach(noSrpProcesses);

  const look = (changes: Partial<typeof settings.srp> = {}, signal = new AbortController().signal): Promise<SecurityMethod | undefined> =>
    srpIfAvailable({ clock: systemClock, random: systemRandom, log: silentLogger, config: { ...settings, srp: { ...settings.srp, ...changes } } }, new RecordedPin(undefined), signal);

  it('is offered where it can be run', async () => assert.equal((await look())?.name, 'srp'));

  it('is left out where it can\'t, or where that takes too long to find out: neither is an error', async () => {
    assert.equal(await look({ heapMegabytes: 1 }), undefined);
    assert.equal(await look({ startTimeout: 1 }), undefined);
  });

  it('is not waited for by who is told to stop', async () => {
    await assert.rejects(look({}, AbortSignal.abort(new Error('stop'))), { message: 'stop' });
  });
});
