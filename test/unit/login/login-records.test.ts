import assert from 'node:assert/strict';
import { LoginRecords } from '../../../src/xpmn/login/login-records.ts';
import type { LoginRecord } from '../../../src/xpmn/login/login-records.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { issueCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const random = new FakeRandom();
const issued = { token: 'sesame', mechanism: 'HT-SHA-256-NONE', expires: 1 } as const;

describe('how far a device has come at the server', () => {
  let disk: MemoryDisk;
  let records: LoginRecords;
  let device: DeviceCredentials;
  const issue = async (jid: string, key = 'login record'): Promise<DeviceCredentials> => issueCredentials({ clock: new FakeClock(), random }, settings.trust, await testKey(key), parseJid(jid), 'TV');

  before(async () => (device = await issue('romeo@home.test/tv-k3fq')));
  beforeEach(() => {
    disk = new MemoryDisk();
    records = new LoginRecords({ storage: new MemoryStorage(disk), random });
  });

  it('begins with a certificate that nobody knows, and a name for the device that stays', async () => {
    const { clientId, ...record } = await records.load(device);
    assert.deepEqual(record, { certificate: 'made', token: 'none' });
    assert.match(clientId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is as it was saved', async () => {
    const kept: LoginRecord[] = [
      { certificate: 'proven', token: 'none', clientId: 'a' },
      { certificate: 'made', token: 'proven', issued, clientId: 'b', takesCertificates: false },
      { certificate: 'refused', token: 'refused', clientId: 'c', takesCertificates: true },
    ];
    for (const record of kept) {
      await records.save(device, record);
      assert.deepEqual(await new LoginRecords({ storage: new MemoryStorage(disk.restarted()), random }).load(device), record);
    }
  });

  it('begins anew with another certificate, but under the same name', async () => {
    await records.save(device, { certificate: 'refused', token: 'proven', issued, clientId: 'mine' });
    const moved = await issue('romeo@other.test/tv-k3fq');
    assert.deepEqual(await records.load(moved), { certificate: 'made', token: 'none', clientId: 'mine' });
    assert.deepEqual((await records.load(device)).certificate, 'refused');
  });

  it('is each device\'s own', async () => {
    await records.save(device, { certificate: 'proven', token: 'none', clientId: 'mine' });
    assert.equal((await records.load(await issue('romeo@home.test/nas', 'another login record'))).certificate, 'made');
  });

  it('counts as refused when it can\'t be read: nobody knows whether the owner has revoked it', async () => {
    await records.save(device, { certificate: 'proven', token: 'none', clientId: 'mine' });
    const [name] = [...disk.documents.keys()];
    for (const damaged of ['', '{', 'null', '{"certificate":"proven"}', '{"of":"x","certificate":"none","token":"none","clientId":"x"}', '{"of":"x","certificate":"made","token":"none","clientId":"x","issued":{"token":7}}']) {
      disk.documents.set(name as string, Buffer.from(damaged));
      assert.equal((await records.load(device)).certificate, 'refused', damaged);
    }
  });

  it('has no token without the token', async () => {
    await records.save(device, { certificate: 'made', token: 'given', clientId: 'mine' });
    assert.equal((await records.load(device)).token, 'none');
  });

  it('is forgotten when the owner begins anew', async () => {
    await records.save(device, { certificate: 'refused', token: 'none', clientId: 'mine' });
    await records.clear();
    assert.equal((await records.load(device)).certificate, 'made');
    assert.equal(disk.documents.size, 0);
  });
});
