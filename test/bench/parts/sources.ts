import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateFilm } from '../../peers/media.ts';
import { startMinidlna } from '../../peers/minidlna.ts';
import { startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import { httpIn } from '../../peers/http-in.ts';
import type { Side } from './rivals.ts';

/** A film, where it lies and what it is called. */
export interface Source {
  /** Friendly name of the UPnP server that has it. */
  readonly server: string;
  /** `host:port`, and the path of the film there. */
  readonly origin: string;
  readonly path: string;
  readonly bytes: number;
  stop(): Promise<void>;
}

export type SourceName = 'minidlna' | 'static';

/** A film in a directory of its own, made once a run. */
export async function makeFilm(directory: string, bytes: number): Promise<void> {
  await generateFilm(directory, bytes);
}

/** The real thing: minidlna, which starts a process for each request and keeps no connection. */
export async function startMinidlnaSource(side: Side, film: string): Promise<Source> {
  const server = await startMinidlna({ media: film, netns: side.netns, name: 'Bench minidlna', notifyInterval: 60 });
  return {
    server: server.name,
    origin: server.authority,
    path: await findFilm(side.netns, server.authority),
    bytes: await sizeOf(film),
    stop: () => server.stop(),
  };
}

/** The fastest source there is, so that the path is what limits: nginx with sendfile and keep-alive, announced by UPnP. */
export async function startStaticSource(side: Side, film: string, directory: string, firstPort: number): Promise<Source> {
  await mkdir(directory, { recursive: true });
  const [name] = await readdir(film);
  const bytes = await sizeOf(film);
  const origin = `${side.listen}:${firstPort}`;
  const file = join(directory, 'static.conf');
  await writeFile(file, `daemon off; master_process off; worker_processes 1; pid ${file}.pid; error_log ${file}.log; user root;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000; client_body_temp_path ${file}.b; proxy_temp_path ${file}.p;
  fastcgi_temp_path ${file}.f; uwsgi_temp_path ${file}.u; scgi_temp_path ${file}.s; server { listen ${origin}; root ${film}; } }
`);
  const nginx = await startProcess('nginx', ['nginx', '-c', file], { netns: side.netns });
  const announcer = await startAnnouncer(side, { port: firstPort + 1, name: 'Bench static', film: `http://${origin}/${name}`, bytes });
  return {
    server: 'Bench static', origin, path: `/${name}`, bytes,
    stop: async () => {
      await announcer.stop();
      await nginx.stop();
    },
  };
}

/** A media server that has one film, which lies somewhere else on the same host. */
export async function startAnnouncer(
  { netns, listen }: Side, { port, name, film, bytes }: { readonly port: number; readonly name: string; readonly film: string; readonly bytes: number },
): Promise<ManagedProcess> {
  const script = fileURLToPath(new URL('announcer.mjs', import.meta.url));
  const announcer = await startProcess('announcer', [process.execPath, script, listen, String(port), name, randomUUID(), film, String(bytes)], { netns });
  await announcer.said(/ready/);
  return announcer;
}

async function sizeOf(film: string): Promise<number> {
  const [name] = await readdir(film);
  return (await stat(join(film, name as string))).size;
}

/** The path that minidlna gave the only film it has. */
async function findFilm(netns: string | undefined, authority: string): Promise<string> {
  const service = 'urn:schemas-upnp-org:service:ContentDirectory:1';
  const action = `<u:Browse xmlns:u="${service}"><ObjectID>2$8</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>res</Filter><StartingIndex>0</StartingIndex><RequestedCount>1</RequestedCount><SortCriteria></SortCriteria></u:Browse>`;
  const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${action}</s:Body></s:Envelope>`;
  const headers = { SOAPAction: `"${service}#Browse"`, 'Content-Type': 'text/xml; charset="utf-8"' };
  const answer = await httpIn(netns, `http://${authority}/ctl/ContentDir`, { method: 'POST', headers, body });
  const path = /http:\/\/[^/&]+(\/MediaItems\/[^&]+)&lt;/.exec(answer.body)?.[1];
  if (path === undefined) throw new Error(`minidlna does not list the film: ${answer.body.slice(0, 1000)}`);
  return path;
}
