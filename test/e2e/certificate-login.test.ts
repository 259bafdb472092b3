import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { PASSWORD, World } from './support/world.ts';

const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };

/** A server that takes certificates: the password is typed once, and then lies nowhere. */
describe('a media network without a password', function () {
  this.timeout(180_000);
  let world: World;
  let nas: Machine;
  let laptop: Machine;
  let late: Machine;

  before(async () => {
    world = await World.create({ hosts: 4, prosody: { clientCertificates: true } });
    await world.minidlna();
    nas = await world.founder(world.host('a', 1));
    laptop = await world.machine(world.host('a', 2), ALONE);
    await laptop.start();
  });
  after(() => world?.close());

  it('has forgotten it a moment after it was made', async () => {
    const began = Date.now();
    await forgotten(nas);
    process.stdout.write(`      ${((Date.now() - began) / 1000).toFixed(1)} s after it was online\n`);
    await nas.online();
    assert.deepEqual((await nas.status()).warnings, []);
  });

  it('lets a machine in that joins by PIN: it comes online by its certificate, and never has the password', async () => {
    await pair(nas, laptop, 'Laptop');
    await laptop.online();
    assert.ok(!(await disk(laptop)).includes(PASSWORD));
    const library = await laptop.library();
    assert.ok((await laptop.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('carries a machine there in a file, which logs in without it, too', async () => {
    late = await world.join(nas, world.network.out);
    assert.ok(!(await disk(late)).includes(PASSWORD));
    const library = await late.library();
    assert.ok((await late.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('is there again after all were restarted', async () => {
    await Promise.all([nas.stop(), laptop.stop(), late.stop()]);
    await Promise.all([nas.start(), laptop.start(), late.start()]);
    await Promise.all([nas.online(), laptop.online(), late.online()]);
    await late.library();
  });

  it('puts a removed machine out of the account, and says what to do', async () => {
    const { jid } = await late.status();
    const { code, stdout, stderr } = await nas.xpmn(['remove', jid.slice(jid.indexOf('/') + 1), '--yes']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Your machines have forgotten the password of romeo@home\.test\. If that one was ever given it, change it/);
    await waitUntil('it is out', async () => (await late.status()).connection.state === 'stopped');
    assert.equal((await nas.status()).connection.state, 'online');
    assert.equal((await laptop.status()).connection.state, 'online');
  });

  it('lets the machine in that its backup was restored on, from the local network', async () => {
    const file = join(nas.folder, 'network.xpmn');
    const { stdout } = await nas.xpmn(['backup', file, '--password-file', await nas.file('backup-password', 'correct horse battery\n')]);
    assert.match(stdout, /The password of the account is not in it/);
    const successor = await world.machine(world.host('a', 3), ALONE);
    await successor.start();
    const restore = ['restore', file, '--password-file', await successor.file('backup-password', 'correct horse battery\n'), '--name', 'Successor'];
    const refused = await successor.xpmn(restore);
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stderr, /xpmn: login-failed: The password of the account romeo@home\.test is not in the backup\. Give the password .* Nothing was changed\.$/m);
    const said = await successor.xpmn([...restore, '--no-check']);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stdout, /xpmn init --jid romeo@home\.test/);
    await successor.online({ timeout: 60_000 });
    assert.ok(!(await disk(successor)).includes(PASSWORD));
  });
});

/** Everything in a machine's state directory. */
async function disk({ home }: Machine): Promise<string> {
  const files = (await readdir(home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return (await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1').catch(() => '')))).join('\n');
}

function forgotten(machine: Machine): Promise<unknown> {
  return waitUntil('the password is on the disk no more', async () => !(await disk(machine)).includes(PASSWORD));
}
