/**
 * Out-of-band streams against what TLS itself can do: two processes, TLS 1.3 over loopback TCP, alternating runs.
 *
 *   node --import tsx test/bench/oob.ts [rounds] [MiB] [streams] [VARIANTS]
 *
 * VARIANTS: JSON, name to options that differ from the default, each measured as well: '{"large": {"window": 1048576}}'.
 * Prints one JSON document: medians of MB/s and CPU seconds per GiB of each side, and the ratio of the pairs of a round.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import type { KeyName } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { createOutOfBand } from '../../src/xpmn/jingle/applications/oob.ts';
import type { OobSession } from '../../src/xpmn/jingle/applications/oob-session.ts';
import { SendPool } from '../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../src/xpmn/jingle/applications/oob-window.ts';
import type { IncomingStream } from '../../src/xpmn/ports/peer-link.ts';
import type { Lease, OpenMedia } from '../../src/xpmn/ports/media-source.ts';
import { brandSecured } from '../../src/xpmn/ports/security.ts';
import { settings } from '../support/settings.ts';

type Mode = string;
type Overrides = Partial<typeof settings.outOfBand>;
interface Task { readonly mode: Mode; readonly overrides?: Overrides | undefined; readonly bytes: number; readonly streams: number; readonly dir: string; readonly port?: number }
interface Figures { readonly seconds: number; readonly cpu: number; readonly rss: number }
const GIB = 2 ** 30;
const SELF = fileURLToPath(import.meta.url);
const never = new AbortController().signal;

const role = process.argv[2];
if (role === 'sender' || role === 'receiver') process.on('disconnect', () => process.exit());
if (role === 'sender') process.on('message', (task: Task) => void runSender(task));
else if (role === 'receiver') process.on('message', (task: Task) => void runReceiver(task));
else await compare(Number(role ?? 5), Number(process.argv[3] ?? 1024), Number(process.argv[4] ?? 1), JSON.parse(process.argv[5] ?? '{}') as Record<string, Overrides>);

async function compare(rounds: number, mebibytes: number, streams: number, variants: Record<string, Overrides>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'oob-bench-'));
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=bench', '-days', '2',
      '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' });
    const modes: Mode[] = ['oob', ...Object.keys(variants), 'raw-256k', 'raw-16k'];
    const runs = Object.fromEntries(modes.map((mode): [Mode, { send: Figures; receive: Figures }[]] => [mode, []]));
    const of = (mode: Mode): { send: Figures; receive: Figures }[] => runs[mode] as { send: Figures; receive: Figures }[];
    // The first round warms the machine up and is thrown away.
    for (let round = 0; round <= rounds; round += 1) {
      for (const mode of modes) {
        const run = await pair({ mode, overrides: variants[mode], bytes: mebibytes * 2 ** 20, streams, dir });
        if (round > 0) of(mode).push(run);
      }
    }
    const perGib = GIB / (mebibytes * 2 ** 20);
    const table = Object.fromEntries(modes.map((mode) => [mode, {
      mbps: Math.round(median(of(mode).map((run) => (mebibytes * 2 ** 20) / run.receive.seconds / 1e6))),
      sendCpu: round2(median(of(mode).map((run) => run.send.cpu * perGib))),
      receiveCpu: round2(median(of(mode).map((run) => run.receive.cpu * perGib))),
      sendRssMiB: Math.round(median(of(mode).map((run) => run.send.rss / 2 ** 20))),
      receiveRssMiB: Math.round(median(of(mode).map((run) => run.receive.rss / 2 ** 20))),
    }]));
    const toRaw = Object.fromEntries(modes.map((mode) => {
      const ratios = of(mode).map((run, i) => (of('raw-256k')[i]?.receive.seconds ?? 0) / run.receive.seconds).sort((a, b) => a - b);
      return [mode, { median: round2(median(ratios)), least: round2(ratios[0] ?? 0), most: round2(ratios.at(-1) ?? 0) }];
    }));
    const out = { rounds, mebibytes, streams, table, goodputToRaw: toRaw };
    process.stdout.write(`${JSON.stringify(out, undefined, 2)}\n`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function pair(task: Task): Promise<{ send: Figures; receive: Figures }> {
  const sender = fork(SELF, ['sender']);
  const receiver = fork(SELF, ['receiver']);
  const send = figures(sender);
  const receive = figures(receiver);
  sender.send(task);
  const [message] = (await once(sender, 'message')) as [{ port: number }];
  receiver.send({ ...task, port: message.port });
  const both = { send: await send, receive: await receive };
  sender.disconnect();
  receiver.disconnect();
  return both;
}

function figures(child: ChildProcess): Promise<Figures> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: object) => {
      if ('cpu' in message) resolve(message as Figures);
    });
    child.once('exit', () => reject(new Error('A bench process ended early.')));
  });
}

function meter(): () => Figures {
  const start = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  return () => {
    const used = process.cpuUsage(cpu);
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: (used.user + used.system) / 1e6, rss: process.memoryUsage.rss() };
  };
}

async function runSender(task: Task): Promise<void> {
  const read = (name: string): Buffer => readFileSync(join(task.dir, name));
  const server = createServer({ key: read('key.pem'), cert: read('cert.pem'), minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', noDelay: true });
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  server.close();
  socket.on('error', () => undefined);
  const stop = meter();
  if (!task.mode.startsWith('raw')) await sendOob(socket, task);
  else await sendRaw(socket, task.bytes, task.mode === 'raw-16k' ? 16_384 : 262_144);
  process.send?.(stop());
}

async function runReceiver(task: Task): Promise<void> {
  const socket = connect({ port: task.port as number, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  const stop = meter();
  if (!task.mode.startsWith('raw')) await receiveOob(socket, task);
  else await countTo(socket, task.bytes);
  process.send?.(stop());
}

async function sendRaw(socket: TLSSocket, bytes: number, size: number): Promise<void> {
  const block = Buffer.alloc(size, 7);
  for (let left = bytes; left > 0; left -= size) if (!socket.write(block)) await once(socket, 'drain');
}

function countTo(socket: TLSSocket, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    socket.on('data', (data: Buffer) => {
      count += data.length;
      if (count >= bytes) resolve();
    });
  });
}

async function openSession(socket: TLSSocket, task: Task, initiator: boolean): Promise<OobSession> {
  const options = { ...settings.outOfBand, ...task.overrides };
  const method = createOutOfBand(
    { clock: systemClock, pool: new SendPool(options), budget: new WindowBudget(options.windowBudget), givenUp: () => undefined }, options,
  );
  const name = '0'.repeat(64) as KeyName;
  const secured = brandSecured({
    stream: socket, peer: { verdict: 'own', key: name, jid: parseJid('b@example.org/b'), network: name, roles: [] },
    local: parseJid('a@example.org/a'), method: 'bench', role: initiator ? 'initiator' : 'responder', exporter: (_label, length) => Buffer.alloc(length),
  });
  return method.open(secured, method.describe(), { signal: never });
}

async function sendOob(socket: TLSSocket, task: Task): Promise<void> {
  const session = await openSession(socket, task, false);
  const share = task.bytes / task.streams;
  await Promise.all(Array.from({ length: task.streams }, (_, i) => session.send(`s${i}`, memoryMedia(share), { signal: never })));
}

async function receiveOob(socket: TLSSocket, task: Task): Promise<void> {
  const session = await openSession(socket, task, true);
  const share = task.bytes / task.streams;
  await Promise.all(Array.from({ length: task.streams }, (_, i) => new Promise<void>((resolve, reject) => {
    const stream: IncomingStream = session.receive(`s${i}`, { write: (chunk) => stream.consumed(chunk.length), end: resolve, fail: reject }, { size: share });
  })));
}

/** Bytes that are there already: what is measured is the path, not the source. */
function memoryMedia(size: number): OpenMedia {
  return {
    entity: { size, type: 'application/octet-stream', etag: 'bench' },
    range: { from: 0, to: size - 1 },
    read: async (lease: Lease) => {
      for (let left = size; left > 0; ) {
        const count = Math.min(left, lease.buffer().length);
        left -= count;
        const wait = lease.filled(count);
        if (wait) await wait;
      }
    },
    close: () => undefined,
  };
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
