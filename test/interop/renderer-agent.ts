import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createUpnpAdapter } from '../../src/upnp/adapter.ts';
import { createSsdpSocket } from '../../src/upnp/dgram-ssdp-socket.ts';
import { createEventSubscriber } from '../../src/upnp/gena-subscriber.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import type { Requester } from '../../src/upnp/requester.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock as clock, systemRandom as random } from '../../src/xpmn/kernel/system.ts';
import type { MediaPlayer } from '../../src/xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';

/** What the test says: one JSON a line of stdin. */
export interface AgentCommand {
  readonly n: number;
  readonly do: 'load' | 'preload' | 'play' | 'pause' | 'stop' | 'seek' | 'setVolume' | 'setMute' | 'watch' | 'unwatch' | 'counts' | 'address';
  readonly file?: string;
  readonly seconds?: number;
  readonly value?: number | boolean;
}

/**
 * The UPnP adapter as a process in a namespace, with a web server for what its players are to fetch: `AGENT ADDRESS FOLDER`. One JSON a line:
 * what appears, what players tell, and what became of commands, each with the time. Ends with its stdin.
 */
const [address = '', folder = ''] = process.argv.slice(2);
const { upnp } = settings;
/** Milliseconds: also on a machine that stands still for a moment, what we have set comes back within that. */
const ECHO = 5_000;
const signal = new AbortController().signal;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);
const counts: Record<string, number> = {};

const http = createHttpRequester({ clock }, upnp.requester);
const requester: Requester = {
  request(request, options) {
    const action = /#(\w+)"/.exec(request.headers?.SOAPACTION ?? '')?.[1] ?? request.method;
    counts[action] = (counts[action] ?? 0) + 1;
    return http.request(request, options);
  },
  close: () => http.close(),
};
const adapter = createUpnpAdapter({
  ssdp: createSsdpSocket({ clock, log: silentLogger }, upnp.ssdp), requester, clock, random, log: silentLogger,
  openOrigin: () => Promise.reject.bind(Promise) as never,
  events: createEventSubscriber({ requester, clock, random, log: silentLogger }, upnp.gena),
  quirks: [], isOwnDevice: () => false,
}, { ...upnp, renderer: { ...upnp.renderer, echo: ECHO } });

let player: MediaPlayer | undefined;
let unwatch: (() => void) | undefined;
adapter.on('deviceAppeared', ({ description, player: found }) => {
  say({ appeared: description });
  player ??= found;
  found?.on('changed', (snapshot) => say({ changed: { ...snapshot, problem: snapshot.problem?.code }, now: clock.monotonic() }));
  found?.on('ended', (url) => say({ ended: url }));
});
adapter.on('deviceGone', (id) => say({ gone: id }));

const server = createServer((request, response) => {
  try {
    const type = request.url?.endsWith('.mp4') ? 'video/mp4' : 'audio/flac';
    serveBytes(readFileSync(join(folder, request.url ?? '')), { type })(request, response);
  } catch {
    response.writeHead(404).end();
  }
}).listen(8080, address);

function mediaOf({ file = '', seconds }: AgentCommand): PlayerMedia {
  const mimeType = file.endsWith('.mp4') ? 'video/mp4' : 'audio/flac';
  const item = { kind: 'item', id: file, parent: undefined, title: `The <${file}> & more`, type: mimeType === 'video/mp4' ? 'video' : 'audio', uid: undefined, duration: seconds } as const;
  return { url: `http://${address}:8080/${file}`, mimeType, contentFeatures: 'DLNA.ORG_OP=01;DLNA.ORG_CI=0', size: undefined, isSeekable: true, item };
}

async function obey(command: AgentCommand): Promise<void> {
  if (command.do === 'counts') return say({ n: command.n, counts: { ...counts } });
  if (!player) throw new XpmnError('not-found', 'There is no player.');
  if (command.do === 'address') return say({ n: command.n, address: player.feed.address });
  if (command.do === 'watch') unwatch = player.watched();
  else if (command.do === 'unwatch') unwatch?.();
  else if (command.do === 'load') await player.load(mediaOf(command), { signal });
  else if (command.do === 'preload') await player.preload?.(mediaOf(command), { signal });
  else if (command.do === 'seek') await player.seek(Number(command.value), { signal });
  else if (command.do === 'setVolume') await player.setVolume(Number(command.value), { signal });
  else if (command.do === 'setMute') await player.setMute(command.value === true, { signal });
  else await player[command.do]({ signal });
  say({ n: command.n, done: true });
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line) as AgentCommand;
    obey(command).catch((error: unknown) => say({ n: command.n, failed: error instanceof XpmnError ? error.code : String(error) }));
  })
  .on('close', () => {
    server.closeAllConnections();
    server.close();
    void adapter.stop();
  });
await adapter.start({ signal });
say({ started: true });
