import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateMedia } from '../../peers/media.ts';
import { startMinidlna } from '../../peers/minidlna.ts';
import type { Minidlna, MinidlnaOptions } from '../../peers/minidlna.ts';
import { createNetwork } from '../../peers/network.ts';
import type { Network } from '../../peers/network.ts';
import { startProsody } from '../../peers/prosody.ts';
import type { Prosody, ProsodyOptions } from '../../peers/prosody.ts';
import type { Host } from '../../peers/lan.ts';
import { Machine } from './machine.ts';
import { buildProgram } from './program.ts';

export const PASSWORD = 'wherefore art thou';

/** A user's settings, which are laid over the shipped ones. */
type Config = Readonly<Record<string, unknown>>;

/** Who stands still for a moment is looked for all the same. */
const PATIENT = { lookRound: 6_000 };

export interface WorldOptions {
  readonly homes?: readonly string[];
  readonly hosts?: number;
  readonly prosody?: Partial<ProsodyOptions>;
  /** No XMPP server anywhere. */
  readonly serverless?: boolean;
  /** Fills the folder that the media server shows; the usual library by default. */
  readonly media?: (directory: string) => Promise<unknown>;
}

/**
 * An internet with an XMPP server, homes behind routers, and in the first home a media server. Machines with the program
 * are added by the test; everything is removed by `close`.
 */
export class World {
  readonly network: Network;
  private readonly server: Prosody | undefined;
  /** The folder of the media server. */
  readonly media: string;
  private readonly machines: Machine[] = [];
  private readonly servers: Minidlna[] = [];

  private constructor(network: Network, server: Prosody | undefined, media: string) {
    this.network = network;
    this.server = server;
    this.media = media;
  }

  static async create({ homes = ['a'], hosts = 3, prosody = {}, serverless = false, media = generateMedia }: WorldOptions = {}): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-library-'));
    let network: Network | undefined;
    try {
      await Promise.all([buildProgram(), media(folder)]);
      network = await createNetwork({ homes, hosts });
      const server = serverless ? undefined : await startProsody({ users: { romeo: PASSWORD }, netns: network.xmpp.ns, address: network.xmpp.address, ...prosody });
      return new World(network, server, folder);
    } catch (error) {
      await network?.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get prosody(): Prosody {
    if (!this.server) throw new Error('there is no server in this world');
    return this.server;
  }

  host(home: string, index: number): Host {
    const host = this.network.home(home).hosts[index];
    if (!host) throw new Error(`no host ${index} in ${home}`);
    return host;
  }

  async minidlna(options: Partial<MinidlnaOptions> = {}): Promise<Minidlna> {
    const server = await startMinidlna({ media: this.media, netns: this.host('a', 0).ns, name: 'Shelf', ...options });
    this.servers.push(server);
    return server;
  }

  async machine(host: Host, config: Config = {}, bus?: string, session?: string): Promise<Machine> {
    const pairing = { ...PATIENT, ...(config['pairing'] as object | undefined) };
    const machine = await Machine.create({ ns: host.ns, config: { ...config, pairing }, bus, session });
    this.machines.push(machine);
    return machine;
  }

  /** The first machine of the media network: made on the account, and running. */
  async founder(host: Host, config?: Config): Promise<Machine> {
    const machine = await this.machine(host, config);
    const password = await machine.file('password', `${PASSWORD}\n`);
    const ca = await machine.file('ca.pem', this.prosody.ca);
    const server = `${this.prosody.host}:${this.prosody.port}`;
    await machine.json(['init', '--jid', `romeo@${this.prosody.domain}`, '--password-file', password, '--server', server, '--ca', ca, '--name', 'home']);
    await machine.start();
    await machine.online();
    return machine;
  }

  /** Another machine, with credentials that the first has written. */
  async join(founder: Machine, host: Host, { name = 'away', config, session }: { readonly name?: string; readonly config?: Config; readonly session?: string } = {}): Promise<Machine> {
    const machine = await this.machine(host, config, undefined, session);
    const password = await machine.file('stick-password', 'milk of human kindness\n');
    const stick = join(machine.folder, 'stick');
    await founder.json(['credentials', 'export', stick, '--name', name, '--password-file', password]);
    await machine.json(['credentials', 'import', stick, '--password-file', password]);
    await machine.start();
    await machine.online();
    return machine;
  }

  /** Pulls the cable of the `out` host, or plugs it in again: nobody is told. */
  async plug(isIn: boolean): Promise<void> {
    const { ns, address } = this.network.out;
    const argv = ['ip', 'link', 'set', `p${address.slice(address.lastIndexOf('.') + 1)}`, isIn ? 'up' : 'down'];
    await this.network.exec(ns.replace(/out$/, 'internet'), argv);
  }

  /** The provider gives a home another address; what the router knew of connections is forgotten with the old one. */
  async renumber(home: string, wan: string): Promise<void> {
    const { ns } = this.network.home(home).router;
    const gateway = this.network.out.address.replace(/\d+$/, '1');
    const script = `ip addr flush dev wan && ip addr add ${wan}/24 dev wan && ip route replace default via ${gateway}`;
    await this.network.exec(ns, ['sh', '-c', script]);
  }

  async close(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.remove()));
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.server?.stop();
    await this.network.close();
    await rm(this.media, { recursive: true, force: true });
  }
}
