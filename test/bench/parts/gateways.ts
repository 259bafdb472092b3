import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProsody } from '../../peers/prosody.ts';
import type { Prosody } from '../../peers/prosody.ts';
import { waitUntil } from '../../peers/wait.ts';
import { Daemon } from './daemon.ts';
import type { Target } from './sink.ts';

/** The two are on one machine, and stand for two homes: they must not find each other but by the server. */
const APART = { mdns: { interfaces: ['none'] } };

const PASSWORD = 'a plague on both your houses';

export interface PairPlan {
  readonly directory: string;
  /** Namespaces of the gateway that has the media servers, and of the one that has the player. */
  readonly near: string | undefined;
  readonly far: string | undefined;
  readonly xmpp: { readonly netns: string | undefined; readonly address: string };
  /** Settings that are not the shipped ones, of both. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  /** The far gateway looks for devices, too: its network must be another one than that of the near side. */
  readonly farLooks?: boolean | undefined;
  /** More lines for the server's configuration. */
  readonly server?: string | undefined;
  /** More arguments for node. */
  readonly nodeArguments?: readonly string[] | undefined;
}

/** Two gateways of one owner on one account. */
export interface Pair {
  readonly near: Daemon;
  readonly far: Daemon;
  readonly pids: readonly number[];
  /** The film of a media server of the near side, as a URL of the far side's media port. */
  film(server: string): Promise<Target>;
  stop(): Promise<void>;
}

/** Made as an owner makes them: `init`, `credentials export`, `credentials import`. */
export async function startPair(plan: PairPlan): Promise<Pair> {
  const { directory, xmpp, nodeArguments = [] } = plan;
  await mkdir(directory, { recursive: true });
  const prosody = await startProsody({ users: { owner: PASSWORD }, netns: xmpp.netns, address: xmpp.address, hash: 'SHA-256', extra: plan.server });
  const [near, far] = (['near', 'far'] as const).map((name) =>
    new Daemon({ name, home: join(directory, name), netns: plan[name], nodeArguments })) as [Daemon, Daemon];
  const stop = async (): Promise<void> => {
    await Promise.all([near.stop(), far.stop()]);
    await prosody.stop();
  };
  try {
    await configure(near, plan.overrides, APART);
    // What the near side shows is to come from there only.
    await configure(far, plan.overrides, plan.farLooks === true ? APART : { ...APART, upnp: { ssdp: { interfaces: ['none'] } } });
    await introduce(directory, prosody, near, far);
    await near.start();
    await far.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { near, far, stop, film: (server) => findFilm(far, server), get pids() { return [near.pid, far.pid]; } };
}

async function configure({ home }: Daemon, overrides: PairPlan['overrides'], own: object): Promise<void> {
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'config.json'), JSON.stringify({ ...overrides, ...own }));
}

async function introduce(directory: string, prosody: Prosody, near: Daemon, far: Daemon): Promise<void> {
  const [password, ca, credentials] = ['password', 'ca.pem', 'far.credentials'].map((name) => join(directory, name)) as [string, string, string];
  await writeFile(password, `${PASSWORD}\n`, { mode: 0o600 });
  await writeFile(ca, prosody.ca);
  await near.xpmn('init', '--jid', `owner@${prosody.domain}`, '--password-file', password, '--server', `${prosody.host}:${prosody.port}`, '--ca', ca);
  await near.start();
  await near.xpmn('credentials', 'export', credentials, '--password-file', password);
  await near.stop();
  await far.xpmn('credentials', 'import', credentials, '--password-file', password);
}

/** Waits until the server is there, and walks through its library to the first film. */
async function findFilm(far: Daemon, server: string): Promise<Target> {
  const device = await waitUntil(`${server} is reachable`, async () => {
    const { devices } = await far.call('devices', {});
    return devices.find(({ name, where, reach }) => name === server && where === 'elsewhere' && reach !== 'unreachable');
  }, { timeout: 60_000, interval: 200 });
  const open = ['root'];
  for (let container = open.shift(); container !== undefined; container = open.shift()) {
    const { children } = await far.call('browse', { device: device.jid, container });
    const film = children.find((child) => child.kind === 'item' && child.uri !== undefined);
    if (film?.kind === 'item' && film.uri !== undefined) return { url: (await far.call('url', { uri: film.uri })).url };
    open.push(...children.filter(({ kind }) => kind === 'container').map(({ id }) => id));
  }
  throw new Error(`${server} shows no film`);
}
