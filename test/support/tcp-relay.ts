import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Cables made of TCP on loopback that can be cut: neither end's code hears of it but by its socket. */
export class TcpRelay {
  private readonly servers = new Set<Server>();
  private readonly sockets = new Set<Socket>();

  /** The port that leads to `target`. */
  async to(target: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
      }
      const cut = (): void => {
        near.destroy();
        far.destroy();
      };
      pipeline(near, far).catch(cut);
      pipeline(far, near).catch(cut);
    });
    server.listen(0, '127.0.0.1').unref();
    await once(server, 'listening');
    this.servers.add(server);
    return (server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  close(): void {
    for (const server of this.servers) server.close();
    this.servers.clear();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** TCP sockets of this process that are open beyond those of the moment of the call. */
export function socketsBeyondNow(): () => string[] {
  const open = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap');
  const before = open().length;
  return () => open().slice(before);
}
