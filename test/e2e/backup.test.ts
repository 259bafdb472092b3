import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { World } from './support/world.ts';

const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };

/** The machine that made the network is gone for good; what the owner has is the file, and its password. */
describe('a network whose first machine is lost', function () {
  this.timeout(180_000);
  let world: World;
  let lost: Machine;
  let nas: Machine;
  let successor: Machine;
  let late: Machine;
  let file: string;
  let lostJid: string;

  before(async () => {
    world = await World.create({ hosts: 5, serverless: true });
    await world.minidlna();
    lost = await world.machine(world.host('a', 1), ALONE);
    nas = await world.machine(world.host('a', 2));
    successor = await world.machine(world.host('a', 3), ALONE);
    late = await world.machine(world.host('a', 4), ALONE);
    await Promise.all([lost.start(), nas.start(), late.start()]);
    await pair(lost, nas, 'NAS');
    await lost.library();
    file = join(lost.folder, 'network.xpmn');
    await lost.json(['backup', file, '--password-file', await lost.file('backup-password', 'correct horse battery\n')]);
    await pair(lost, late, 'Late');
    await late.library();
    ({ jid: lostJid } = await lost.status());
    lost.daemon?.kill('SIGKILL');
    await lost.stop();
  });
  after(() => world?.close());

  it('goes on where the backup is restored: the others are found, and believe it', async () => {
    const { network } = await nas.status();
    await successor.json(['restore', file, '--password-file', await successor.file('backup-password', 'correct horse battery\n'), '--name', 'Successor']);
    await successor.start();
    assert.equal((await successor.status()).network, network);
    const library = await successor.library();
    assert.ok((await successor.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('asks the owner about a machine that the backup does not know, which is shut out until then', async () => {
    const { jid } = await late.status();
    const id = jid.slice(jid.indexOf('/') + 1);
    await waitUntil('the owner is asked', async () => (await successor.status()).warnings.some((warning) => warning.includes(`xpmn keep ${id}`)), { timeout: 30_000 });
    assert.ok(!(await successor.devices()).some((device) => device.jid === jid));
    assert.match((await successor.xpmn(['keep', 'nobody'])).stderr, /^xpmn: not-found: /);
    await successor.json(['keep', id]);
    assert.ok(!(await successor.status()).warnings.some((warning) => warning.includes(id)));
    await waitUntil('it is one of them again', async () => (await successor.devices()).some((device) => device.jid === jid && device.reach === 'link-local'), { timeout: 30_000 });
    const library = await late.library();
    assert.ok((await late.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('is without the lost machine from then on, on all others', async () => {
    const gone = (await successor.devices()).find(({ jid }) => jid === lostJid);
    assert.deepEqual([gone?.kind, gone?.where, gone?.reach], ['gateway', 'elsewhere', 'unreachable']);
    await successor.json(['remove', gone?.id as string, '--yes']);
    await waitUntil('the other machine knows', async () => !(await nas.devices()).some(({ jid }) => jid === lostJid), { timeout: 20_000 });
    await lost.start();
    assert.equal((await lost.xpmn(['browse', (await successor.library()).id])).code === 0, false);
  });
});
