import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, GatewayStatus, LibraryPage } from '../../src/app/gateway-api.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';
import { hashOf, sizeOf, slice } from './bytes.ts';
import type { Machine } from './machine.ts';
import type { Narrator } from './narrator.ts';
import { playAndSeek } from './player.ts';
import type { Resources } from './resources.ts';
import { serverView } from './server-view.ts';
import { ACCOUNT, NAS_NAME, PASSWORD, TITLE } from './world.ts';
import type { World } from './world.ts';

const FILE_PASSWORD = 'a rose by any other name';
const STICK = '../usb/laptop.xpmn';
const SEEK = 90;

export interface Tour {
  readonly world: World;
  readonly narrator: Narrator;
  readonly resources: Resources;
}

/** The whole tour, step by step. @throws StepFailed at the first step that is not what it should be */
export async function runSteps(tour: Tour): Promise<void> {
  const daemons = await setUp(tour);
  const { nas, film } = await lookAround(tour);
  await fetchFilm(tour, film);
  await playFilm(tour, film);
  await lookBehind(tour, nas);
  await stopAll(tour, daemons);
}

async function setUp({ world: { home, laptop }, narrator, resources }: Tour): Promise<ManagedProcess[]> {
  const daemons: ManagedProcess[] = [];
  const start = async (machine: Machine): Promise<void> => {
    const daemon = await resources.take(() => machine.daemon(), (running) => running.stop());
    daemons.push(daemon);
    const isOnline = async (): Promise<boolean> => (await machine.ask<GatewayStatus>('status')).connection.state === 'online';
    await waitUntil(`${machine.name} is online`, isOnline, { interval: 200 }).catch((cause: unknown) => {
      throw new Error(`${machine.name} does not come online: ${daemon.output()}`, { cause });
    });
    narrator.check(true, `${machine.name} is online`);
  };

  await narrator.step('Make the media network', 'Once, at home: the keys are made here and stay here. The XMPP account is only the way there.', async () => {
    await secretFile(home, 'account-password', PASSWORD);
    await home.xpmn('init', '--jid', ACCOUNT, '--password-file', 'account-password', '--ca', 'server.pem', '--name', 'Home');
    await start(home);
  });

  await narrator.step('Take the laptop in', 'A file under a password, carried by USB stick: the laptop becomes a device of the same owner.', async () => {
    await secretFile(home, 'file-password', FILE_PASSWORD);
    await secretFile(laptop, 'file-password', FILE_PASSWORD);
    await home.xpmn('credentials', 'export', STICK, '--name', 'Laptop', '--password-file', 'file-password');
    await laptop.xpmn('credentials', 'import', STICK, '--password-file', 'file-password');
    await start(laptop);
  });
  return daemons;
}

async function lookAround({ world: { laptop }, narrator }: Tour): Promise<{ nas: string; film: string }> {
  let nas = '';
  await narrator.step('Which devices are there?', 'The NAS knows nothing of all this: the gateway at home found it by UPnP and gave it an address.', async () => {
    const found = await waitUntil('the NAS is there', () => findNas(laptop), { interval: 200 });
    nas = found.id;
    narrator.check((await laptop.xpmn('devices')).includes(nas), `“${NAS_NAME}” is there, trusted by the owner's signature: ${found.trust}`);
  });

  let folder = '';
  await narrator.step('What is on the NAS?', 'The listing comes end to end encrypted, through an XMPP server that can\'t read it.', async () => {
    const text = await laptop.xpmn('browse', nas);
    folder = (await entry(laptop, ['browse', nas], 'video')).id;
    narrator.check(text.includes(folder), 'the folders of the NAS, each with its id');
  });

  let film = '';
  await narrator.step('What is in a folder?', 'With the id that was printed.', async () => {
    const text = await laptop.xpmn('browse', nas, folder);
    film = (await entry(laptop, ['browse', nas, folder], TITLE)).uri ?? '';
    narrator.check(film !== '' && text.includes(film), `“${TITLE}” is there, with the URI that fetches it`);
  });
  return { nas, film };
}

async function fetchFilm({ world, narrator }: Tour, uri: string): Promise<void> {
  const { laptop, film } = world;
  const size = await sizeOf(film);
  await narrator.step('Fetch the film', 'Straight from home to the laptop, past the server, with no port forwarded.', async () => {
    const start = performance.now();
    await laptop.xpmn('get', uri, '-o', 'film.ts');
    const rate = (size * 8) / (performance.now() - start) / 1000;
    const copy = await hashOf(join(laptop.folder, 'film.ts'));
    narrator.check(copy === (await hashOf(film)), `${size} bytes, ${Math.round(rate)} Mbit/s; SHA-256 as on the disk of the NAS: ${copy.slice(0, 16)}…`);
  });

  await narrator.step('Fetch a part of it', 'Any range, as players need it to jump about.', async () => {
    const [first, last] = [50_000_000, 50_999_999];
    await laptop.xpmn('get', uri, '--range', `${first}-${last}`, '-o', 'part.bin');
    const part = await slice(join(laptop.folder, 'part.bin'), 0, size);
    narrator.check(part.equals(await slice(film, first, last - first + 1)), `the very ${part.length} bytes of the file on the NAS`);
  });
}

