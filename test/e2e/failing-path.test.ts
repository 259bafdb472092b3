import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry, LibraryPage } from '../../src/app/gateway-api.ts';
import { generateFilm } from '../peers/media.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { browseAll } from './support/crawl.ts';
import { heldAgain } from './support/held.ts';
import type { Machine } from './support/machine.ts';
import { BOUND, Player, hashFile } from './support/player.ts';
import { World } from './support/world.ts';

/** More than all buffers on the way together: a player that stops reading stops the media server. */
const SIZE = 150_000_000;
describe('accidents in the middle of a film', function () {
  this.timeout(240_000);
  let world: World;
  let server: Minidlna;
  let a: Machine;
  let b: Machine;
  let nas: GatewayDevice;
  let film: LibraryEntry & { uri: string };
  let wanted: string;
  let clean: () => Promise<void>;

  before(async () => {
    world = await World.create({ media: (directory) => generateFilm(directory, SIZE) });
    [server, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    b = await world.join(a, world.network.out);
    nas = await b.library();
    film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as typeof film;
    wanted = await hashFile(join(world.media, 'film.ts'));
    await plays();
    clean = await heldAgain([a, b]);
  });

  after(() => world?.close());

  it('is whole again after the media server was killed and came back', async () => {
    const player = await Player.open(b, film.uri);
    await server.restart({ crash: true });
    assert.equal(await player.rest(), wanted);
  });

  it('breaks off in bounded time when the media server is gone for good; later it plays again', async () => {
    await b.library();
    const player = await Player.open(b, film.uri);
    server.process.kill('SIGKILL');
    await assert.rejects(player.rest());
    await player.isPrefix(join(world.media, 'film.ts'));
    await server.restart({ crash: true });
    await plays();
  });

  it('is whole when the line of the listener was out for 10 s', async () => {
    await plays();
    const player = await Player.open(b, film.uri);
    await world.plug(false);
    const mended = new Promise((resolve) => setTimeout(resolve, 10_000)).then(() => world.plug(true));
    assert.equal(await player.rest(), wanted);
    await mended;
  });

  it('is whole when the line of the home was out for 10 s', async () => {
    const player = await Player.open(b, film.uri);
    await world.network.cut('a');
    const mended = new Promise((resolve) => setTimeout(resolve, 10_000)).then(() => world.network.mend('a'));
    assert.equal(await player.rest(), wanted);
    await mended;
  });

  it('goes on while the server is restarted; then the library is there again', async () => {
    const player = await Player.open(b, film.uri);
    await world.prosody.restart({ crash: true });
    assert.equal(await player.rest(), wanted);
    await Promise.all([a.online({ timeout: 60_000 }), b.online({ timeout: 60_000 })]);
    nas = await b.library();
    assert.ok((await b.json<LibraryPage>(['browse', nas.id])).children.length > 0);
  });

  it('leaves nothing held', async () => {
    for (let round = 0; round < 3; round += 1) {
      const player = await Player.open(b, film.uri);
      player.leave();
    }
    await clean();
    await plays();
  });

  for (const who of ['sender', 'receiver'] as const) {
    it(`ends in order when the ${who} is told to stop, and plays when it is back`, async () => {
      const machine = who === 'sender' ? a : b;
      const player = await Player.open(b, film.uri);
      assert.deepEqual(await machine.stop(), { code: 0, signal: null });
      assert.deepEqual(await processesOf(machine), []);
      await machine.start();
      await machine.online();
      // It goes on with the other's return, or breaks: it never hangs, and never lies.
      const outcome = await player.rest().catch(() => undefined);
      if (outcome === undefined) await player.isPrefix(join(world.media, 'film.ts'));
      else assert.equal(outcome, wanted);
      await plays();
    });
  }

  async function plays(): Promise<void> {
    nas = await b.library([], { timeout: 60_000 });
    const target = join(b.folder, 'whole');
    const { code, stderr } = await b.xpmn(['get', film.uri, '-o', target, '--range', `${SIZE - 5_000_000}-${SIZE - 1}`], { timeout: BOUND });
    assert.equal(code, 0, stderr);
    assert.ok((await readFile(target)).equals((await readFile(join(world.media, 'film.ts'))).subarray(SIZE - 5_000_000, SIZE)));
  }

  /** Processes that still know the machine's state directory. */
  async function processesOf(machine: Machine): Promise<string[]> {
    const text = await world.network.exec(machine.ns, ['sh', '-c', `grep -lsa ${machine.home} /proc/[0-9]*/environ || true`]);
    return text.split('\n').filter(Boolean);
  }
});
