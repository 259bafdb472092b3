import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { PairStart, pair } from './support/pairing.ts';
import type { Answer } from './support/program.ts';
import { World } from './support/world.ts';

const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };
const LOCKED = /^xpmn: not-authorized: The user key is locked: it has to be unlocked first, by `xpmn key unlock` on the machine that manages the media network\.\n$/;

/** Three machines on one LAN: one that manages the network, one that is in it, and one that is to be added. */
describe('the user key under a password', function () {
  this.timeout(180_000);
  let world: World;
  let manager: Machine;
  let member: Machine;
  let newcomer: Machine;
  let password: string;
  let starting: PairStart | undefined;

  before(async () => {
    world = await World.create({ hosts: 4, serverless: true });
    // Its lists are due at once.
    manager = await world.machine(world.host('a', 1), { ...ALONE, trust: { reissueAfter: 1000 } });
    member = await world.machine(world.host('a', 2), ALONE);
    newcomer = await world.machine(world.host('a', 3), ALONE);
    await Promise.all([manager.start(), member.start(), newcomer.start()]);
    await pair(manager, member, 'Member');
    password = await manager.file('key-password', 'correct horse\n');
    await manager.json(['key', 'lock', '--password-file', password]);
  });
  after(() => world?.close());
  afterEach(async () => {
    await starting?.stop();
    starting = undefined;
  });

  it('is locked after a restart, too, and status says what waits for it', async () => {
    await manager.stop();
    await manager.start();
    assert.equal((await manager.status()).userKey, 'locked');
    const { stdout } = await waitUntil('a list is due', async () => {
      const answer = await manager.xpmn(['status']);
      return answer.stdout.includes('waits for') ? answer : undefined;
    }, { timeout: 20_000 });
    assert.match(stdout, /\(managed here; its key is locked\)\n[^]*warning {5}The user key is locked: [^]*`xpmn key unlock`\.\nwarning {5}The list of devices waits for the user key: friends turn this network away from \d{4}-\d\d-\d\d \d\d:\d\d UTC on\.\n/);
  });

  it('is missed by whatever needs it, with one line that says what to do', async () => {
    const { jid } = await member.status();
    const id = jid.slice(jid.indexOf('/') + 1);
    const file = ['--password-file', password];
    for (const argv of [['pair', 'start'], ['remove', id, '--yes'], ['backup', join(manager.folder, 'b.xpmn'), ...file], ['credentials', 'export', join(manager.folder, 'c.xpmn'), ...file]]) {
      const { code, stdout, stderr } = await manager.xpmn(argv);
      assert.deepEqual([code, stdout], [1, ''], argv.join(' '));
      assert.match(stderr, LOCKED);
    }
    const away = await member.xpmn(['key', 'unlock', '--password-file', await member.file('p', 'correct horse\n')]);
    assert.equal(away.code, 1);
    assert.match(away.stderr, /^xpmn: not-allowed: The user key of the media network is not on this machine/);
  });

  it('is missed by a pairing on another machine, and both sides are told', async () => {
    await waitUntil('the two see each other', async () => (await member.devices()).some(({ where, reach }) => where === 'elsewhere' && reach === 'link-local'), { timeout: 30_000 });
    starting = await PairStart.on(member);
    const { pin } = await starting.says('open');
    const { code, stderr } = await newcomer.xpmn(['pair', 'join', '--pin-file', await newcomer.file('pin', `${pin}\n`), '--name', 'Newcomer']);
    assert.equal(code, 1, stderr);
    assert.match(stderr.slice(stderr.indexOf('xpmn:')), LOCKED);
    const view = await starting.says('closed');
    assert.ok(view.why === 'refused' && view.code === 'not-authorized', JSON.stringify(view));
  });

  it('does what has waited once it is unlocked, and lets machines in', async () => {
    const wrong = await manager.xpmn(['key', 'unlock', '--password-file', await manager.file('wrong', 'incorrect horse\n')]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^xpmn: bad-password: /);
    assert.deepEqual(await manager.json(['key', 'unlock', '--password-file', password]), { userKey: 'unlocked', issued: ['devices'] });
    assert.ok((await manager.status()).warnings.every((warning) => !warning.includes('user key')));
    await pair(member, newcomer, 'Newcomer');
    assert.equal((await newcomer.status()).network, (await manager.status()).network);
  });

  it('loses its password again; with it, a backup needs a gateway that was told it, and none without', async () => {
    const backup = (name: string): Promise<Answer> => manager.xpmn(['backup', join(manager.folder, name), '--password-file', password]);
    await manager.stop();
    const locked = await backup('locked.xpmn');
    assert.equal(locked.code, 1);
    assert.match(locked.stderr, LOCKED);
    await manager.start();
    await manager.json(['key', 'password', '--remove', '--password-file', password]);
    await manager.stop();
    assert.equal((await backup('plain.xpmn')).code, 0);
    assert.equal((await readFile(join(manager.folder, 'plain.xpmn'))).toString('latin1', 0, 8), 'XPMNBKUP');
    await manager.start();
    assert.equal((await manager.status()).userKey, 'plain');
  });
});
