import assert from 'node:assert/strict';
import { DeviceNames } from '../../../src/xpmn/gateway/device-names.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';

describe('the names of devices', () => {
  const [nas, tv] = [parseJid('anna@example.org/nas'), parseJid('anna@example.org/tv')];
  let disk: MemoryDisk;
  let names: DeviceNames;

  const restarted = async (): Promise<DeviceNames> => {
    const next = new DeviceNames(new MemoryStorage(disk), { nameLength: 8 });
    await next.load();
    return next;
  };

  beforeEach(async () => {
    disk = new MemoryDisk();
    names = await restarted();
  });

  it('are remembered as they were last, cut to their bound, and only of devices that there are', async () => {
    await names.learn([{ jid: nas, name: 'a name that is long' }, { jid: tv, name: 'TV' }]);
    await names.learn([{ jid: nas, name: undefined }, { jid: tv, name: 'Telly' }]);
    for (const one of [names, await restarted()]) assert.deepEqual([one.of(nas), one.of(tv)], ['a name t', 'Telly']);
    await names.learn([{ jid: tv, name: undefined }]);
    for (const one of [names, await restarted()]) assert.deepEqual([one.of(nas), one.of(tv)], [undefined, 'Telly']);
  });

  it('are written when they have changed, and what changes meanwhile is written once', async () => {
    const all = [1, 2, 3, 4].map((n) => names.learn([{ jid: nas, name: `NAS ${n}` }]));
    await Promise.all(all);
    assert.equal((await restarted()).of(nas), 'NAS 4');
    const { writes } = disk;
    assert.equal(writes, 2);
    await names.learn([{ jid: nas, name: 'NAS 4' }]);
    assert.equal(disk.writes, writes);
  });

  it('are written again after a write that failed', async () => {
    disk.isFull = true;
    await assert.rejects(names.learn([{ jid: nas, name: 'NAS' }]), { code: 'storage-failed' });
    disk.isFull = false;
    await names.learn([{ jid: nas, name: 'NAS' }, { jid: tv, name: 'TV' }]);
    assert.equal((await restarted()).of(nas), 'NAS');
  });
});
