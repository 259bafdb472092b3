import assert from 'node:assert/strict';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { devices, elementsOf, fakeKey, listed, Machine, meet, restoreOn, unlisted } from './machine.ts';
import { DAY, NOW } from './world.ts';

const rolesOf = (network: Network, of: Network): string => devices(network).devices.find(({ key }) => key === of.gateway.key)?.roles.join(' ') ?? 'unlisted';

describe('the transfer of a user key', function () {
  this.timeout(30_000);
  let desk: Machine;
  let nas: Machine;
  let former: Network;
  let next: Network;

  beforeEach(async () => {
    [desk, nas] = [new Machine('transfer-desk'), new Machine('transfer-nas')];
    former = await desk.create();
    next = await nas.join(former, 'Nas');
  });

  it('leaves the key on the disk of the next holder, and on no other', async () => {
    await former.keyPassword.lock('milk');
    await former.keyPassword.unlock('milk');
    await next.transfer.take(former.transfer.parts());
    assert.deepEqual(nas.keys, ['device', 'user']);
    const list = await former.transfer.moveRole(next.gateway.key);
    await next.lists.offer(list.element);
    await former.transfer.forget(next.gateway.key);
    assert.deepEqual(desk.keys, ['device']);
    const [there, here] = [await nas.load(), await desk.load()];
    assert.deepEqual([there.canSign, there.isLocked, here.isManagement], [true, false, false]);
    assert.deepEqual([rolesOf(there, there), rolesOf(there, here)], ['host management', 'host']);
    await there.createDevice('Tablet');
    await here.lists.offerAll(elementsOf(there));
    assert.deepEqual(listed(here), ['home', 'nas', 'tablet']);
    await there.removeDevice(here.gateway.key);
    await assert.rejects(here.createDevice('Other'), { code: 'not-allowed' });
  });

  it('takes no key but that of the network, and changes nothing where it is already', async () => {
    const parts = former.transfer.parts();
    const other = { ...parts, userKey: await testKey('somebody else') };
    await assert.rejects(next.transfer.take(other), { code: 'not-acceptable' });
    assert.deepEqual([nas.keys, next.isManagement], [['device'], false]);
    await next.transfer.take(parts);
    await assert.rejects(next.transfer.take(other), { code: 'not-acceptable' });
    await next.keyPassword.lock('honey');
    await next.transfer.take({ ...parts, removed: new Map([['devices', [fakeKey('tablet')]]]) });
    assert.deepEqual([nas.keys, next.isLocked], [['device', 'user-sealed'], true], 'its owner has put it under a password');
    assert.equal(next.lists.removedBy({ network: former.id, type: 'devices', signer: former.id }).size, 0);
  });

  it('needs the key at hand', async () => {
    await former.keyPassword.lock('milk');
    assert.throws(() => former.transfer.parts(), { code: 'not-authorized' });
    await assert.rejects(former.transfer.moveRole(next.gateway.key), { code: 'not-authorized' });
    assert.throws(() => next.transfer.parts(), { code: 'not-allowed' });
  });

  it('gives the role to nobody but a host', async () => {
    const tablet = await former.createDevice('Tablet');
    for (const key of [tablet.key, fakeKey('nobody')]) await assert.rejects(former.transfer.moveRole(key), { code: 'not-allowed' });
    assert.equal(rolesOf(former, former), 'host management');
  });

  it('does not issue anew what says so already', async () => {
    const list = await former.transfer.moveRole(next.gateway.key);
    assert.equal((await former.transfer.moveRole(next.gateway.key)).hash, list.hash);
  });

  it('deletes the key only while another device manages the network', async () => {
    await assert.rejects(former.transfer.forget(next.gateway.key), { code: 'conflict' });
    await assert.rejects(former.transfer.forget(former.gateway.key), { code: 'conflict' });
    assert.ok((await desk.load()).canSign);
  });

  it('loses nothing to a disk that is full', async () => {
    nas.disk.isFull = true;
    await assert.rejects(next.transfer.take(former.transfer.parts()), { code: 'storage-failed' });
    assert.equal(next.isManagement, false);
    nas.disk.isFull = false;
    await former.transfer.moveRole(next.gateway.key);
    desk.disk.isFull = true;
    await assert.rejects(former.transfer.forget(next.gateway.key), { code: 'storage-failed' });
    assert.ok(former.canSign);
  });

  it('does not bring the role back to where the key was left, however often lists are issued there', async () => {
    await next.transfer.take(former.transfer.parts());
    await next.lists.offer((await former.transfer.moveRole(next.gateway.key)).element);
    const left = await desk.load();
    assert.ok(left.canSign);
    await left.adopt();
    for (const machine of [desk, nas]) await machine.clock.advance(8 * DAY);
    assert.deepEqual((await left.refresh()).map(({ type }) => type), ['devices']);
    await meet(left, next);
    for (const network of [left, next]) assert.deepEqual([rolesOf(network, next), rolesOf(network, left)], ['host management', 'host']);
    await next.removeDevice(left.gateway.key);
    await meet(left, next);
    for (const network of [left, next]) assert.deepEqual([listed(network), unlisted(network)], [['nas'], []]);
  });

  it('does not bring it back either where the newest list has never heard of that machine', async () => {
    const backup = former.exportBackup();
    const late = new Machine('transfer-late');
    const left = await late.join(former, 'Late');
    await left.transfer.take(former.transfer.parts());
    await former.transfer.moveRole(next.gateway.key);
    await left.lists.offerAll(elementsOf(former));
    const restored = await restoreOn(new Machine('transfer-restored', new FakeClock(NOW + DAY)), backup);
    await left.lists.offer(devices(restored).element);
    await left.adopt();
    assert.deepEqual([rolesOf(left, left), rolesOf(left, restored)], ['host', 'host management']);
  });

  it('tells of removals that no list has room for', async () => {
    const forgotten = fakeKey('forgotten');
    await former.lists.recall([{ network: former.id, type: 'devices', signer: former.id, keys: new Set([forgotten]) }]);
    const { removed } = former.transfer.parts();
    assert.deepEqual([...removed], [['devices', [forgotten]], ['friends', []]]);
    await next.transfer.take(former.transfer.parts());
    assert.ok((await nas.load()).lists.removedBy({ network: former.id, type: 'devices', signer: former.id }).has(forgotten));
    await former.adopt();
    assert.deepEqual([...former.transfer.parts().removed], [['devices', []], ['friends', []]], 'what a list tells it does not');
  });
});