async function playFilm({ world: { laptop }, narrator }: Tour, uri: string): Promise<void> {
  let url = '';
  await narrator.step('A URL for any player', 'Plain HTTP on the laptop itself; what stands behind it is the encrypted stream.', async () => {
    url = /http:\/\/\S+/.exec(await laptop.xpmn('url', uri))?.[0] ?? '';
    narrator.check(url !== '', 'a local address that nobody can guess, for this film alone');
    const words = ['-v', 'error', '-show_entries', 'format=duration:stream=codec_type,codec_name', '-of', 'json', url];
    narrator.command(laptop.name, `ffprobe ${words.slice(2, 4).join(' ')} ${url}`);
    const { code, stdout, stderr } = await laptop.run(['ffprobe', ...words]);
    narrator.check(code === 0, 'ffprobe reads it', `ffprobe: ${stderr.trim()}`);
    const { streams, format } = JSON.parse(stdout) as { streams: { codec_type: string; codec_name: string }[]; format: { duration: string } };
    narrator.output([`duration ${format.duration} s`, ...streams.map((one) => `${one.codec_type} ${one.codec_name}`)].join('\n'));
    const kinds = streams.map((one) => one.codec_type).sort().join();
    narrator.check(kinds === 'audio,video' && Math.abs(Number(format.duration) - 47.8) < 2, 'picture and sound, and the length that it has at home');
  });

  await narrator.step('Play it', `mpv, without a screen here, plays it and jumps to ${SEEK} %.`, async () => {
    narrator.command(laptop.name, `mpv --vo=null --ao=null ${url}`);
    const { duration, landed, ended } = await playAndSeek(laptop, url, SEEK);
    narrator.output(`of ${duration.toFixed(1)} s: landed at ${landed.toFixed(1)} s, played on to ${ended.toFixed(1)} s`);
    narrator.check(landed > (duration * (SEEK - 5)) / 100 && ended > landed, `plays at ${SEEK} % of the film`);
  });
}

async function lookBehind({ world: { laptop, prosody, film }, narrator }: Tour, nas: string): Promise<void> {
  await narrator.step('Which way did it go?', 'Direct: laptop and home are connected to each other, not through the server.', async () => {
    await laptop.xpmn('status');
    const text = await laptop.xpmn('devices');
    const reach = (await findNas(laptop))?.reach;
    narrator.check(reach === 'direct' && text.includes(reach), `the path to ${nas} is direct`, `the path to ${nas} is ${String(reach)}`);
  });

  await narrator.step('What did the server see?', 'This server writes down all that it handles, decrypted. That is all there is to see.', async () => {
    const secrets = [TITLE, 'The Duel', 'Björk'].map((text) => Buffer.from(text));
    const middle = await slice(film, 50_000_000, 32);
    const { stanzas, bytes, calls, found } = await serverView(prosody, [...secrets, middle]);
    narrator.output(`${stanzas} stanzas, ${bytes} bytes, ${calls} of them calls between the devices`);
    narrator.check(calls > 0, 'it did see that the devices call one another');
    narrator.check(bytes < (await sizeOf(film)) / 20, 'it did not carry the film');
    narrator.check(found === 0, `“${TITLE}”, other titles, bytes of the film: found nowhere, base64 undone`);
  });
}

async function stopAll({ narrator }: Tour, daemons: readonly ManagedProcess[]): Promise<void> {
  await narrator.step('Stop', 'Ctrl-C, or a service manager\'s TERM: everything is closed politely.', async () => {
    const ends = await Promise.all(daemons.map((daemon) => daemon.stop()));
    narrator.check(ends.every(({ code }) => code === 0), 'both daemons have ended, with exit status 0', daemons.map((daemon) => daemon.output()).join('\n'));
  });
}

async function findNas(machine: Machine): Promise<GatewayDevice | undefined> {
  const { devices } = await machine.ask<{ devices: GatewayDevice[] }>('devices');
  return devices.find(({ name, kind }) => name === NAS_NAME && kind === 'media-server');
}

async function entry(machine: Machine, words: readonly string[], title: string): Promise<LibraryPage['children'][number]> {
  const { children } = await machine.ask<LibraryPage>(...words);
  const found = children.find((child) => child.title === title);
  if (!found) throw new Error(`${title} is not among ${children.map((child) => child.title).join(', ')}`);
  return found;
}

async function secretFile(machine: Machine, name: string, text: string): Promise<void> {
  const path = join(machine.folder, name);
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  await chmod(path, 0o600);
}
