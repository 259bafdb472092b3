import assert from 'node:assert/strict';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { PASSWORD, World } from './support/world.ts';

/** A network that was made without an account gets one; the machines in it are at home. */
describe('a media network that gets an account', function () {
  this.timeout(180_000);
  let world: World;
  let nas: Machine;
  let laptop: Machine;

  before(async () => {
    world = await World.create();
    await world.minidlna();
    nas = await world.machine(world.host('a', 1));
    laptop = await world.machine(world.host('a', 2), { upnp: { ssdp: { interfaces: ['none'] } } });
    await Promise.all([nas.start(), laptop.start()]);
    await nas.library();
    await pair(nas, laptop, 'Laptop');
  });
  after(() => world?.close());

  it('takes its machines along: nothing is paired again', async () => {
    const { network } = await laptop.status();
    const password = await nas.file('password', `${PASSWORD}\n`);
    const ca = await nas.file('ca.pem', world.prosody.ca);
    await nas.json(['init', '--jid', `romeo@${world.prosody.domain}`, '--password-file', password, '--server', `${world.prosody.host}:${world.prosody.port}`, '--ca', ca]);
    await nas.online();
    const began = Date.now();
    await laptop.online({ timeout: 60_000 });
    process.stdout.write(`      the other machine is online ${((Date.now() - began) / 1000).toFixed(1)} s after the first\n`);
    const { jid, network: same } = await laptop.status();
    assert.equal(same, network);
    assert.match(jid, /^romeo@home\.test\/laptop-[a-z2-7]{4}$/);
  });

  it('is reached from there as before, and from anywhere', async () => {
    const library = await laptop.library();
    assert.ok(library.jid.startsWith('romeo@home.test/'));
    assert.ok((await laptop.json<LibraryPage>(['browse', library.id])).children.length > 2);
    const away = await world.join(nas, world.network.out);
    const seen = await away.library();
    assert.equal(seen.jid, library.jid);
    assert.ok((await away.json<LibraryPage>(['browse', seen.id])).children.length > 2);
  });
});
