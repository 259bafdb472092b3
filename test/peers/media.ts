import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './process.ts';

/** One generated file; texts are what its tags say. */
export interface MediaFile {
  /** Relative to the library. */
  readonly path: string;
  readonly kind: 'audio' | 'video' | 'image';
  readonly title?: string;
  readonly artist?: string;
  readonly album?: string;
  /** Seconds. */
  readonly duration?: number;
}

const ALBUMS = [
  { folder: 'music/Montagues', artist: 'The Montagues', album: 'Verona', titles: ['Prologue', 'Balcony', 'Tomb'] },
  { folder: 'music/Capulets', artist: 'The Capulets', album: 'Verona', titles: ['Masque', 'Nurse & Friar', 'Potion'] },
  {
    folder: 'music/Björk Ärger',
    artist: 'Björk Ärger',
    album: 'Ünïcode <1> & "more"',
    titles: ['Żółw 東京', "L'été \"indien\"", 'a < b > c', 'ελληνικά 🎵'],
  },
];

/** The library's files in a fixed order: 10 mp3 with cover, flac, ogg, 4 films, 6 pictures. */
export const LIBRARY: readonly MediaFile[] = [
  ...ALBUMS.flatMap(({ folder, artist, album, titles }) =>
    titles.map((title, index): MediaFile => {
      const path = `${folder}/0${index + 1} ${title.replaceAll(/[<>"]/g, '_')}.mp3`;
      return { path, kind: 'audio', title, artist, album, duration: 2 + index };
    }),
  ),
  { path: 'music/Lark & Nightingale äöü.flac', kind: 'audio', title: 'Lark & Nightingale', artist: 'Björk Ärger', album: 'Ünïcode', duration: 3 },
  { path: 'music/plain.ogg', kind: 'audio', title: 'Ogg', artist: 'Mercutio', album: 'Mab', duration: 2 },
  { path: 'video/The Duel.mp4', kind: 'video', title: 'The Duel', duration: 10 },
  { path: 'video/Grüße & Küsse.mkv', kind: 'video', title: 'Grüße & Küsse', duration: 3 },
  { path: 'video/duel.ts', kind: 'video', duration: 3 },
  { path: 'video/deep/er/still <here>.avi', kind: 'video', duration: 2 },
  { path: 'pictures/verona.jpg', kind: 'image' },
  { path: 'pictures/balcony.jpg', kind: 'image' },
  { path: 'pictures/bars.png', kind: 'image' },
  { path: 'pictures/Sommer & Söhne/eins.jpg', kind: 'image' },
  { path: 'pictures/Sommer & Söhne/zwei.jpg', kind: 'image' },
  { path: "pictures/Sommer & Söhne/it's three.png", kind: 'image' },
];

/**
 * Fills `directory` with the library (22 files, 2 MB). Made once a machine with ffmpeg (about 4 s), then copied from
 * a cache in the system's temporary directory; the cache's name holds a hash of this file.
 */
export async function generateMedia(directory: string): Promise<readonly MediaFile[]> {
  const version = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url))).digest('hex').slice(0, 12);
  const cache = join(tmpdir(), `xpmn-media-${process.getuid?.() ?? 0}-${version}`);
  if (!existsSync(cache)) await fillCache(cache);
  await mkdir(directory, { recursive: true });
  await cp(cache, directory, { recursive: true });
  return LIBRARY;
}

/** Whole or not at all: made beside the cache, then renamed; whoever comes second throws his away. */
async function fillCache(cache: string): Promise<void> {
  const work = await mkdtemp(`${cache}-`);
  try {
    const cover = join(work, 'cover.jpg');
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=160x160', '-frames:v', '1', cover]);
    for (const [index, file] of LIBRARY.entries()) {
      const target = join(work, file.path);
      await mkdir(dirname(target), { recursive: true });
      await ffmpeg([...recipe(file, index, cover), ...tags(file), target]);
    }
    await rm(cover);
    await rename(work, cache);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    if (!existsSync(cache)) throw error;
  }
}

