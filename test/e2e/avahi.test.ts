import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { instanceLabel } from '../../src/xpmn/serverless/link-presence.ts';
import { startAvahi } from '../peers/avahi.ts';
import type { Avahi } from '../peers/avahi.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { World } from './support/world.ts';

/** A machine whose avahi lets nobody else speak multicast DNS, and one without any. */
describe('beside an avahi that keeps the port to itself', function () {
  this.timeout(180_000);
  let world: World;
  let avahi: Avahi;
  let nas: Machine;
  let laptop: Machine;

  before(async () => {
    world = await World.create({ serverless: true });
    await world.minidlna();
    const host = world.host('a', 1);
    avahi = await startAvahi({ netns: host.ns, host: 'nas', keepsPort: true });
    nas = await world.machine(host, {}, avahi.bus.address);
    laptop = await world.machine(world.host('a', 2), { upnp: { ssdp: { interfaces: ['none'] } } });
    await Promise.all([nas.start(), laptop.start()]);
    await nas.library();
  });
  after(async () => {
    await world?.close();
    await avahi?.stop();
  });

  const browse = async (): Promise<void> => {
    const library = await laptop.library();
    const { children } = await laptop.json<LibraryPage>(['browse', library.id]);
    assert.ok(children.length > 2);
    assert.equal((await laptop.devices()).find(({ id }) => id === library.id)?.reach, 'link-local');
  };

  it('is found, joined and browsed', async () => {
    await pair(nas, laptop, 'Laptop');
    await browse();
  });

  it('is announced through avahi alone', async () => {
    const own = (await nas.devices()).filter(({ where }) => where === 'here').map(({ jid }) => jid);
    assert.ok(own.length > 1);
    // and nothing that happened so far has cost it a name
    await waitUntil(`all are announced: ${own.join()}`, async () => {
      const seen = await avahi.browse();
      return own.every((jid) => seen.some(({ instance, txt, host }) => instance === instanceLabel(jid, hostname()) && txt.includes(`jid=${jid}`) && host === 'nas.local'));
    });
  });

  it('is found again when avahi comes back', async () => {
    await avahi.restart({ crash: true });
    const own = (await nas.status()).jid;
    await waitUntil('avahi announces it again', async () => (await avahi.browse()).some(({ txt }) => txt.includes(`jid=${own}`)), { timeout: 30_000 });
    await browse();
  });
});
