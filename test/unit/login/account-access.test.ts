import assert from 'node:assert/strict';
import { forgetPassword, loadAccount, saveAccount } from '../../../src/app/account-store.ts';
import { AccountAccess } from '../../../src/xpmn/login/account-access.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';

const account = { jid: parseJid('romeo@home.test'), password: 'sesame', server: { host: 'h', port: 1 }, ca: 'PEM' };

describe('the password of the account', () => {
  let disk: MemoryDisk;
  let storage: MemoryStorage;
  let access: AccountAccess;
  let told: number;

  beforeEach(async () => {
    disk = new MemoryDisk();
    storage = new MemoryStorage(disk);
    await saveAccount(storage, account);
    access = new AccountAccess({ ...account, forgetPassword: () => forgetPassword(storage) });
    told = 0;
    access.on('passwordForgotten', () => (told += 1));
  });

  it('is gone from the disk and from memory once it is forgotten; the rest of the account stays', async () => {
    await Promise.all([access.forgetPassword(), access.forgetPassword()]);
    assert.equal(access.password, undefined);
    assert.equal(told, 1);
    assert.ok([...disk.documents.values()].every((document) => !document.includes('sesame')));
    const { password: _, ...rest } = account;
    assert.deepEqual(await loadAccount(storage), { ...rest, password: undefined });
  });

  it('is still known if the disk could not forget it', async () => {
    disk.isFull = true;
    await assert.rejects(access.forgetPassword(), { code: 'storage-failed' });
    assert.deepEqual([access.password, told], ['sesame', 0]);
    disk.isFull = false;
    await access.forgetPassword();
    assert.deepEqual([access.password, told], [undefined, 1]);
  });

  it('is not in what a connection begins with', () => {
    const made = access.accountOf({ jid: parseJid('romeo@home.test/x'), key: 'k' as never, privateKey: 'KEY', certificate: { pem: 'PEM', der: Buffer.alloc(0) } });
    assert.deepEqual(made, { jid: 'romeo@home.test/x', server: account.server, ca: 'PEM', credentials: { kind: 'certificate', certificate: 'PEM', privateKey: 'KEY' } });
  });
});
