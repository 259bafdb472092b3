import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';

/** A path knows no network namespaces: what comes in on the socket goes out on the network that this runs in. */
const SCRIPT = `
  import { connect, createServer } from 'node:net';
  const [path, host, port] = process.argv.slice(1);
  createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host, port: Number(port), allowHalfOpen: true });
    for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy()).on('close', () => other.destroy());
    near.pipe(far);
    far.pipe(near);
  }).listen(path, () => console.log('ready'));`;

/** A port of this process's own network that leads to one in a namespace. */
export class Tunnel {
  readonly port: number;
  private readonly server: Server;
  private readonly sockets: Set<Socket>;
  private readonly process: ManagedProcess;
  private readonly folder: string;

  private constructor(server: Server, sockets: Set<Socket>, child: ManagedProcess, folder: string) {
    this.server = server;
    this.sockets = sockets;
    this.process = child;
    this.folder = folder;
    this.port = (server.address() as AddressInfo).port;
  }

  static async open(netns: string, host: string, port: number): Promise<Tunnel> {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-tunnel-'));
    const path = join(folder, 'socket');
    const child = await startProcess('tunnel', [process.execPath, '--input-type=module', '-e', SCRIPT, path, host, String(port)], { netns });
    await child.said(/ready/);
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ path, allowHalfOpen: true });
      for (const [one, other] of [[near, far], [far, near]] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy()).on('close', () => (sockets.delete(one), other.destroy()));
      }
      near.pipe(far);
      far.pipe(near);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Tunnel(server, sockets, child, folder);
  }

  /** `url` of inside the namespace, as this process reaches it. */
  through(url: string): string {
    const moved = new URL(url);
    moved.host = `127.0.0.1:${this.port}`;
    return moved.href;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await this.process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
