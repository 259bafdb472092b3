import { once, setMaxListeners } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createXmlStreamMethod } from '../../../src/xpmn/jingle/applications/xml-stream.ts';
import type { EndToEndStream } from '../../../src/xpmn/jingle/applications/end-to-end-stream.ts';
import { createX509 } from '../../../src/xpmn/jingle/security/tls.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/xpmn/kernel/system.ts';
import type { SecuredStream } from '../../../src/xpmn/ports/security.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { deviceKeyOf } from '../../../src/xpmn/trust/certificate.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { startProcess } from '../../peers/process.ts';
import { settings } from '../../support/settings.ts';
import { testDevice } from '../../support/srp-cb-party.ts';

const SCRIPT = fileURLToPath(new URL('fanout-readers.mjs', import.meta.url));
const never = new AbortController().signal;
// As many listeners as there are sessions.
setMaxListeners(0, never);

/** TLS sessions of one gateway to readers in another process, each another device's. */
export interface ToldSessions {
  /** With an XML stream on each. */
  readonly streams: readonly EndToEndStream[];
  /** As many more that are only secured. */
  readonly bare: readonly SecuredStream[];
  stop(): Promise<void>;
}

export async function startToldSessions(count: number): Promise<ToldSessions> {
  const [gateway, reader] = await Promise.all([testDevice('gateway'), testDevice('reader')]);
  const method = createX509({ credentials: gateway.credentials, clock }, settings.tls);
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  const all = collect(listener, 2 * count);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const readers = await startProcess('readers', [process.execPath, SCRIPT, String((listener.address() as AddressInfo).port), String(2 * count)], { stdin: 'pipe' });
  readers.child.stdin?.end(JSON.stringify({ cert: reader.credentials.certificate, key: reader.credentials.privateKey }));
  const local = parseJid('romeo@home.test/gateway');
  const key = deviceKeyOf(reader.certificate);
  const secure = (socket: Socket, jid: Jid): Promise<SecuredStream> => method.secure(socket, {
    role: 'responder', local, peer: jid, announcedFingerprint: reader.fingerprint, methods: { initiator: ['x509'], responder: ['x509'] }, signal: never,
    accept: () => Promise.resolve({ verdict: 'own', key, jid, network: key, roles: [] }),
  });
  const secured = await Promise.all((await all).map((socket, index) => secure(socket, parseJid(`romeo@home.test/reader-${index}`))));
  const router = new IqRouter({ log: silentLogger }, settings.iq);
  const application = createXmlStreamMethod({ clock, random, log: silentLogger, router }, { ...settings.xmlStream, limits: settings.xml.endToEndStream, iq: settings.iq });
  const streams = await Promise.all(secured.slice(0, count).map((one) => application.open(one, application.describe(), { signal: never })));
  return {
    streams, bare: secured.slice(count),
    async stop() {
      for (const { stream } of secured) stream.destroy();
      listener.close();
      await readers.stop();
    },
  };
}

function collect(listener: ReturnType<typeof createServer>, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  return new Promise((resolve) => {
    listener.on('connection', (socket) => {
      if (sockets.push(socket) === count) resolve(sockets);
    });
  });
}
