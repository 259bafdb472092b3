import type { Socket } from 'node:net';
import { ipBytes } from '../../kernel/ip-address.ts';

/** Connections that a peer made to us, until it is known which one it uses. One that the peer ends is gone at once. */
export class IncomingSockets {
  private readonly watched = new Map<Socket, () => void>();

  get size(): number {
    return this.watched.size;
  }

  add(socket: Socket): void {
    // 'readable' without a byte is the end: the peer has given this one up. Its bytes are not touched.
    const onReadable = (): void => {
      if (socket.readableLength === 0) onClose();
    };
    const onClose = (): void => {
      this.release(socket).destroy();
    };
    this.watched.set(socket, () => socket.off('readable', onReadable).off('close', onClose));
    socket.on('readable', onReadable).on('close', onClose);
  }

  /** The one that arrived at `localHost` if it can be told, the newest otherwise. */
  at(localHost: string): Socket | undefined {
    const address = nameOf(localHost);
    const newestFirst = [...this.watched.keys()].reverse();
    return newestFirst.find((socket) => nameOf(socket.localAddress ?? '') === address) ?? newestFirst[0];
  }

  /** Gives `socket` away, without a listener of ours. */
  release(socket: Socket): Socket {
    this.watched.get(socket)?.();
    this.watched.delete(socket);
    return socket;
  }

  destroy(): void {
    for (const socket of [...this.watched.keys()]) this.release(socket).destroy();
  }
}

function nameOf(address: string): string | undefined {
  return ipBytes(address)?.toString('hex');
}
