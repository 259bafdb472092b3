import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FakeMediaServer } from '../fakes/fake-media-server.ts';
import { TONES } from './tones.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'src/app/main.ts');

/**
 * A gateway from the sources, started anew at each change, and a media server for it to find: a fake, on loopback and a
 * port of its own, so that nothing of the house is found, and nobody in the house finds it. The state lives as long as
 * this does. `argv` goes to the daemon. Gives the exit status.
 */
export async function runDev(argv: readonly string[]): Promise<number> {
  const place = await mkdtemp(join(tmpdir(), 'xpmn-dev-'));
  const [home, config] = [join(place, 'home'), join(place, 'config.json')];
  const [ssdpPort, mdnsPort] = [await freeUdpPort(), await freeUdpPort()];
  const server = new FakeMediaServer(TONES, { ssdpPort });
  try {
    await writeFile(config, JSON.stringify({ mdns: { port: mdnsPort, interfaces: ['lo'] }, upnp: { ssdp: { port: ssdpPort, interfaces: ['lo'] }, discovery: { tracker: { loopback: true } } } }));
    await server.start();
    process.stderr.write(`The state is in ${home}, for as long as this runs. To command this gateway, in another terminal, in this directory:
  export XPMN_HOME=${home}
  node --import tsx src/app/main.ts devices
`);
    return await watched(['daemon', '--config', config, ...argv], { ...process.env, XPMN_HOME: home });
  } finally {
    await server.stop();
    await rm(place, { recursive: true, force: true });
  }
}

/** The program under `node --watch`, until it is told to end. */
async function watched(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', '--import', 'tsx', MAIN, ...argv], { cwd: ROOT, stdio: 'inherit', env });
  // A terminal tells the child itself.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