function recipe({ path, kind, duration = 1 }: MediaFile, index: number, cover: string): string[] {
  const tone = ['-f', 'lavfi', '-i', `sine=frequency=${200 + 40 * index}:duration=${duration}`];
  const picture = ['-f', 'lavfi', '-i', `testsrc2=s=160x120:r=25:d=${duration}`];
  if (kind === 'image') return ['-f', 'lavfi', '-i', `testsrc2=s=${320 + 16 * index}x240`, '-frames:v', '1'];
  if (path.endsWith('.mp3')) {
    const attached = ['-map', '0:a', '-map', '1:v', '-c:v', 'copy', '-metadata:s:v', 'comment=Cover (front)'];
    return [...tone, '-i', cover, ...attached, '-b:a', '64k', '-id3v2_version', '3'];
  }
  if (kind === 'audio') return tone;
  const codecs: Record<string, string[]> = {
    mp4: ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25', '-c:a', 'aac', '-movflags', '+faststart'],
    mkv: ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'libvorbis'],
    ts: ['-c:v', 'mpeg2video', '-c:a', 'mp2', '-f', 'mpegts'],
    avi: ['-c:v', 'mpeg4', '-c:a', 'libmp3lame'],
  };
  return [...picture, ...tone, ...(codecs[path.slice(path.lastIndexOf('.') + 1)] ?? [])];
}

function tags({ title, artist, album, path }: MediaFile): string[] {
  const track = /\/0(\d) /.exec(path)?.[1];
  const known = { title, artist, album, album_artist: album && artist, track, date: album && '1597', genre: album && 'Tragedy' };
  return Object.entries(known).flatMap(([name, value]) => (value ? ['-metadata', `${name}=${value}`] : []));
}

/** Writes an mp3 of so many seconds, with tags. */
export async function generateSong(target: string, { duration, ...tagged }: { readonly duration: number; readonly title: string; readonly artist: string; readonly album: string; readonly track: number }): Promise<void> {
  const named = Object.entries(tagged).flatMap(([name, value]) => ['-metadata', `${name}=${value}`]);
  await ffmpeg(['-f', 'lavfi', '-i', `sine=frequency=${300 + 50 * tagged.track}:duration=${duration}`, '-b:a', '128k', ...named, target]);
}

/** Writes a picture, by the type that its name says; noise, so that it is not small. */
export async function generateCover(target: string): Promise<void> {
  await ffmpeg(['-f', 'lavfi', '-i', 'nullsrc=s=300x300,geq=random(1)*255:128:128', '-frames:v', '1', target]);
}

/**
 * Writes a playable, seekable film of at least `bytes` bytes (at most 2 MB more) into `directory` and gives its path:
 * MPEG-TS, whose seconds are copies of one another with the clock running on (ffmpeg, stream copy). 1 GB takes seconds.
 */
export async function generateFilm(directory: string, bytes: number, name = 'film.ts'): Promise<string> {
  await mkdir(directory, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'xpmn-film-'));
  try {
    // noise can't be compressed: 16 Mbit/s a second of film
    const part = join(work, 'part.ts');
    const noise = 'nullsrc=s=640x360:r=25:d=10,geq=random(1)*255:128:128';
    const video = ['-c:v', 'mpeg2video', '-g', '12', '-b:v', '16M', '-maxrate', '16M', '-bufsize', '2M'];
    await ffmpeg(['-f', 'lavfi', '-i', noise, '-f', 'lavfi', '-i', 'sine=d=10', ...video, '-c:a', 'mp2', '-f', 'mpegts', part]);
    const target = join(directory, name);
    await ffmpeg(['-stream_loop', '-1', '-i', part, '-map', '0', '-c', 'copy', '-fs', String(bytes), '-f', 'mpegts', target]);
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Writes an mp4 of some ten megabytes, two minutes, whose index lies behind its media. */
export async function generateLateIndex(directory: string, name: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const noise = 'nullsrc=s=320x180:r=25:d=120,geq=random(1)*255:128:128';
  await ffmpeg(['-f', 'lavfi', '-i', noise, '-f', 'lavfi', '-i', 'sine=d=120', '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '3M', '-pix_fmt', 'yuv420p', '-g', '50', '-c:a', 'aac', join(directory, name)]);
}

async function ffmpeg(argv: readonly string[]): Promise<void> {
  await run(['ffmpeg', '-nostdin', '-v', 'error', '-y', ...argv], { timeout: 120_000 });
}
