/**
 * Pairs by TLS-SRP with itself, as the program is built, and prints as JSON what that took.
 * Arguments: how many pairs of runs; how many of them at a time.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const { srpIfAvailable } = await import(new URL('../../../dist/app/srp.js', import.meta.url));
const { srp: options } = JSON.parse(readFileSync(new URL('../../../config/gateway.default.json', import.meta.url), 'utf8'));

const [pairs, atATime] = process.argv.slice(2).map(Number);
const [romeo, juliet] = ['romeo@montague.test/phone', 'juliet@capulet.test/tv'];
const outcomes = {};

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
const random = { bytes: (count) => randomBytes(count), fraction: () => Math.random() };
const log = { info: (text) => process.stderr.write(`${text}\n`), warn: (text) => process.stderr.write(`${text}\n`) };

function method(pin) {
  const attempt = { pin, burn: () => Promise.resolve(), done: () => undefined, lost: () => undefined };
  return srpIfAvailable({ clock, random, log, config: { srp: { ...options, runs: 2 * atATime } } }, { begin: () => attempt }, new AbortController().signal);
}

const ours = { right: await method('493021'), wrong: await method('000000') };
const theirs = await method('493021');

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
await once(server, 'listening');

/** One after the other, so that the ends belong together. */
async function socketPair() {
  const accepted = once(server, 'connection');
  const near = connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true });
  return [near, (await accepted)[0]];
}

async function pair(index, [up, down]) {
  const { signal } = new AbortController();
  const own = index % 3 === 0 ? ours.wrong : ours.right;
  const [a, b] = await Promise.allSettled([
    own.secure(up, { role: 'initiator', local: romeo, peer: juliet, signal }),
    theirs.secure(down, { role: 'responder', local: juliet, peer: romeo, signal }),
  ]);
  const outcome = a.status === 'rejected' ? `${a.reason.code} ${b.reason?.code}` : await exchange(a.value, b.value, index);
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}

async function exchange({ stream: near }, { stream: far }, index) {
  const closed = Promise.all([near, far].map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  near.write('x'.repeat(1000));
  await new Promise((resolve) => far.once('data', resolve));
  if (index % 2 === 0) near.destroy();
  else near.end();
  near.resume();
  far.resume();
  await closed;
  return 'opened';
}

function memory() {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

/** Once nothing of it runs any more, as far as that is so. */
async function leftOvers() {
  const find = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid;
    } catch {
      return false;
    }
  }).length;
  for (let turn = 0; find() > 0 && turn < 100; turn += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  return { processes: find(), descriptors: readdirSync('/proc/self/fd').length };
}

const samples = [];
for (let done = 0; done < pairs; done += atATime) {
  const wires = [];
  for (let index = 0; index < atATime; index += 1) wires.push(await socketPair());
  await Promise.all(wires.map((wire, index) => pair(done + index, wire)));
  samples.push({ ...memory(), ...(await leftOvers()) });
}
server.close();
process.stdout.write(JSON.stringify({ outcomes, samples }));
