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
  const stateOf = ({ isManagement, canSign, isLocked, hasUserKeyPassword }: Network): State => {
    assert.ok(isManagement);
    assert.equal(canSign, !isLocked);
    return isLocked ? 'locked' : hasUserKeyPassword ? 'unlocked' : 'open';
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
    await network.lockUserKey(PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(isPlain(), false);
    assert.equal(machine.disk.documents.get('trust/keys/user-sealed')?.toString('latin1', 0, 8), 'XPMNUKEY');
    assert.equal(stateOf(network), 'locked');
  });

  it('that is locked signs nothing, also after a restart; the network goes on', async () => {
    const device = await network.createDevice('TV');
    await network.lockUserKey(PASSWORD);
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
    await network.lockUserKey(PASSWORD);
    const again = await machine.load();
    const before = machine.disk.documents.get('trust/keys/user-sealed');
    for (const wrong of ['', 'x', `${PASSWORD} `]) await assert.rejects(again.unlockUserKey(wrong), { code: 'bad-password' });
    await refusesToSign(again);
    await again.unlockUserKey(PASSWORD.normalize('NFD'));
    assert.equal(stateOf(again), 'unlocked');
    assert.ok(again.certificateSigner);
    await again.createDevice('TV');
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(machine.disk.documents.get('trust/keys/user-sealed'), before);
    assert.equal(stateOf(await machine.load()), 'locked');
    await again.lockUserKey();
    await refusesToSign(again);
  });

  it('gets another password, and the old one opens nothing any more', async () => {
    await network.lockUserKey(PASSWORD);
    await assert.rejects(network.lockUserKey('other'), { code: 'not-authorized' }, 'who can\'t unlock it can\'t do that either');
    await network.unlockUserKey(PASSWORD);
    await network.lockUserKey('other');
    const again = await machine.load();
    await assert.rejects(again.unlockUserKey(PASSWORD), { code: 'bad-password' });
    await again.unlockUserKey('other');
  });

  it('gets a password, and another one, without being locked or unlocked by that', async () => {
    await network.changeUserKeyPassword(undefined, PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user-sealed']);
    assert.equal(stateOf(network), 'unlocked');
    for (const wrong of [undefined, '', 'wrong']) await assert.rejects(network.changeUserKeyPassword(wrong, 'other'), { code: 'bad-password' });
    await assert.rejects(network.changeUserKeyPassword(PASSWORD, ''), { code: 'bad-password' });
    assert.equal(stateOf(network), 'unlocked');
    await network.lockUserKey();
    await assert.rejects(network.changeUserKeyPassword('wrong', 'other'), { code: 'bad-password' });
    await network.changeUserKeyPassword(PASSWORD, 'other');
    assert.equal(stateOf(network), 'locked');
    await assert.rejects(network.unlockUserKey(PASSWORD), { code: 'bad-password' });
    await network.unlockUserKey('other');
  });

  it('loses its password by who knows it', async () => {
    await network.lockUserKey(PASSWORD);
    await assert.rejects(network.removeUserKeyPassword('wrong'), { code: 'bad-password' });
    assert.equal(stateOf(network), 'locked');
    await network.removeUserKeyPassword(PASSWORD);
    assert.deepEqual(machine.keys, ['device', 'user']);
    for (const open of [network, await machine.load()]) assert.equal(stateOf(open), 'open');
    await network.lockUserKey('again');
    assert.equal(stateOf(await machine.load()), 'locked');
  });

  it('needs a password to be locked, and to be here', async () => {
    for (const none of [undefined, '']) await assert.rejects(network.lockUserKey(none), { code: 'bad-password' });
    assert.equal(stateOf(network), 'open');
    await network.unlockUserKey('there is none: nothing to do');
    const away = await new Machine('user-key-away').join(network, 'Away');
    for (const act of [() => away.lockUserKey(), () => away.lockUserKey('x'), () => away.unlockUserKey('x'), () => away.removeUserKeyPassword('x'), () => away.changeUserKeyPassword(undefined, 'x')]) {
      await assert.rejects(act, { code: 'not-allowed' });
    }
    assert.equal(away.isManagement || away.isLocked || away.canSign, false);
  });

  describe('when the disk fails in the middle', () => {
    const steps: Record<string, { from: State; act: (of: Network) => Promise<void>; to: State; password: string }> = {
      'getting a password': { from: 'open', act: (of) => of.lockUserKey('new'), to: 'locked', password: 'new' },
      'getting another': { from: 'unlocked', act: (of) => of.lockUserKey('new'), to: 'locked', password: 'new' },
      'getting another, known the one before': { from: 'unlocked', act: (of) => of.changeUserKeyPassword(PASSWORD, 'new'), to: 'unlocked', password: 'new' },
      'losing it': { from: 'unlocked', act: (of) => of.removeUserKeyPassword(PASSWORD), to: 'open', password: PASSWORD },
    };
    for (const [name, { from, act, to, password }] of Object.entries(steps)) {
      for (const how of ['isFull', 'isDead'] as const) {
        it(`is not lost by ${name}; ${how === 'isFull' ? 'the failure is told' : 'it is as before or after'}`, async () => {
          if (from === 'unlocked') {
            await network.lockUserKey(PASSWORD);
            await network.unlockUserKey(PASSWORD);
          }
          const before = machine.disk;
          let writes = 0;
          for (let isDone = false; !isDone; writes += 1) {
            machine.disk = before.restarted();
            const trial = await machine.load();
            if (from === 'unlocked') await trial.unlockUserKey(PASSWORD);
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
            if (again.isLocked) await again.unlockUserKey(PASSWORD).catch(() => again.unlockUserKey(password));
            await again.createDevice('TV');
          }
          assert.ok(writes > 1, 'it failed at least once');
        });
      }
    }

    it('lies as it was, where the plain document could not be deleted, and can be locked again', async () => {
      void machine.disk.failAfter(1, 'isFull');
      await assert.rejects(network.lockUserKey(PASSWORD), { code: 'storage-failed' });
      assert.equal(stateOf(network), 'open');
      machine.disk = machine.disk.restarted();
      assert.deepEqual(machine.keys, ['device', 'user', 'user-sealed']);
      const again = await machine.load();
      assert.equal(stateOf(again), 'open');
      await again.lockUserKey('another');
      assert.deepEqual(machine.keys, ['device', 'user-sealed']);
      await (await machine.load()).unlockUserKey('another');
    });
  });

  it('that is damaged keeps the network from loading', async () => {
    await network.lockUserKey(PASSWORD);
    const right = machine.disk.documents.get('trust/keys/user-sealed') as Buffer;
    for (const wrong of [Buffer.alloc(0), right.subarray(0, 40), Buffer.from(right).fill(9, 8, 9)]) {
      machine.disk.documents.set('trust/keys/user-sealed', wrong);
      await assert.rejects(machine.load(), { code: 'storage-failed' });
    }
    const other = new Machine('user-key-other');
    await (await other.create()).lockUserKey(PASSWORD);
    machine.disk.documents.set('trust/keys/user-sealed', other.disk.documents.get('trust/keys/user-sealed') as Buffer);
    await assert.rejects((await machine.load()).unlockUserKey(PASSWORD), { code: 'storage-failed' });
  });

  it('shows neither itself nor its password, in errors or in what is printed of it', async () => {
    const shown: unknown[] = [];
    await network.lockUserKey(PASSWORD);
    shown.push(await network.unlockUserKey('wrong secret').catch((error: unknown) => error));
    shown.push(await network.changeUserKeyPassword('wrong secret', 'next secret').catch((error: unknown) => error));
    await network.unlockUserKey(PASSWORD);
    machine.disk.isFull = true;
    shown.push(await network.lockUserKey('next secret').catch((error: unknown) => error));
    shown.push(network);
    for (const one of shown) {
      for (const text of [inspect(one, { depth: 12, maxStringLength: null }), JSON.stringify(one, (_, value: unknown) => (value instanceof Set ? [...value] : value)) ?? '']) {
        for (const secret of [plainText, PASSWORD, 'wrong secret', 'next secret']) assert.equal(text.includes(secret), false);
      }
    }
  });

  describe('that is locked while a list is due', () => {
    it('lets it wait, and says so; unlocked, it is issued', async () => {
      await network.lockUserKey(PASSWORD);
      assert.deepEqual(network.waitingLists, []);
      await machine.clock.advance(7 * DAY);
      for (const locked of [network, await machine.load()]) {
        assert.deepEqual(locked.waitingLists.map(({ type }) => type), ['devices']);
        assert.deepEqual(await locked.refresh(), []);
      }
      await network.unlockUserKey(PASSWORD);
      assert.deepEqual(network.waitingLists, [], 'nothing waits for a password any more');
      assert.deepEqual((await network.refresh()).map(({ type }) => type), ['devices']);
    });

    it('still issues what its gateway signs', async () => {
      await network.hostDevice('uuid:1', 'NAS');
      await network.lockUserKey(PASSWORD);
      await machine.clock.advance(7 * DAY);
      assert.deepEqual((await network.refresh()).map(({ type }) => type), ['hosted']);
    });

    it('learns of removals for all that, and tells them when it is unlocked', async () => {
      const tv = await network.createDevice('TV');
      const twin = new Machine('user-key-twin', machine.clock);
      twin.disk = machine.disk.restarted();
      const other = await twin.load();
      for (const name of ['Radio', 'Lamp']) await network.createDevice(name);
      await network.lockUserKey(PASSWORD);
      await other.removeDevice(tv.key);
      await network.lists.offer(devices(other).element);
      await network.adopt();
      assert.equal(verdict(network, tv), 'removed-key');
      assert.deepEqual(network.waitingLists.map(({ devices: all }) => all.length), [4]);
      await network.unlockUserKey(PASSWORD);
      await network.adopt();
      assert.deepEqual(listed(network), ['home', 'radio', 'lamp']);
      assert.deepEqual(devices(network).removed.map(({ key }) => key), [tv.key]);
    });
  });
});
