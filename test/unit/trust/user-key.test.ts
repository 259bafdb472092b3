import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { privateKeyPem } from '../../../src/xpmn/trust/keys.ts';
import { testKey } from '../../support/keys.ts';
import { devices, listed, Machine, verdict } from './machine.ts';
import { DAY } from './world.ts';

const PASSWORD = 'correct horse, Grüße';

describe('a user key', function () {
  this.timeout(30_000);
  let machine: Machine;
  let network: Network;

  beforeEach(async () => {
    machine = new Machine('user-key');
    network = await machine.create();
  });

  type State = 'open' | 'locked' | 'unlocked';
  const stateOf = ({ isManagement, canSign, isLocked, keyPassword }: Network): State => {
    assert.ok(isManagement);
    assert.equal(canSign, !isLocked);
    return isLocked ? 'locked' : keyPassword.isSet ? 'unlocked' : 'open';
  };
  const refusesToSign = (of: Network): Promise<void> => assert.rejects(of.createDevice('TV'), { code: 'not-authorized' });
  const isPlain = (): boolean => [...machine.disk.documents.values()].some((content) => content.toString().includes(plainText));
  let plainText: string;
  before(async () => {
    plainText = privateKeyPem(await testKey('user-key-0')).split('\n')[3] as string;
  });

  it('without a password is at hand after every start', async () => {
    assert.equal(stateOf(network), 'open');
    assert.equal(stateOf(await machine.load()), 'open');
    assert.ok(isPlain());
  });

  it('under a password lies sealed, and nowhere else', async () => {
    await network.keyPassword.lock(PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(isPlain(), false);
    assert.equal(machine.disk.documents.get('trust/keys/user-sealed')?.toString('latin1', 0, 8), 'XPMNUKEY');
    assert.equal(stateOf(network), 'locked');
  });

  it('that is locked signs nothing, also after a restart; the network goes on', async () => {
    const device = await network.createDevice('TV');
    await network.keyPassword.lock(PASSWORD);
    for (const locked of [network, await machine.load()]) {
      assert.equal(stateOf(locked), 'locked');
      assert.ok(locked.isMember && locked.isHost);
      assert.equal(locked.certificateSigner, undefined);
      for (const act of [() => locked.createDevice('x'), () => locked.removeDevice(device.key), () => locked.extend(locked.bare), () => locked.relist(device.key)]) {
        await assert.rejects(act, { code: 'not-authorized' });
      }
      assert.throws(() => locked.exportBackup(), { code: 'not-authorized' });
      await locked.hostDevice('uuid:1', 'NAS');
    }
    assert.deepEqual(listed(network), ['home', 'tv']);
  });

  it('is unlocked in memory only, by its password only', async () => {
    await network.keyPassword.lock(PASSWORD);
    const again = await machine.load();
    const before = machine.disk.documents.get('trust/keys/user-sealed');
    for (const wrong of ['', 'x', `${PASSWORD} `]) await assert.rejects(again.keyPassword.unlock(wrong), { code: 'bad-password' });
    await refusesToSign(again);
    await again.keyPassword.unlock(PASSWORD.normalize('NFD'));
    assert.equal(stateOf(again), 'unlocked');
    assert.ok(again.certificateSigner);
    await again.createDevice('TV');
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(machine.disk.documents.get('trust/keys/user-sealed'), before);
    assert.equal(stateOf(await machine.load()), 'locked');
    await again.keyPassword.lock();
    await refusesToSign(again);
  });

  it('gets another password, and the old one opens nothing any more', async () => {
    await network.keyPassword.lock(PASSWORD);
    await assert.rejects(network.keyPassword.lock('other'), { code: 'not-authorized' }, 'who can\'t unlock it can\'t do that either');
    await network.keyPassword.unlock(PASSWORD);
    await network.keyPassword.lock('other');
    const again = await machine.load();
    await assert.rejects(again.keyPassword.unlock(PASSWORD), { code: 'bad-password' });
    await again.keyPassword.unlock('other');
  });

  it('gets a password, and another one, without being locked or unlocked by that', async () => {
    await network.keyPassword.change(undefined, PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(stateOf(network), 'unlocked');
    for (const wrong of [undefined, '', 'wrong']) await assert.rejects(network.keyPassword.change(wrong, 'other'), { code: 'bad-password' });
    await assert.rejects(network.keyPassword.change(PASSWORD, ''), { code: 'bad-password' });
    assert.equal(stateOf(network), 'unlocked');
    await network.keyPassword.lock();
    await assert.rejects(network.keyPassword.change('wrong', 'other'), { code: 'bad-password' });
    await network.keyPassword.change(PASSWORD, 'other');
    assert.equal(stateOf(network), 'locked');
    await assert.rejects(network.keyPassword.unlock(PASSWORD), { code: 'bad-password' });
    await network.keyPassword.unlock('other');
  });

  it('loses its password by who knows it', async () => {
    await network.keyPassword.lock(PASSWORD);
    await assert.rejects(network.keyPassword.remove('wrong'), { code: 'bad-password' });
    assert.equal(stateOf(network), 'locked');
    await network.keyPassword.remove(PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user']);
    for (const open of [network, await machine.load()]) assert.equal(stateOf(open), 'open');
    await network.keyPassword.lock('again');
    assert.equal(stateOf(await machine.load()), 'locked');
  });

  it('needs a password to be locked, and to be here', async () => {
    for (const none of [undefined, '']) await assert.rejects(network.keyPassword.lock(none), { code: 'bad-password' });
    assert.equal(stateOf(network), 'open');
    await network.keyPassword.unlock('there is none: nothing to do');
    const away = await new Machine('user-key-away').join(network, 'Away');
    for (const act of [() => away.keyPassword.lock(), () => away.keyPassword.lock('x'), () => away.keyPassword.unlock('x'), () => away.keyPassword.remove('x'), () => away.keyPassword.change(undefined, 'x')]) {
      await assert.rejects(act, { code: 'not-allowed' });
    }
    assert.equal(away.isManagement || away.isLocked || away.canSign, false);
  });

  describe('when the disk fails in the middle', () => {
    const steps: Record<string, { from: State; act: (of: Network) => Promise<void>; to: State; password: string }> = {
      'getting a password': { from: 'open', act: (of) => of.keyPassword.lock('new'), to: 'locked', password: 'new' },
      'getting another': { from: 'unlocked', act: (of) => of.keyPassword.lock('new'), to: 'locked', password: 'new' },
      'getting another, known the one before': { from: 'unlocked', act: (of) => of.keyPassword.change(PASSWORD, 'new'), to: 'unlocked', password: 'new' },
      'losing it': { from: 'unlocked', act: (of) => of.keyPassword.remove(PASSWORD), to: 'open', password: PASSWORD },
    };
    for (const [name, { from, act, to, password }] of Object.entries(steps)) {
      for (const how of ['isFull', 'isDead'] as const) {
        it(`is not lost by ${name}; ${how === 'isFull' ? 'the failure is told' : 'it is as before or after'}`, async () => {
          if (from === 'unlocked') {
            await network.keyPassword.lock(PASSWORD);
            await network.keyPassword.unlock(PASSWORD);
          }
          const before = machine.disk;
          let writes = 0;
          for (let isDone = false; !isDone; writes += 1) {
            machine.disk = before.restarted();
            const trial = await machine.load();
            if (from === 'unlocked') await trial.keyPassword.unlock(PASSWORD);
            const failure = machine.disk.failAfter(writes, how);
            const outcome = act(trial).then(() => 'done', (error: XpmnError) => error.code);
            const first = await (how === 'isFull' ? outcome : Promise.race([outcome, failure]));
            isDone = first === 'done';
            assert.ok(isDone || first === (how === 'isFull' ? 'storage-failed' : undefined), String(first));
            if (first === 'storage-failed') assert.ok(trial.canSign, 'it is still at hand');
            machine.disk = machine.disk.restarted();
            const again = await machine.load();
            if (isDone) assert.equal(stateOf(again), to === 'unlocked' ? 'locked' : to);
            if (isDone && to !== 'open') assert.equal(isPlain(), false);
            if (again.isLocked) await again.keyPassword.unlock(PASSWORD).catch(() => again.keyPassword.unlock(password));
            await again.createDevice('TV');
          }
          assert.ok(writes > 1, 'it failed at least once');
        });
      }
    }

    it('lies as it was, where the plain document could not be deleted, and can be locked again', async () => {
      void machine.disk.failAfter(1, 'isFull');
      await assert.rejects(network.keyPassword.lock(PASSWORD), { code: 'storage-failed' });
      assert.equal(stateOf(network), 'open');
      machine.disk = machine.disk.restarted();
      assert.deepEqual(machine.keys, ['device', 'user', 'user-sealed']);
      const again = await machine.load();
      assert.equal(stateOf(again), 'open');
      await again.keyPassword.lock('another');
      assert.deepEqual(machine.keys, ['device', 'user-sealed']);
      await (await machine.load()).keyPassword.unlock('another');
    });
  });

  it('that is damaged keeps the network from loading', async () => {
    await network.keyPassword.lock(PASSWORD);
    const right = machine.disk.documents.get('trust/keys/user-sealed') as Buffer;
    for (const wrong of [Buffer.alloc(0), right.subarray(0, 40), Buffer.from(right).fill(9, 8, 9)]) {
      machine.disk.documents.set('trust/keys/user-sealed', wrong);
      await assert.rejects(machine.load(), { code: 'storage-failed' });
    }
    const other = new Machine('user-key-other');
    await (await other.create()).keyPassword.lock(PASSWORD);
    machine.disk.documents.set('trust/keys/user-sealed', other.disk.documents.get('trust/keys/user-sealed') as Buffer);
    await assert.rejects((await machine.load()).keyPassword.unlock(PASSWORD), { code: 'storage-failed' });
  });

  it('shows neither itself nor its password, in errors or in what is printed of it', async () => {
    const shown: unknown[] = [];
    await network.keyPassword.lock(PASSWORD);
    shown.push(await network.keyPassword.unlock('wrong secret').catch((error: unknown) => error));
    shown.push(await network.keyPassword.change('wrong secret', 'next secret').catch((error: unknown) => error));
    await network.keyPassword.unlock(PASSWORD);
    machine.disk.isFull = true;
    shown.push(await network.keyPassword.lock('next secret').catch((error: unknown) => error));
    shown.push(network);
    for (const one of shown) {
      for (const text of [inspect(one, { depth: 12, maxStringLength: null }), JSON.stringify(one, (_, value: unknown) => (value instanceof Set ? [...value] : value)) ?? '']) {
        for (const secret of [plainText, PASSWORD, 'wrong secret', 'next secret']) assert.equal(text.includes(secret), false);
      }
    }
  });

  describe('that is locked while a list is due', () => {
    it('lets it wait, and says so; unlocked, it is issued', async () => {
      await network.keyPassword.lock(PASSWORD);
      assert.deepEqual(network.waitingLists, []);
      await machine.clock.advance(7 * DAY);
      for (const locked of [network, await machine.load()]) {
        assert.deepEqual(locked.waitingLists.map(({ type }) => type), ['devices']);
        assert.deepEqual(await locked.refresh(), []);
      }
      await network.keyPassword.unlock(PASSWORD);
      assert.deepEqual(network.waitingLists, [], 'nothing waits for a password any more');
      assert.deepEqual((await network.refresh()).map(({ type }) => type), ['devices']);
    });

    it('still issues what its gateway signs', async () => {
      await network.hostDevice('uuid:1', 'NAS');
      await network.keyPassword.lock(PASSWORD);
      await machine.clock.advance(7 * DAY);
      assert.deepEqual((await network.refresh()).map(({ type }) => type), ['hosted']);
    });

    it('learns of removals for all that, and tells them when it is unlocked', async () => {
      const tv = await network.createDevice('TV');
      const twin = new Machine('user-key-twin', machine.clock);
      twin.disk = machine.disk.restarted();
      const other = await twin.load();
      for (const name of ['Radio', 'Lamp']) await network.createDevice(name);
      await network.keyPassword.lock(PASSWORD);
      await other.removeDevice(tv.key);
      await network.lists.offer(devices(other).element);
      await network.adopt();
      assert.equal(verdict(network, tv), 'removed-key');
      assert.deepEqual(network.waitingLists.map(({ devices: all }) => all.length), [4]);
      await network.keyPassword.unlock(PASSWORD);
      await network.adopt();
      assert.deepEqual(listed(network), ['home', 'radio', 'lamp']);
      assert.deepEqual(devices(network).removed.map(({ key }) => key), [tv.key]);
    });
  });
});
