import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpIn } from './http-in.ts';
import { chooseInterface } from './interfaces.ts';
import { freePort, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { Unrecoverable, waitUntil } from './wait.ts';

export interface MinidlnaOptions {
  /** Directory with music, pictures and films, mixed as they are. */
  readonly media: string;
  readonly netns?: string | undefined;
  /** The first with an address in a namespace, else loopback. */
  readonly interface?: string | undefined;
  /** Goes into its XML as it is: an `&` makes its description malformed. */
  readonly name?: string | undefined;
  /** A free one by default, 8200 in a namespace. */
  readonly port?: number | undefined;
  /** Seconds between announcements. */
  readonly notifyInterval?: number | undefined;
}

export interface Minidlna {
  readonly name: string;
  /** URL of the device description. */
  readonly description: string;
  /** Host and port as in its URLs. */
  readonly authority: string;
  /** UDN without `uuid:`; the same after `restart`. */
  readonly uuid: string;
  readonly process: ManagedProcess;
  /** The number of objects under a container, as the ContentDirectory says. */
  count(container?: string): Promise<number>;
  /** Folders that it watches for changes by now: what comes into others it finds at its next start. */
  watched(): Promise<number>;
  /** Ends it (`crash`: without byebye) and starts it again, with its database. */
  restart(options?: { readonly crash?: boolean }): Promise<void>;
  /** Says byebye, ends, and removes its state; `crash`: without byebye. Idempotent. */
  stop(options?: { readonly crash?: boolean }): Promise<void>;
}

/** Starts ReadyMedia, and waits until it has scanned everything and says so over UPnP. */
export async function startMinidlna(options: MinidlnaOptions): Promise<Minidlna> {
  const state = await mkdtemp(join(tmpdir(), 'xpmn-minidlna-'));
  try {
    const { name: network, address } = await chooseInterface(options.netns, options.interface);
    const port = options.port ?? (options.netns === undefined ? await freePort(address) : 8200);
    const name = options.name ?? 'Verona MiniDLNA';
    const uuid = randomUUID();
    for (const folder of ['db', 'log']) await mkdir(join(state, folder));
    const settings = {
      network_interface: network, port, media_dir: options.media, friendly_name: name, uuid,
      db_dir: join(state, 'db'), log_dir: join(state, 'log'), log_level: 'general,scanner,inotify=info',
      inotify: 'yes', notify_interval: options.notifyInterval ?? 30, minissdpdsocket: join(state, 'minissdpd.sock'),
      root_container: 'B',
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(join(state, 'minidlna.conf'), lines.join(''));
    const server = new RunningMinidlna(options.netns, state, { name, authority: `${address}:${port}`, uuid });
    await server.launch();
    return server;
  } catch (error) {
    await rm(state, { recursive: true, force: true });
    throw error;
  }
}

class RunningMinidlna implements Minidlna {
  readonly name: string;
  readonly authority: string;
  readonly description: string;
  readonly uuid: string;
  process!: ManagedProcess;
  private readonly netns: string | undefined;
  private readonly state: string;

  constructor(netns: string | undefined, state: string, identity: Pick<Minidlna, 'name' | 'authority' | 'uuid'>) {
    this.netns = netns;
    this.state = state;
    this.name = identity.name;
    this.authority = identity.authority;
    this.description = `http://${identity.authority}/rootDesc.xml`;
    this.uuid = identity.uuid;
  }

  async launch(): Promise<void> {
    const argv = ['minidlnad', '-S', '-f', join(this.state, 'minidlna.conf'), '-P', join(this.state, 'minidlna.pid')];
    this.process = await startProcess('minidlna', argv, { netns: this.netns });
    try {
      await waitUntil('minidlna has scanned', () => this.scanned(), { timeout: 60_000, interval: 50 });
    } catch (cause) {
      await this.process.stop();
      throw new Error(`minidlna: ${this.process.output()}${await this.log()}`, { cause });
    }
  }

  async count(container = '64'): Promise<number> {
    const service = 'urn:schemas-upnp-org:service:ContentDirectory:1';
    const action =
      `<u:Browse xmlns:u="${service}"><ObjectID>${container}</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag>` +
      '<Filter>@id</Filter><StartingIndex>0</StartingIndex><RequestedCount>1</RequestedCount><SortCriteria></SortCriteria></u:Browse>';
    const body =
      '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
      `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${action}</s:Body></s:Envelope>`;
    const headers = { SOAPAction: `"${service}#Browse"`, 'Content-Type': 'text/xml; charset="utf-8"' };
    const answer = await httpIn(this.netns, `http://${this.authority}/ctl/ContentDir`, { method: 'POST', headers, body });
    const total = /<TotalMatches>(\d+)</.exec(answer.body)?.[1];
    if (total === undefined) throw new Error(`Browse: ${answer.status} ${answer.body.slice(0, 300)}`);
    return Number(total);
  }

  async watched(): Promise<number> {
    const folder = `/proc/${this.process.pid}/fdinfo`;
    const infos = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
    return infos.join('').match(/^inotify wd:/gm)?.length ?? 0;
  }

  async restart(how: { readonly crash?: boolean } = {}): Promise<void> {
    await this.end(how);
    await this.launch();
  }

  async stop(how: { readonly crash?: boolean } = {}): Promise<void> {
    await this.end(how);
    await rm(this.state, { recursive: true, force: true });
  }

  private async end({ crash = false }: { readonly crash?: boolean }): Promise<void> {
    if (crash) this.process.kill('SIGKILL');
    await this.process.stop();
  }

  /** The log tells the end of the scan (of the first start: later the database is there); the answer, that it is served. */
  private async scanned(): Promise<boolean> {
    if (!this.process.running) throw new Unrecoverable('minidlna ended');
    const log = await this.log();
    if (!/Finished parsing playlists/.test(log)) return false;
    return (await this.count()) >= 0;
  }

  private log(): Promise<string> {
    return readFile(join(this.state, 'log', 'minidlna.log'), 'utf8').catch(() => '');
  }
}
