import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { LibraryEntry } from '../../src/app/gateway-api.ts';
import { generateFilm } from '../peers/media.ts';
import { browseAll } from './support/crawl.ts';
import { heldAgain } from './support/held.ts';
import { Player, hashFile } from './support/player.ts';
import { World } from './support/world.ts';

describe('a home that gets another public address in the middle of a film', function () {
  this.timeout(180_000);

  it('is missed for a moment; then the film goes on, and nothing of before is held', async () => {
    const world = await World.create({ hosts: 2, media: (directory) => generateFilm(directory, 150_000_000) });
    try {
      const [, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
      const b = await world.join(a, world.network.out);
      const nas = await b.library();
      const film = (await browseAll(b, nas.id)).find(({ title }) => title === 'film') as LibraryEntry & { uri: string };
      const first = await Player.open(b, film.uri);
      first.leave();
      const clean = await heldAgain([a, b]);
      const player = await Player.open(b, film.uri);
      await world.renumber('a', '25.0.0.121');
      assert.equal(await player.rest(), await hashFile(join(world.media, 'film.ts')));
      await clean();
      assert.equal((await b.library()).jid, nas.jid);
    } finally {
      await world.close();
    }
  });
});
