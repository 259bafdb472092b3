import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBus } from './dbus.ts';
import type { Bus } from './dbus.ts';
import { run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { waitUntil } from './wait.ts';

export interface AvahiOptions {
  readonly netns: string;
  /** Name of the host, without `.local`. */
  readonly host?: string;
  /** It keeps the port of multicast DNS to itself. */
  readonly keepsPort?: boolean;
}

/** One line of `avahi-browse -p` that is resolved. */
export interface Resolved {
  readonly interface: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly instance: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** In the order of the record. */
  readonly txt: readonly string[];
}

export interface Avahi {
  /** The system bus that it is on, which is its own. */
  readonly bus: Bus;
  readonly process: ManagedProcess;
  /** Everything of the type that it knows at once, or finds within a second. */
  browse(type?: string): Promise<Resolved[]>;
  /** Publishes until the process ends; one that is killed says goodbye as well: avahi does. */
  publish(instance: string, port: number, txt: readonly string[], type?: string): Promise<ManagedProcess>;
  /** Starts it again, on the same bus. */
  launch(): Promise<void>;
  /** Ends it (`crash`: without goodbye) and starts it again, on the same bus. */
  restart(options?: { readonly crash?: boolean }): Promise<void>;
  end(options?: { readonly crash?: boolean }): Promise<void>;
  /** Ends it and its bus, and removes its state. Idempotent. */
  stop(): Promise<void>;
}

const PRESENCE = '_presence._tcp';

/** Starts an avahi in a network namespace, at most one in each; takes about a second. */
export async function startAvahi({ netns, host = 'verona', keepsPort = false }: AvahiOptions): Promise<Avahi> {
  const state = await mkdtemp(join(tmpdir(), 'xpmn-avahi-'));
  const bus = await startBus();
  const avahi = new RunningAvahi(netns, state, { host, keepsPort }, bus);
  try {
    await avahi.launch();
    return avahi;
  } catch (error) {
    await avahi.stop();
    throw error;
  }
}

class RunningAvahi implements Avahi {
  readonly bus: Bus;
  process!: ManagedProcess;
  private readonly netns: string;
  private readonly state: string;
  private readonly options: Required<Pick<AvahiOptions, 'host' | 'keepsPort'>>;
  private readonly published: ManagedProcess[] = [];

  constructor(netns: string, state: string, options: RunningAvahi['options'], bus: Bus) {
    this.netns = netns;
    this.state = state;
    this.options = options;
    this.bus = bus;
  }

  async launch(): Promise<void> {
    const config = join(this.state, 'avahi.conf');
    await writeFile(config, configOf(this.options));
    // It has fixed paths under /run: a mount namespace with a /run of its own lets several be at once. That /run is
    // root's, so root it stays.
    const command = `mount -t tmpfs none /run && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f '${config}'`;
    this.process = await startProcess('avahi', ['unshare', '-m', 'sh', '-c', command], { netns: this.netns, env: this.env() });
    await this.process.said(/Server startup complete/);
    const ask = ['dbus-send', `--bus=${this.bus.address}`, '--print-reply', '--dest=org.freedesktop.Avahi', '/', 'org.freedesktop.Avahi.Server.GetHostName'];
    await waitUntil('avahi answers', () => run(ask));
  }

  async browse(type = PRESENCE): Promise<Resolved[]> {
    const browser = await startProcess('avahi-browse', ['avahi-browse', '-rpt', type], { netns: this.netns, env: this.env() });
    // avahi-browse 0.8 waits for ever for what goes while it is being resolved: then it has to be asked anew.
    const gone = browser.said(/^-;/m).then(() => undefined);
    const exit = await Promise.race([browser.exited, gone]).finally(() => browser.stop());
    if (!exit) return this.browse(type);
    if (exit.code !== 0) throw new Error(`avahi-browse: ${browser.output()}`);
    return browser.output().split('\n').filter((line) => line.startsWith('=')).map(resolved);
  }

  async publish(instance: string, port: number, txt: readonly string[], type = PRESENCE): Promise<ManagedProcess> {
    const argv = ['avahi-publish-service', instance, type, String(port), ...txt];
    const publisher = await startProcess('avahi-publish-service', argv, { netns: this.netns, env: this.env() });
    this.published.push(publisher);
    await publisher.said(/Established/);
    return publisher;
  }

  async end({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    if (crash) this.process?.kill('SIGKILL');
    await this.process?.stop();
  }

  async restart(how: { readonly crash?: boolean } = {}): Promise<void> {
    await this.end(how);
    await this.launch();
  }

  async stop(): Promise<void> {
    for (const one of this.published) await one.stop();
    await this.end();
    await this.bus.stop();
    await rm(this.state, { recursive: true, force: true });
  }

  private env(): NodeJS.ProcessEnv {
    return { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: this.bus.address };
  }
}

/** `=;eth0;IPv4;label;type;domain;host;address;port;"txt" "txt"`; the label has its odd bytes as `\123`. */
function resolved(line: string): Resolved {
  const [, name = '', family, label = '', , , host = '', address = '', port, ...txt] = line.split(';');
  const texts = [...txt.join(';').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] as string);
  return { interface: name, family: family as Resolved['family'], instance: unescaped(label), host, address, port: Number(port), txt: texts };
}

function unescaped(label: string): string {
  const bytes = [...label.matchAll(/\\(\d{3})|\\(.)|([^\\])/gu)].map(([, code, escaped, plain]) =>
    code === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from([Number(code)]));
  return Buffer.concat(bytes).toString();
}

function configOf({ host, keepsPort }: RunningAvahi['options']): string {
  return `[server]
host-name=${host}
disallow-other-stacks=${keepsPort ? 'yes' : 'no'}
use-ipv4=yes
use-ipv6=yes
enable-dbus=yes
ratelimit-interval-usec=1000000
ratelimit-burst=1000
[publish]
publish-workstation=no
publish-hinfo=no
[reflector]
[rlimits]
`;
}
