import { startProcess } from '../../peers/process.ts';
import { listenToLines } from './event-log.ts';
import type { EventLog } from './event-log.ts';

// Sees what passes: a player that keeps its connection shows in no list of connections.
const SNIFFER = `
import re, socket
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print('ready', flush=True)
while True:
    found = re.search(rb'(GET|HEAD) /m/\\S+', packets.recv(65536))
    if found:
        print(found.group().decode(), flush=True)
`;

/** The requests to media ports that are seen on any interface of that machine, a line for each packet with one. */
export async function listenToRequests(netns: string): Promise<EventLog> {
  const process = await startProcess('a sniffer', ['python3', '-c', SNIFFER], { netns });
  const log = listenToLines(process);
  await process.said(/ready/);
  return log;
}
