import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateFilm, generateMedia } from '../peers/media.ts';
import { startMinidlna } from '../peers/minidlna.ts';
import { createNetwork } from '../peers/network.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { Machine } from './machine.ts';
import type { Narrator } from './narrator.ts';
import type { Resources } from './resources.ts';

export const ACCOUNT = 'romeo@home.test';
export const PASSWORD = 'wherefore art thou';
export const NAS_NAME = 'Attic NAS';
/** The film's title on the NAS; nobody but the owner's machines may ever read it. */
export const TITLE = 'The Nightingale at Dawn';
const FILM_BYTES = 100_000_000;

/** Everything of the demonstration that is not the gateway: made once, before the first step. */
export interface World {
  readonly prosody: Prosody;
  /** The film on the disk of the NAS. */
  readonly film: string;
  /** At home behind NAT, beside the NAS. */
  readonly home: Machine;
  /** Somewhere on the internet. */
  readonly laptop: Machine;
}

export async function buildWorld(resources: Resources, narration: { readonly narrator: Narrator; readonly signal: AbortSignal }): Promise<World> {
  const directory = await resources.take(
    () => mkdtemp(join(tmpdir(), 'xpmn-demo-')),
    (path) => rm(path, { recursive: true, force: true }),
  );
  const media = join(directory, 'media');
  await mkdir(join(directory, 'usb'));
  // the film is what takes longest
  const filmed = resources.take(() => fillLibrary(media), () => Promise.resolve());
  const prepared = networkAndServer(resources);
  const [film, { network, prosody }] = await Promise.all([filmed, prepared]);
  const [nas, gateway] = network.home('a').hosts;
  if (!nas || !gateway) throw new Error('the home has too few hosts');
  await resources.take(() => startMinidlna({ media, netns: nas.ns, name: NAS_NAME }), (server) => server.stop());
  const machine = async (name: string, host: typeof nas): Promise<Machine> => {
    const folder = join(directory, name);
    await mkdir(folder);
    await writeFile(join(folder, 'server.pem'), prosody.ca);
    return new Machine(name, folder, host, narration);
  };
  return { prosody, film, home: await machine('home', gateway), laptop: await machine('laptop', network.out) };
}

async function networkAndServer(resources: Resources) {
  const network = await resources.take(() => createNetwork({ homes: ['a'], hosts: 2 }), (built) => built.close());
  const { ns, address } = network.xmpp;
  const [user = ''] = ACCOUNT.split('@');
  const options = { users: { [user]: PASSWORD }, netns: ns, address, trace: true };
  const prosody = await resources.take(() => startProsody(options), (server) => server.stop());
  return { network, prosody };
}

async function fillLibrary(media: string): Promise<string> {
  await generateMedia(media);
  return generateFilm(join(media, 'video'), FILM_BYTES, `${TITLE}.ts`);
}
