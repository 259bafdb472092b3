import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry } from '../../../src/app/gateway-api.ts';
import type { NamedView } from '../../../src/app/control/operations.ts';
import { generateSong } from '../../peers/media.ts';
import { waitUntil } from '../../peers/wait.ts';
import { browseAll } from './crawl.ts';
import { listenToLines } from './event-log.ts';
import type { EventLog } from './event-log.ts';
import type { Machine } from './machine.ts';

export type Playable = LibraryEntry & { readonly uri: string };

/** Songs that are long enough to be paused and searched in. */
export const SONGS = ['Prologue of the long night', 'Second watch', 'Third watch'] as const;
export const SONG_SECONDS = 180;
export const BROAD_SONG = 'Broad';

export async function generateSongs(directory: string): Promise<void> {
  await mkdir(join(directory, 'music'), { recursive: true });
  for (const [index, title] of SONGS.entries()) await generateSong(join(directory, 'music', `${index + 1}.mp3`), { title, artist: 'The Watchmen', album: 'Night', track: index + 1, duration: SONG_SECONDS });
}

/** A song that no player can take in at once: 90 kB for each second. */
export async function generateBroadSong(directory: string): Promise<void> {
  await mkdir(join(directory, 'music'), { recursive: true });
  await generateSong(join(directory, 'music', 'Broad.wav'), { title: BROAD_SONG, artist: 'The Watchmen', album: 'Night', track: 1, duration: SONG_SECONDS });
}

/** The songs of the first library that this machine sees. */
export async function findSongs(machine: Machine, titles: readonly string[] = SONGS): Promise<Playable[]> {
  const nas = await machine.library();
  const entries = await browseAll(machine, nas.id);
  return titles.map((title) => {
    const found = entries.find((entry) => entry.title === title && entry.uri !== undefined);
    if (!found) throw new Error(`no ${title} in ${entries.map((entry) => entry.title).join(', ')}`);
    return found as Playable;
  });
}

/** Waits until a player is there for this machine. */
export function findPlayer(machine: Machine, name: RegExp): Promise<GatewayDevice> {
  const find = async (): Promise<GatewayDevice | undefined> =>
    (await machine.devices()).find((device) => device.kind === 'media-player' && device.reach !== 'unreachable' && name.test(device.name));
  return waitUntil(`a player ${String(name)} is there`, find, { timeout: 40_000, interval: 100 });
}

/** `xpmn now --watch`, with a document for each change. */
export interface Watch extends EventLog {
  /** The first view after `since` (Unix ms) that is as wanted, and when it was shown. */
  until(what: string, wanted: (view: NamedView) => boolean, since?: number): Promise<{ readonly at: number; readonly view: NamedView }>;
  latest(): NamedView | undefined;
}

export async function watch(machine: Machine, device: GatewayDevice): Promise<Watch> {
  const process = await machine.run(['now', '--on', device.jid, '--watch', '--json']);
  const lines = listenToLines(process);
  const views = (): { at: number; view: NamedView }[] => lines.heard().map(({ at, text }) => ({ at, view: JSON.parse(text) as NamedView }));
  await waitUntil('the player is watched', () => {
    if (!process.running) throw new Error(process.output());
    return views().at(-1)?.view.status;
  }, { timeout: 20_000 });
  return {
    heard: () => lines.heard(),
    next: (...args) => lines.next(...args),
    stop: () => lines.stop(),
    latest: () => views().at(-1)?.view,
    until: (what, wanted, since = 0) =>
      waitUntil(`now --watch shows ${what}`, () => views().find(({ at, view }) => at >= since && wanted(view)), { timeout: 20_000, interval: 2 }).catch((cause: unknown) => {
        throw new Error(`${what}: ${JSON.stringify(views().slice(-3))} ${process.output().slice(-500)}`, { cause });
      }),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
