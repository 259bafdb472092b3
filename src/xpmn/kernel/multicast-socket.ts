import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

export interface MulticastBinding {
  readonly family: 4 | 6;
  /** An address of the machine or, to hear that alone, of the group: unicast to the port stays with other programs then. */
  readonly address: string;
  readonly port: number;
}

/**
 * A UDP socket on a port that other programs of the machine may have, too. Whoever gets it listens for its errors at once.
 * @throws the system's error; the socket is closed then
 */
export async function bindShared({ family, address, port }: MulticastBinding): Promise<Socket> {
  const socket = createSocket(family === 4 ? { type: 'udp4', reuseAddr: true } : { type: 'udp6', reuseAddr: true, ipv6Only: true });
  try {
    const bound = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await bound;
    return socket;
  } catch (error) {
    await closeSocket(socket);
    throw error;
  }
}

/** Resolves when the datagram is with the system, or to why it could not be sent. */
export function sendDatagram(socket: Socket, data: Buffer, { address, port }: { readonly address: string; readonly port: number }): Promise<Error | undefined> {
  return new Promise((resolve) => {
    try {
      socket.send(data, port, address, (error) => resolve(error ?? undefined));
    } catch (error) {
      resolve(error as Error);
    }
  });
}

/** Also one that failed, or is closed already; late errors are kept quiet. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.removeAllListeners('error');
    socket.on('error', () => undefined);
    try {
      socket.close(() => resolve());
    } catch {
      resolve();
    }
  });
}
