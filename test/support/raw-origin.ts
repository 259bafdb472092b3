import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What a raw origin does with one request on one connection. `count` is how many requests there were before, in all. */
export type Answer = (socket: Socket, request: string, count: number) => void;

/** A TCP server that answers whatever a test wants to requests it does not understand. */
export class RawOrigin {
  readonly requests: string[] = [];
  /** Connections that were made, in all. */
  connections = 0;
  private readonly server = net.createServer((socket) => this.accept(socket));
  private readonly sockets = new Set<Socket>();
  private readonly answer: Answer;

  private constructor(answer: Answer) {
    this.answer = answer;
  }

  static async start(answer: Answer): Promise<RawOrigin> {
    const origin = new RawOrigin(answer);
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    return origin;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/MediaItems/1.mp4`);
  }

  /** Connections that are open now. */
  get open(): number {
    return this.sockets.size;
  }

  /** Ends all connections, as a server that restarts; resolves when they are gone. */
  async cut(): Promise<void> {
    const gone = [...this.sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(gone);
  }

  async stop(): Promise<void> {
    this.server.close();
    await this.cut();
  }

  private accept(socket: Socket): void {
    this.connections += 1;
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = text.slice(0, end);
        text = text.slice(end + 4);
        this.requests.push(request);
        this.answer(socket, request, this.requests.length - 1);
      }
    });
  }
}

/** Writes `parts` one after another, each in a segment of its own as far as that can be told. */
export async function writeParts(socket: Socket, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return;
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
