import assert from 'node:assert/strict';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { delay, waitUntil } from '../../peers/wait.ts';
import type { WaitOptions } from '../../peers/wait.ts';
import type { Machine } from './machine.ts';

/** What a process holds open; equal before and after means that nothing leaked. Named, so that a leak is known by its name. */
export type Held = readonly string[];

/** Everything behind the process' descriptors: files by path, connections by state and addresses. */
export async function heldBy(pid: number): Promise<Held> {
  const numbers = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(numbers.map((number) => readlink(`/proc/${pid}/fd/${number}`).catch(() => undefined)));
  const sockets = await socketsOf(pid);
  return targets.filter((target) => target !== undefined).map((target) => sockets.get(target) ?? target).sort();
}

/** Waits until a daemon has no connection to any of those addresses (`host` or `host:port`) any more. */
export async function letGoOf(machine: Machine, addresses: readonly string[], options: WaitOptions = {}): Promise<void> {
  let left: Held = [];
  await waitUntil(`nothing is held of ${addresses.join(', ')}`, async () => {
    left = (await heldBy(machine.pid)).filter((one) => / (ESTABLISHED|CLOSE_WAIT|FIN_WAIT1|FIN_WAIT2) /.test(one) && addresses.some((address) => `${one.split(' ').at(-1)}:`.startsWith(`${address}:`)));
    return left.length === 0;
  }, options).catch(() => assert.deepEqual(left, [], 'connections to who is dead'));
}

/** Seconds of CPU time that a process takes in so many milliseconds. */
export async function cpuOf(pid: number, during: number): Promise<number> {
  const taken = async (): Promise<number> => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const before = await taken();
  await delay(during);
  return (await taken()) - before;
}

/** Remembers what the daemons hold open when they rest; the result waits until they hold no more than that again. */
export async function heldAgain(machines: readonly Machine[]): Promise<() => Promise<void>> {
  const before = await Promise.all(machines.map(resting));
  return async () => {
    for (const [index, machine] of machines.entries()) {
      const allowed = before[index] as Held;
      let now: Held = [];
      const isBack = async (): Promise<boolean> => {
        now = await heldBy(machine.pid);
        return now.length <= allowed.length && listeners(now) <= listeners(allowed);
      };
      await waitUntil('everything is let go', isBack, { timeout: 40_000, interval: 200 })
        .catch(() => assert.deepEqual(now, allowed, 'something is held for ever'));
    }
  };
}

/** Kept connections are closed in a few seconds: rest is when the number falls no more. */
async function resting(machine: Machine): Promise<Held> {
  let last = await heldBy(machine.pid);
  let since = performance.now();
  await waitUntil('the daemon rests', async () => {
    const now = await heldBy(machine.pid);
    if (now.length < last.length || listeners(now) < listeners(last)) since = performance.now();
    last = now;
    return performance.now() - since > 6_000;
  }, { timeout: 60_000, interval: 200 });
  return last;
}

function listeners(held: Held): number {
  return held.filter((one) => one.includes(' LISTEN ')).length;
}

/** @see `man 5 proc`, net/tcp */
const STATES: Readonly<Record<string, string>> = {
  '01': 'ESTABLISHED', '02': 'SYN_SENT', '03': 'SYN_RECV', '04': 'FIN_WAIT1', '05': 'FIN_WAIT2', '06': 'TIME_WAIT',
  '07': 'CLOSE', '08': 'CLOSE_WAIT', '09': 'LAST_ACK', '0A': 'LISTEN', '0B': 'CLOSING',
};

/** `socket:[INODE]` to what that is, for the namespace of the process. */
async function socketsOf(pid: number): Promise<ReadonlyMap<string, string>> {
  const sockets = new Map<string, string>();
  for (const protocol of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const [, ...lines] = (await readFile(`/proc/${pid}/net/${protocol}`, 'utf8')).trim().split('\n');
    for (const line of lines) {
      const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      sockets.set(`socket:[${inode}]`, `${protocol} ${STATES[state] ?? state} ${readable(local)} ${readable(remote)}`);
    }
  }
  return sockets;
}

/** IPv4 as people write it; IPv6 as the kernel does. */
function readable(address: string): string {
  const [host = '', port = ''] = address.split(':');
  const written = host.length === 8 ? (host.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)).join('.') : host;
  return `${written}:${Number.parseInt(port, 16)}`;
}
