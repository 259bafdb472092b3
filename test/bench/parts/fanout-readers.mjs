/*
 * Whoever is told: TLS clients that open an XML stream each, and take no notice of what comes. In a process of their own, so
 * that what they cost is not counted.
 *
 *   node fanout-readers.mjs PORT COUNT      stdin: {"cert", "key"}, PEM
 */
import tls from 'node:tls';

const [port, count] = process.argv.slice(2).map(Number);
let input = '';
for await (const chunk of process.stdin) input += chunk;
const secureContext = tls.createSecureContext({ ...JSON.parse(input), minVersion: 'TLSv1.3' });

for (let index = 0; index < count; index += 1) {
  const socket = tls.connect({ port, host: '127.0.0.1', secureContext, rejectUnauthorized: false, checkServerIdentity: () => undefined }, () => {
    socket.write(`<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`);
  });
  socket.resume().on('error', () => process.exit());
}
