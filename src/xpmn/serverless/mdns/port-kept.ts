import { bindShared, closeSocket } from '../../kernel/multicast-socket.ts';
import { MDNS_IPV4 } from './mdns-socket.ts';

/** Whether another program keeps the port of multicast DNS to itself, as it may: then nobody else hears what is said there. */
export async function isPortKept(port: number): Promise<boolean> {
  try {
    await closeSocket(await bindShared({ family: 4, address: MDNS_IPV4, port }));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  }
}
