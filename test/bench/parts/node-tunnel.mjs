/**
 * What is left if everything but the path is taken away: the player's and the server's bytes through Node's TLS 1.3. No
 * framing, no streams, no credit, nobody's identity. Read into large buffers on the near side, written per turn of the event
 * loop on the far one.
 *
 *   node node-tunnel.mjs near LISTEN PORT TARGET PORT CIPHER CERTIFICATE KEY
 *   node node-tunnel.mjs far  LISTEN PORT TARGET PORT CIPHER
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import tls from 'node:tls';

const [side, host, port, targetHost, targetPort, ciphers, certificate, key] = process.argv.slice(2);
const TARGET = { host: targetHost, port: Number(targetPort), noDelay: true };
const TLS = { ciphers, minVersion: 'TLSv1.3', highWaterMark: 2 ** 20 };
const BUFFER = 2 ** 19;
const BUFFERS = 3;

if (side === 'near') {
  const secure = { ...TLS, noDelay: true, cert: readFileSync(certificate), key: readFileSync(key) };
  tls.createServer(secure, (player) => join(player, fromOrigin(player))).listen(Number(port), host, ready);
} else {
  createServer({ noDelay: true }, (player) => {
    const home = tls.connect({ ...TARGET, ...TLS, rejectUnauthorized: false });
    player.pipe(home);
    let corked = false;
    home.on('data', (chunk) => {
      if (!corked) {
        corked = true;
        player.cork();
        setImmediate(() => {
          corked = false;
          player.uncork();
        });
      }
      if (player.write(chunk)) return;
      home.pause();
      player.once('drain', () => home.resume());
    });
    join(player, home);
  }).listen(Number(port), host, ready);
}

/** One write for one read, from the buffer that was read into: one is being filled, the others are on their way. */
function fromOrigin(player) {
  const free = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(BUFFER));
  let next = free.pop();
  const origin = connect({
    ...TARGET,
    onread: {
      buffer: () => next,
      callback(count, buffer) {
        next = free.pop();
        player.write(buffer.subarray(0, count), () => {
          free.push(buffer);
          origin.resume();
        });
        return free.length > 0;
      },
    },
  });
  player.pipe(origin);
  return origin;
}

function join(one, other) {
  for (const [from, to] of [[one, other], [other, one]]) {
    from.on('error', () => to.destroy());
    from.on('end', () => to.end());
    from.on('close', () => to.destroySoon());
  }
}

function ready() {
  process.stdout.write('ready\n');
}
