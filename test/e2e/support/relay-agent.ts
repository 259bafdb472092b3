import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Attack } from './relay.ts';

/**
 * A man in the middle of TCP connections that were redirected to it; a process of its own, as it lives on a router. Lines
 * of stdin say what it does with connections from then on. Arguments: own port, host and port they were for, and PEM
 * files of a key and a certificate of its own.
 */
const [ownPort = '', host = '', port = '', keyFile = '', certificateFile = ''] = process.argv.slice(2);
let attack: Attack = 'pass';

/** Bytes of a direction that pass untouched: greeting, SOCKS5, and most of a handshake; then of each that is touched. */
const FIRST = 6_000;
const EACH = 40_000;

process.stdin.setEncoding('utf8').on('data', (text: string) => {
  attack = text.trim() as Attack;
  process.stdout.write(`now ${attack}\n`);
});

function tamper(what: Attack): Transform {
  let passed = 0;
  let next = FIRST;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const at = next - passed;
      passed += chunk.length;
      if (what === 'pass' || at >= chunk.length) return done(null, chunk);
      next += EACH;
      process.stdout.write(`attacked ${what}\n`);
      if (what === 'cut') return done(new Error('cut'));
      if (what === 'inject') return done(null, Buffer.concat([chunk.subarray(0, at), Buffer.from('\x17\x03\x03\x00\x05wrong'), chunk.subarray(at)]));
      if (what === 'lose') return done(null, Buffer.concat([chunk.subarray(0, at), chunk.subarray(at + 1)]));
      const flipped = Buffer.from(chunk);
      flipped[at] = (flipped[at] as number) ^ 1;
      done(null, flipped);
    },
  });
}

async function relay(near: Socket, far: Socket): Promise<void> {
  const what = attack;
  if (what === 'impostor') return impersonate(near, far);
  const cut = (): void => void [near, far].map((socket) => socket.destroy());
  await Promise.all([pipeline(near, tamper(what), far), pipeline(far, tamper(what), near)]).catch(cut);
}

/** Lets the SOCKS5 handshake pass, then is the other end of TLS to both, with a certificate of its own. */
async function impersonate(near: Socket, far: Socket): Promise<void> {
  const own = { key: readFileSync(keyFile), cert: readFileSync(certificateFile), minVersion: 'TLSv1.3' } as const;
  near.on('data', (chunk: Buffer) => look(chunk, near, far));
  far.on('data', (chunk: Buffer) => look(chunk, far, near));

  function look(chunk: Buffer, from: Socket, to: Socket): void {
    if (chunk[0] !== 0x16) return void to.write(chunk);
    process.stdout.write('attacked impostor\n');
    for (const socket of [near, far]) socket.removeAllListeners('data');
    from.pause();
    from.unshift(chunk);
    const inside = new TLSSocket(from, { ...own, isServer: true, requestCert: true, rejectUnauthorized: false });
    const outside = connectTls({ ...own, socket: to, rejectUnauthorized: false });
    void Promise.all([pipeline(inside, outside), pipeline(outside, inside)]).catch(() => [near, far].map((socket) => socket.destroy()));
  }
}

createServer((near) => {
  const far = connect({ host, port: Number(port) });
  for (const socket of [near, far]) socket.on('error', () => socket.destroy());
  near.once('close', () => far.destroy());
  far.once('close', () => near.destroy());
  void once(far, 'connect').then(() => relay(near, far), () => near.destroy());
}).listen(Number(ownPort), () => process.stdout.write('ready\n'));
