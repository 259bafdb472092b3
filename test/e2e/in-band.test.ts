import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry } from '../../src/app/gateway-api.ts';
import { browseAll, crawlServer, fileOf, sha256, sorted, told } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { LeakDetector } from './support/secrecy.ts';
import { librarySecrets } from './support/secrets.ts';
import { World } from './support/world.ts';

/** Both homes are behind routers that let nobody in: no two of their addresses meet. */
describe('two homes that can only meet in the server', function () {
  this.timeout(180_000);
  let world: World;
  let server: Minidlna;
  let a: Machine;
  let b: Machine;
  let nas: GatewayDevice;
  let entries: LibraryEntry[];

  before(async () => {
    world = await World.create({ homes: ['a', 'b'], hosts: 2, prosody: { trace: true } });
    [server, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    b = await world.join(a, world.host('b', 0));
    nas = await b.library();
  });

  after(() => world?.close());

  it('shows the whole library through the server', async () => {
    entries = await browseAll(b, nas.id);
    assert.deepEqual(sorted(entries.map(told)), sorted(await crawlServer(server, world.host('a', 1).ns)));
  });

  it('falls back by itself: files come whole, in band, when no connection can be made', async () => {
    for (const path of ['pictures/verona.jpg', 'music/Björk Ärger/03 a _ b _ c.mp3', 'music/Lark & Nightingale äöü.flac']) {
      const entry = entries.find((one) => fileOf(one) === path && one.kind === 'item' && one.uri !== undefined) as LibraryEntry & { uri: string };
      const target = join(b.folder, 'got');
      const since = Date.now();
      const { code, stderr } = await b.xpmn(['get', entry.uri, '-o', target], { timeout: 90_000 });
      process.stdout.write(`      ${path}: there after ${Date.now() - since} ms\n`);
      assert.equal(code, 0, stderr);
      assert.equal(sha256(await readFile(target)), sha256(await readFile(join(world.media, path))), path);
    }
    assert.equal((await b.devices()).find(({ jid }) => jid === nas.jid)?.reach, 'in-band');
  });

  it('lets the server carry all of it and know none of it', async () => {
    const trace = await world.prosody.handledBytes();
    const blocks = trace.toString('latin1').match(/<data [^>]*jabber\.org\/protocol\/ibb/g) ?? [];
    assert.ok(blocks.length > 50, `${blocks.length} blocks`);
    assert.deepEqual(new LeakDetector(await librarySecrets(world.media, entries)).find(trace), []);
  });
});
