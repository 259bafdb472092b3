import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import { browseAll, fileOf, sha256 } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import { PairStart } from './support/pairing.ts';
import { PASSWORD, World } from './support/world.ts';

/** Two homes behind NAT, a media server in one of them, and an XMPP server on the internet. */
describe('pairing by PIN, through the server', function () {
  this.timeout(180_000);
  let world: World;
  let nas: Machine;
  let laptop: Machine;
  let starting: PairStart | undefined;
  let flags: string[];

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 2, prosody: { trace: true } });
    await world.minidlna();
    nas = await world.founder(world.host('a', 1));
    laptop = await world.machine(world.host('b', 1), { upnp: { ssdp: { interfaces: ['none'] } } });
    await laptop.start();
    await nas.library();
    const { prosody } = world;
    flags = ['--jid', `romeo@${prosody.domain}`, '--server', `${prosody.host}:${prosody.port}`,
      '--password-file', await laptop.file('password', `${PASSWORD}\n`), '--ca', await laptop.file('ca.pem', prosody.ca)];
  });
  after(() => world?.close());
  afterEach(async () => {
    await starting?.stop();
    starting = undefined;
  });

  it('finds nobody while nobody waits', async () => {
    const { code, stderr } = await laptop.xpmn(['pair', 'join', ...flags]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /xpmn: not-found: Nobody is waiting for this machine on the account romeo@home\.test: run `xpmn pair start`/);
  });

  it('says so where it is the account that does not let it in', async () => {
    const wrong = flags.with(flags.indexOf('--password-file') + 1, await laptop.file('wrong', 'not that\n'));
    const { code, stderr } = await laptop.xpmn(['pair', 'join', ...wrong]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /xpmn: login-failed: .*Check the name of the account and its password/);
  });

  it('spends a PIN on a wrong guess, and tells both sides', async () => {
    starting = await PairStart.on(nas);
    const { pin } = await starting.says('open');
    const wrong = await laptop.file('pin', `${pin === '123456' ? '654321' : '123456'}\n`);
    const { code, stderr } = await laptop.xpmn(['pair', 'join', ...flags, '--pin-file', wrong]);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /xpmn: security-failed: The PIN was wrong/);
    const next = await waitUntil('there is another PIN', async () => {
      const view = await starting?.says('open');
      return view?.pin === pin ? undefined : view;
    });
    assert.equal(next.burnt, 1);
    assert.notEqual((await laptop.status()).network, (await nas.status()).network);
  });

  it('makes two machines one network: everything in it is there within seconds', async () => {
    starting = await PairStart.on(nas);
    const pin = await laptop.file('pin', `${(await starting.says('open')).pin}\n`);
    const began = Date.now();
    const joined = await laptop.json<{ jid: string; network: string; isChecked: boolean }>(['pair', 'join', ...flags, '--pin-file', pin, '--name', 'Laptop']);
    const library = await laptop.library([], { interval: 20 });
    const { children } = await laptop.json<LibraryPage>(['browse', library.id]);
    process.stdout.write(`      from the PIN to the first listing: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    assert.ok(children.length > 2);
    assert.equal(joined.network, (await nas.status()).network);
    assert.match(joined.jid, /^romeo@home\.test\/laptop-[a-z2-7]{4}$/);
    assert.equal(joined.isChecked, true);
    assert.equal((await starting.says('paired')).name, 'Laptop');
    assert.equal((await laptop.devices()).find(({ jid }) => jid === library.jid)?.trust, 'own-hosted');
  });

  it('carries files', async () => {
    const entries = await browseAll(laptop, (await laptop.library()).id);
    const item = entries.find((entry) => fileOf(entry) !== undefined && entry.uri !== undefined);
    assert.ok(item?.uri !== undefined);
    const target = join(laptop.folder, 'got');
    await laptop.json(['get', item.uri, '-o', target]);
    assert.equal(sha256(await readFile(target)), sha256(await readFile(join(world.media, fileOf(item) as string))));
  });

  it('lasts: after a restart of both they find and trust each other', async () => {
    await Promise.all([nas.stop(), laptop.stop()]);
    await Promise.all([nas.start(), laptop.start()]);
    const library = await laptop.library();
    assert.ok((await laptop.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });
});
