import { once } from 'node:events';
import tls from 'node:tls';
import { startGnutlsClient, startGnutlsServer } from '../../peers/gnutls.ts';
import { Namespaces } from '../../peers/namespaces.ts';
import { testDevice } from '../../support/srp-cb-party.ts';
import { PIN } from './handshake-kinds.ts';
import type { HandshakeKind } from './handshake.ts';

const USER = 'romeo';

/** A bare mutual handshake of Node's own TLS 1.3 with certificates of the same kind, and nobody who looks at them. */
export async function nodeTlsKind(): Promise<HandshakeKind> {
  const [client, server] = await Promise.all(['alice', 'bob'].map(async (name) => (await testDevice(name)).credentials));
  const common = { minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;
  return {
    batch: 20,
    begin([up, down]) {
      const listener = tls.createServer({ ...common, cert: server?.certificate, key: server?.privateKey, requestCert: true });
      const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>;
      listener.emit('connection', down);
      const near = tls.connect({ ...common, socket: up, cert: client?.certificate, key: client?.privateKey, checkServerIdentity: () => undefined });
      const proven = once(near, 'secureConnect');
      return {
        proven,
        complete: Promise.all([proven, accepted]),
        talk() {
          void accepted.then(([far]) => far.pipe(far));
          return {
            ask: async () => {
              await proven;
              near.write('?');
              await once(near, 'data');
            },
          };
        },
        end: () => void accepted.then(([far]) => [near, far].forEach((socket) => socket.destroy())),
      };
    },
  };
}

/** TLS-SRP of GnuTLS in the same group: its client is a process for each handshake, its server one for all. */
export async function startGnutlsKind(): Promise<HandshakeKind & { stop(): Promise<void> }> {
  const spaces = await Namespaces.create();
  try {
    await spaces.add(['srp']);
    const netns = spaces.full('srp');
    const server = await startGnutlsServer({ netns, user: USER, pin: PIN });
    const call = async (): Promise<void> => {
      const client = await startGnutlsClient({ netns, port: server.port, user: USER, pin: PIN });
      client.child.stdin?.end();
      const { code } = await client.exited;
      if (code !== 0) throw new Error(`gnutls-cli: ${client.output()}`);
    };
    return {
      batch: 3,
      begin() {
        const complete = call();
        return { proven: complete, complete, talk: () => ({ ask: () => complete }), end: () => undefined };
      },
      ended: () => Promise.resolve(),
      async stop() {
        await server.stop();
        await spaces.close();
      },
    };
  } catch (error) {
    await spaces.close();
    throw error;
  }
}
