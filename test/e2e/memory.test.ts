import assert from 'node:assert/strict';
import type { LibraryEntry, LocalUrl } from '../../src/app/gateway-api.ts';
import { generateFilm } from '../peers/media.ts';
import { run } from '../peers/process.ts';
import { browseAll } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import { World } from './support/world.ts';

const FILM = 256 * 1024 * 1024;
/** Takes all bytes, and counts them. */
const PLAYER = 'exec 3<>/dev/tcp/127.0.0.1/$1; printf "GET $2 HTTP/1.1\\r\\nHost: 127.0.0.1:$1\\r\\nConnection: close\\r\\n\\r\\n" >&3; wc -c <&3';
const MIB = 1024 * 1024;

describe('memory of both daemons while gigabytes pass', function () {
  this.timeout(300_000);
  let world: World;
  let a: Machine;
  let b: Machine;
  let url: string;

  before(async () => {
    world = await World.create({ hosts: 2, media: (directory) => generateFilm(directory, FILM) });
    [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    b = await world.join(a, world.network.out);
    const nas = await b.library();
    const film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as LibraryEntry & { uri: string };
    url = (await b.json<LocalUrl>(['url', film.uri])).url;
  });

  after(() => world?.close());

  it('is after 3 GB what it was after 1 GB, give or take 16 MiB', async () => {
    const { port, pathname } = new URL(url);
    const samples: (readonly number[])[] = [];
    for (let film = 0; film < 12; film += 1) {
      const size = await run(['bash', '-c', PLAYER, 'player', port, pathname], { netns: b.ns, timeout: 120_000 });
      assert.ok(Number(size) > FILM, size);
      samples.push(await Promise.all([a, b].map((machine) => machine.memory())));
    }
    for (const [index, name] of ['home', 'away'].entries()) {
      const of = (part: readonly (readonly number[])[]): number[] => part.map((sample) => sample[index] as number);
      const [highest, lowest] = [Math.max(...of(samples.slice(0, 4))), Math.min(...of(samples.slice(8)))];
      // Garbage is collected when it is, and some code is compiled late: what grows for ever shows in the lowest all the same.
      assert.ok(lowest <= highest + 16 * MIB, `${name}: ${of(samples).map((bytes) => Math.round(bytes / MIB)).join(' ')} MiB`);
      assert.ok(highest < 300 * MIB, `${name}: ${highest}`);
    }
  });
});
