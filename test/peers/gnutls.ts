import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { launcher, run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';

/** SRP without certificates, in TLS 1.2. */
export const SRP_PRIORITY = 'NORMAL:-KX-ALL:+SRP:-VERS-ALL:+VERS-TLS1.2';

const SERVER_PORT = 5556;
/** Under which numbers srptool knows the groups of RFC 5054. */
const GROUPS = { 1536: 2, 2048: 3, 3072: 4, 4096: 5 } as const;

// Between standard input and output and a port of another network namespace.
const BRIDGE = `
  const socket = require('node:net').connect({ port: Number(process.argv[1]), host: '127.0.0.1', allowHalfOpen: true });
  socket.setNoDelay();
  process.stdin.pipe(socket).pipe(process.stdout);
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit());
  process.stdout.on('error', () => process.exit(1));
`;

export interface GnutlsClientOptions {
  /** Of the server, on a loopback. */
  readonly port: number;
  /** Whose loopback; left out: this machine's. */
  readonly netns?: string;
  readonly user: string;
  readonly pin: string;
  readonly priority?: string;
  readonly more?: readonly string[];
}

/** `gnutls-cli`: what is written to its stdin goes to the server, what comes back is in its output. */
export function startGnutlsClient({ port, netns, user, pin, priority = SRP_PRIORITY, more = [] }: GnutlsClientOptions): Promise<ManagedProcess> {
  const argv = ['gnutls-cli', '--port', String(port), '--priority', priority, '--srpusername', user, '--srppasswd', pin, '--insecure', ...more, '127.0.0.1'];
  return startProcess('gnutls-cli', argv, { netns, stdin: 'pipe' });
}

export interface GnutlsServer {
  readonly process: ManagedProcess;
  readonly port: number;
  /** A new connection to it. Destroying it ends what carries it. */
  connect(): Duplex;
  stop(): Promise<void>;
}

/** `gnutls-serv --echo` with one user. It listens on all addresses, so it is given a namespace of its own. */
export async function startGnutlsServer(
  { netns, user, pin, groupBits = 3072 }: { readonly netns: string; readonly user: string; readonly pin: string; readonly groupBits?: keyof typeof GROUPS },
): Promise<GnutlsServer> {
  const state = await mkdtemp(join(tmpdir(), 'xpmn-gnutls-'));
  const [conf, passwd] = [join(state, 'tpasswd.conf'), join(state, 'tpasswd')];
  try {
    await run(['srptool', '--create-conf', conf]);
    await run(['srptool', '--passwd', passwd, '--passwd-conf', conf, '--username', user, '--index', String(GROUPS[groupBits])], { input: `${pin}\n` });
    const argv = ['gnutls-serv', '--echo', '--port', String(SERVER_PORT), '--priority', SRP_PRIORITY, '--srppasswd', passwd, '--srppasswdconf', conf];
    const process = await startProcess('gnutls-serv', argv, { netns });
    await process.said(/listening on IPv4 .*\.\.\.done/);
    return {
      process,
      port: SERVER_PORT,
      connect: () => connectIn(netns),
      async stop() {
        await process.stop();
        await rm(state, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(state, { recursive: true, force: true });
    throw error;
  }
}

function connectIn(netns: string): Duplex {
  const [command = '', ...rest] = [...launcher({ netns }), process.execPath, '-e', BRIDGE, String(SERVER_PORT)];
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  stream.once('close', () => child.kill());
  return stream;
}
