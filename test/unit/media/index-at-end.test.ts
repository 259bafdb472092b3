import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PLAIN_PROFILE } from '../../../src/xpmn/ports/player-feed.ts';
import { formatMediaUri } from '../../../src/xpmn/model/media-uri.ts';
import { NAS, startFeed } from '../../support/feed-rig.ts';

const run = promisify(execFile);

/** An mp4 as cameras write it: what says where everything is comes last, so a player reads the head, the end, and the head again. */
async function filmWithIndexAtEnd(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'xpmn-index-'));
  try {
    const path = join(folder, 'film.mp4');
    const noise = 'nullsrc=s=640x360:r=25:d=3,geq=random(1)*255:128:128';
    await run('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', noise, '-c:v', 'mpeg4', '-q:v', '1', path]);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a film with its index at the end', function () {
  this.timeout(60_000);
  let film: Buffer;
  before(async () => {
    film = await filmWithIndexAtEnd();
    assert.ok(film.length > 10_000_000 && film.indexOf('moov') > film.length / 2, 'it is large, and ends with its index');
  });

  it('is looked into with few bytes carried, and again with nearly none', async () => {
    const { feed, port, library, opened, carried } = await startFeed();
    library.addItem('film', 'Film', film);
    const probe = async (): Promise<{ asked: number; bytes: number }> => {
      const before = { asked: opened.length, bytes: carried() };
      const { url } = await feed.media(formatMediaUri({ device: NAS, uid: 'film' }), { address: undefined, profile: PLAIN_PROFILE }, { signal: new AbortController().signal });
      const { stdout } = await run('ffprobe', ['-v', 'error', '-show_entries', 'format=duration:stream=codec_name', '-of', 'csv=p=0', url]);
      assert.match(stdout, /mpeg4[^]*3\.0/);
      return { asked: opened.length - before.asked, bytes: carried() - before.bytes };
    };
    try {
      const [first, second] = [await probe(), await probe()];
      assert.ok(first.bytes < film.length / 4, `${first.bytes} of ${film.length}`);
      assert.ok(second.bytes < 100_000, `${second.bytes} after ${first.bytes}`);
      assert.ok(second.asked <= first.asked);
    } finally {
      await port.stop();
    }
  });
});
