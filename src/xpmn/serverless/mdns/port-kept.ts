import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { MDNS_IPV4 } from './mdns-socket.ts';

/** Whether another program keeps the port of multicast DNS to itself, as it may: then nobody else hears what is said there. */
export async function isPortKept(port: number): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    socket.bind(port, MDNS_IPV4);
    await once(socket, 'listening');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  } finally {
    socket.close();
  }
}
