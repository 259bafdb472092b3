import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIBRARY, generateFilm, generateMedia } from '../peers/media.ts';
import { startMinidlna } from '../peers/minidlna.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { run } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';

const ALL_MUSIC = '1$4';
const ALL_VIDEO = '2$8';
const ALL_PICTURES = '3$B';

describe('minidlna as a peer', function () {
  this.timeout(60_000);
  let media: string;
  let server: Minidlna;

  before(async () => {
    media = await mkdtemp(join(tmpdir(), 'xpmn-library-'));
    await generateMedia(media);
    server = await startMinidlna({ media, name: 'Verona und Küche' });
  });

  after(async () => {
    await server?.stop();
    await rm(media, { recursive: true, force: true });
  });

  it('describes itself', async () => {
    const answer = await fetch(server.description);
    const text = await answer.text();
    assert.match(text, /<friendlyName>Verona und Küche<\/friendlyName>/);
    assert.ok(text.includes(`<UDN>uuid:${server.uuid}</UDN>`));
  });

  it('has the whole library once it is started, but for PNG, which it does not know', async () => {
    const of = (kind: string) => LIBRARY.filter((file) => file.kind === kind && !file.path.endsWith('.png')).length;
    assert.equal(await server.count(ALL_MUSIC), of('audio'));
    assert.equal(await server.count(ALL_VIDEO), of('video'));
    assert.equal(await server.count(ALL_PICTURES), of('image'));
  });

  it('finds what is added later', async () => {
    const entries = await readdir(media, { recursive: true, withFileTypes: true });
    const folders = 1 + entries.filter((entry) => entry.isDirectory()).length;
    await waitUntil('it watches all folders', async () => (await server.watched()) >= folders, { timeout: 30_000 });
    const before = await server.count(ALL_MUSIC);
    await cp(join(media, 'music/plain.ogg'), join(media, 'music/later.ogg'));
    await waitUntil('one more', async () => (await server.count(ALL_MUSIC)) === before + 1);
  });

  it('is the same after a crash', async () => {
    const before = await server.count(ALL_MUSIC);
    await server.restart({ crash: true });
    assert.equal(await server.count(ALL_MUSIC), before);
  });

  it('indexes and serves a generated film, which plays and seeks', async () => {
    const film = await generateFilm(join(media, 'video'), 30_000_000);
    const { size } = await stat(film);
    assert.ok(size >= 30_000_000 && size < 32_000_000);
    const count = LIBRARY.filter((file) => file.kind === 'video').length + 1;
    await waitUntil('the film is indexed', async () => (await server.count(ALL_VIDEO)) === count);
    const seconds = Number(await run(['ffprobe', '-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', film]));
    assert.ok(seconds > 10);
    const frame = await run(['ffmpeg', '-nostdin', '-v', 'error', '-ss', String(seconds / 2), '-i', film, '-frames:v', '1', '-f', 'md5', '-']);
    assert.match(frame, /^MD5=/);
  });

  it('makes the library the same each time', async () => {
    const again = await mkdtemp(join(tmpdir(), 'xpmn-library-'));
    try {
      await generateMedia(again);
      const hash = async (folder: string) => createHash('sha256').update(await readFile(join(folder, LIBRARY[0]?.path ?? ''))).digest('hex');
      assert.equal(await hash(again), await hash(media));
    } finally {
      await rm(again, { recursive: true });
    }
  });
});
