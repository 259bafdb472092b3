import assert from 'node:assert/strict';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { World } from './support/world.ts';

/** Bridges nothing: what it sees comes from others. */
const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };

/** Three machines on one LAN without a server; one is removed while another is away. */
describe('a removal that a machine has slept through', function () {
  this.timeout(180_000);
  let world: World;
  let home: Machine;
  let lost: Machine;
  let tablet: Machine;

  before(async () => {
    world = await World.create({ serverless: true, hosts: 4 });
    await world.minidlna();
    home = await world.machine(world.host('a', 1), ALONE);
    lost = await world.machine(world.host('a', 2));
    tablet = await world.machine(world.host('a', 3), ALONE);
    await Promise.all([home.start(), lost.start(), tablet.start()]);
    await pair(home, lost, 'Lost');
    await pair(home, tablet, 'Tablet');
  });
  after(() => world?.close());

  const isKnownTo = async (machine: Machine, jid: string): Promise<boolean> => (await machine.devices()).some((device) => device.jid === jid);

  it('is told it on its return, before it has asked anybody', async () => {
    const { jid } = await lost.status();
    const library = await tablet.library();
    assert.ok((await tablet.json<LibraryPage>(['browse', library.id])).children.length > 2);
    await tablet.stop();
    await home.json(['remove', jid.slice(jid.indexOf('/') + 1), '--yes']);
    await tablet.start();
    const began = Date.now();
    const gone = async (): Promise<boolean> => !(await isKnownTo(tablet, jid)) && !(await isKnownTo(tablet, library.jid));
    await waitUntil('the tablet has heard of it', gone, { timeout: 30_000, interval: 10 });
    process.stdout.write(`      from the return to the end of trust: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    assert.notEqual((await tablet.xpmn(['browse', library.id])).code, 0);
  });

  it('is not undone by a restart of the one that was removed, whatever list it has', async () => {
    const { jid } = await lost.status();
    await lost.stop();
    await lost.start();
    // Whoever is let in hears from the tablet that it has no library.
    const asking = ['browse', (await tablet.status()).jid];
    assert.match((await home.xpmn(asking)).stderr, /not-allowed: .*has no library of its own/);
    assert.match((await lost.xpmn(asking)).stderr, /security-failed|not-trusted|peer-unavailable|connection-lost/);
    assert.equal(await isKnownTo(home, jid), false);
    assert.equal(await isKnownTo(tablet, jid), false);
  });
});
