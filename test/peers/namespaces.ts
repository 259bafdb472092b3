import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { run } from './process.ts';
import { waitUntil } from './wait.ts';

const PREFIX = 'xpmn-';

/** Network namespaces of one run: named by its process id, so that a later run finds what a crashed one left. */
export class Namespaces {
  readonly prefix = `${PREFIX}${process.pid}-${randomBytes(3).toString('hex')}`;
  private readonly names = new Set<string>();

  static async create(): Promise<Namespaces> {
    if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
    await removeLeftovers();
    return new Namespaces();
  }

  /** Makes empty namespaces in which a bridge is not filtered, IPv6 addresses work at once and names have no DNS. */
  async add(names: readonly string[], hosts: Readonly<Record<string, string>> = {}): Promise<void> {
    const full = names.map((name) => this.full(name));
    const known = Object.entries(hosts).map(([host, address]) => `${address} ${host}\n`);
    for (const name of full) {
      this.names.add(name);
      await mkdir(`/etc/netns/${name}`, { recursive: true });
      await writeFile(`/etc/netns/${name}/hosts`, `127.0.0.1 localhost\n${known.join('')}`);
      // nobody listens there: a look-up fails at once instead of timing out
      await writeFile(`/etc/netns/${name}/resolv.conf`, 'nameserver 127.0.0.1\n');
    }
    await batch(full.map((name) => `netns add ${name}`));
    await Promise.all(full.map((name) => run(['sh', '-c', SETTINGS], { netns: name })));
  }

  full(name: string): string {
    return `${this.prefix}-${name}`;
  }

  /** Lines for `ip` inside a namespace. */
  async ip(name: string, lines: readonly string[]): Promise<void> {
    await batch(lines, ['-n', this.full(name)]);
  }

  /** Joins pairs of namespaces by a cable; both ends are up. */
  async cables(pairs: readonly (readonly [string, string, string, string])[]): Promise<void> {
    await batch(pairs.map(([a, end, b, other]) => `link add ${end} netns ${this.full(a)} type veth peer name ${other} netns ${this.full(b)}`));
    const ends = new Map<string, string[]>();
    for (const [a, end, b, other] of pairs) {
      for (const [name, device] of [[a, end], [b, other]] as const) ends.set(name, [...(ends.get(name) ?? []), `link set ${device} up`]);
    }
    await Promise.all([...ends].map(([name, lines]) => this.ip(name, lines)));
  }

  /** Ends what still runs inside, and removes everything. Idempotent. */
  async close(): Promise<void> {
    const names = [...this.names];
    this.names.clear();
    await removeNamespaces(names);
  }
}

const SETTINGS = `ip link set lo up
for f in /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables; do
  [ ! -e $f ] || echo 0 >$f
done
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad`;

async function batch(lines: readonly string[], options: readonly string[] = []): Promise<void> {
  if (lines.length > 0) await run(['ip', ...options, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Namespaces of runs whose process is gone. */
async function removeLeftovers(): Promise<void> {
  await removeNamespaces((await namespaces()).filter((name) => isDead(Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]))));
}

async function namespaces(): Promise<string[]> {
  return (await run(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
}

function isDead(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const pids = (await Promise.all(names.map(pidsIn))).flat();
    for (const pid of pids) end(pid, signal);
    const empty = async () => (await Promise.all(names.map(pidsIn))).flat().length === 0;
    if (await waitUntil('the namespaces are empty', empty, { timeout: 3_000 }).catch(() => false)) break;
  }
  // Another run may remove what a crashed one has left, at the same time.
  await batch(names.map((name) => `netns del ${name}`), ['-force']).catch(async (error: unknown) => {
    const left = await namespaces();
    if (names.some((name) => left.includes(name))) throw error;
  });
  await Promise.all(names.map((name) => rm(`/etc/netns/${name}`, { recursive: true, force: true })));
}

async function pidsIn(name: string): Promise<number[]> {
  const text = await run(['ip', 'netns', 'pids', name]).catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
