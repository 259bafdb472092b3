/*
 * Plain TCP at its cheapest: 256 KiB writes, reads into one buffer. Prints its CPU seconds as JSON when all has passed.
 *
 *   node copy.mjs give ADDRESS BYTES            prints its port first
 *   node copy.mjs take ADDRESS BYTES PORT
 */
import { connect, createServer } from 'node:net';

const [role, address, bytes, port] = process.argv.slice(2);
const BLOCK = Buffer.alloc(262_144, 7);
let left = Number(bytes);

function finish(before) {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ cpu: (user + system) / 1e6 }));
}

if (role === 'give') {
  const server = createServer((socket) => {
    server.close();
    const before = process.cpuUsage();
    socket.on('finish', () => finish(before));
    const more = () => {
      while (left > 0) {
        left -= BLOCK.length;
        if (!socket.write(BLOCK)) return void socket.once('drain', more);
      }
      socket.end();
    };
    more();
  });
  server.listen(0, address, () => console.log(`port ${server.address().port}`));
} else {
  let before;
  const socket = connect({
    host: address,
    port: Number(port),
    onread: { buffer: Buffer.alloc(262_144), callback: () => true },
  }, () => (before = process.cpuUsage()));
  socket.on('close', () => finish(before));
}
