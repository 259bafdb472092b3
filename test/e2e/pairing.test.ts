import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry, LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { PairStart, offeredFrom } from './support/pairing.ts';
import { World } from './support/world.ts';

/** Where the one that is called listens. */
const PORT = 5298;

/** Two machines on one LAN, a media server, and no XMPP server anywhere. */
describe('pairing by PIN, without a server', function () {
  this.timeout(180_000);
  let world: World;
  let nas: Machine;
  let laptop: Machine;
  let starting: PairStart | undefined;

  before(async () => {
    world = await World.create({ serverless: true });
    await world.minidlna();
    nas = await world.machine(world.host('a', 1), { directTcp: { listener: { port: PORT } } });
    // It bridges nothing itself: what it sees comes from the other.
    laptop = await world.machine(world.host('a', 2), { upnp: { ssdp: { interfaces: ['none'] } } });
    await Promise.all([nas.start(), laptop.start()]);
    await nas.library();
  });
  after(() => world?.close());
  afterEach(async () => {
    await starting?.stop();
    starting = undefined;
  });

  it('spends a PIN on a wrong guess, and tells both sides', async () => {
    starting = await PairStart.on(nas);
    const { pin } = await starting.says('open');
    const wrong = await laptop.file('pin', `${pin === '123456' ? '654321' : '123456'}\n`);
    const { code, stderr } = await laptop.xpmn(['pair', 'join', '--pin-file', wrong]);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /xpmn: security-failed: The PIN was wrong/);
    const next = await waitUntil('there is another PIN', async () => {
      const view = await starting?.says('open');
      return view?.pin === pin ? undefined : view;
    });
    assert.equal(next.burnt, 1);
    assert.notEqual((await laptop.status()).network, (await nas.status()).network);
  });

  it('offers SRP to devices of other makes, while a PIN is shown', async () => {
    const { jid } = await nas.status();
    const offered = (): Promise<string[]> => offeredFrom(laptop, world.host('a', 1).address, PORT, jid);
    assert.deepEqual(await offered(), []);
    starting = await PairStart.on(nas);
    await starting.says('open');
    assert.deepEqual(await offered(), ['srp-cb', 'srp']);
  });

  it('makes two machines one network: everything in it is there within seconds', async () => {
    starting = await PairStart.on(nas);
    const pin = await laptop.file('pin', `${(await starting.says('open')).pin}\n`);
    const began = Date.now();
    const joined = await laptop.json<{ jid: string; network: string }>(['pair', 'join', '--pin-file', pin, '--name', 'Laptop']);
    const library = await laptop.library([], { interval: 20 });
    const { children } = await laptop.json<LibraryPage>(['browse', library.id]);
    process.stdout.write(`      from the PIN to the first listing: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    assert.ok(children.length > 2);
    assert.equal(joined.network, (await nas.status()).network);
    assert.match(joined.jid, /@xpmn\.local\/laptop-[a-z2-7]{4}$/);
    assert.equal((await starting.says('paired')).name, 'Laptop');
    assert.deepEqual(reachOf(await laptop.devices(), library.jid), { reach: 'link-local', trust: 'own-hosted' });
  });

  it('carries files, directly', async () => {
    const library = await laptop.library();
    const items = await itemsOf(laptop, library, 'root', 3);
    assert.ok(items.length > 0);
    for (const item of items.slice(0, 3)) {
      const file = join(laptop.folder, 'got');
      await laptop.json(['get', item.uri as string, '-o', file]);
      const direct = join(nas.folder, 'got');
      await nas.json(['get', item.uri as string, '-o', direct]);
      assert.equal(await hash(file), await hash(direct));
      await Promise.all([laptop.discard(file), nas.discard(direct)]);
    }
  });

  it('lasts: after a restart of both they find and trust each other', async () => {
    await Promise.all([nas.stop(), laptop.stop()]);
    await Promise.all([nas.start(), laptop.start()]);
    const library = await laptop.library();
    const { children } = await laptop.json<LibraryPage>(['browse', library.id]);
    assert.ok(children.length > 2);
  });

  it('ends for ever with a removal', async () => {
    const { jid } = await laptop.status();
    const library = await laptop.library();
    await laptop.json<LibraryPage>(['browse', library.id]);
    const began = Date.now();
    await nas.json(['remove', jid.slice(jid.indexOf('/') + 1), '--yes']);
    const isOpen = async (): Promise<boolean> => (await laptop.devices()).some(({ where, reach }) => where === 'elsewhere' && reach === 'link-local');
    await waitUntil('nothing of it is open', async () => !(await isOpen()), { timeout: 20_000, interval: 10 });
    process.stdout.write(`      from the command to the end of its streams: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    const warning = await waitUntil('it says that it was removed', async () => (await laptop.status()).warnings.find((text) => text.includes('was removed')), { timeout: 20_000, interval: 10 });
    process.stdout.write(`      from the command to what the laptop says of it: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    assert.match(warning, /`xpmn pair join --replace`/);
    assert.notEqual((await laptop.xpmn(['browse', library.id])).code, 0);
    assert.equal(await isOpen(), false);
    assert.ok(!(await nas.devices()).some((device) => device.jid === jid));
  });

  it('lets it come back as another device, as it was told to', async () => {
    starting = await PairStart.on(nas);
    const pin = await laptop.file('pin', `${(await starting.says('open')).pin}\n`);
    await laptop.json(['pair', 'join', '--pin-file', pin, '--name', 'Laptop', '--replace', '--yes']);
    const library = await laptop.library();
    assert.ok((await laptop.json<LibraryPage>(['browse', library.id])).children.length > 2);
    assert.ok((await laptop.status()).warnings.every((text) => !text.includes('removed')));
  });
});

function reachOf(devices: readonly GatewayDevice[], jid: string): object | undefined {
  const found = devices.find((device) => device.jid === jid);
  return found && { reach: found.reach, trust: found.trust };
}

async function itemsOf(machine: Machine, library: GatewayDevice, container: string, depth: number): Promise<LibraryEntry[]> {
  const { children } = await machine.json<LibraryPage>(['browse', library.id, container]);
  const below = depth === 0 ? [] : await Promise.all(children.filter(({ kind }) => kind === 'container').slice(0, 3).map(({ id }) => itemsOf(machine, library, id, depth - 1)));
  return [...children.filter(({ kind, uri }) => kind === 'item' && uri !== undefined), ...below.flat()];
}

async function hash(path: string): Promise<string> {
  return createHash('sha256').update(await readFile(path)).digest('hex');
}
