import { createSocket } from 'node:dgram';
import { XpmnError } from '../kernel/errors.ts';

/**
 * The address of this machine by which it reaches `address`, an IP literal: what the route says, so that on a machine with several
 * networks a player is given the one that it sees. Nothing is sent. @throws XpmnError `unreachable`
 */
export type SourceAddress = (address: string) => Promise<string>;

const DISCARD_PORT = 9;

export const systemSourceAddress: SourceAddress = (address) => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise<string>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(DISCARD_PORT, address, (error?: Error) => (error ? reject(error) : resolve(socket.address().address)));
  })
    .catch((error: unknown) => {
      throw new XpmnError('unreachable', `There is no way to a player at ${address}.`, { cause: error });
    })
    .finally(() => socket.close());
};
