import { createHash } from 'node:crypto';
import http from 'node:http';
import { basename } from 'node:path';
import type { LibraryEntry, LibraryPage } from '../../../src/app/gateway-api.ts';
import { LIBRARY } from '../../peers/media.ts';
import type { Minidlna } from '../../peers/minidlna.ts';
import type { Machine } from './machine.ts';
import { Tunnel } from './tunnel.ts';

const SERVICE = 'urn:schemas-upnp-org:service:ContentDirectory:1';

/** An object of a library, as both the media server and the program tell it. */
export interface Told {
  readonly kind: string;
  readonly id: string;
  readonly parent: string;
  readonly title: string;
  readonly size: string;
  readonly mime: string;
}

/** What a media server says of everything it has, asked in its own network, and read without anything of ours. */
export async function crawlServer(server: Minidlna, netns: string): Promise<Told[]> {
  const [host = '', port] = server.authority.split(':');
  const tunnel = await Tunnel.open(netns, host, Number(port));
  try {
    return await crawl(tunnel.through(`http://${server.authority}/ctl/ContentDir`), server.authority, '0');
  } finally {
    await tunnel.close();
  }
}

async function crawl(url: string, authority: string, container: string): Promise<Told[]> {
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
    `<u:Browse xmlns:u="${SERVICE}"><ObjectID>${container}</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter>` +
    '<StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>';
  const headers = { 'SOAPAction': `"${SERVICE}#Browse"`, 'Content-Type': 'text/xml' };
  const answer = await post(url, { ...headers, Host: authority }, body);
  const didl = plain(/<Result>(.*)<\/Result>/s.exec(answer)?.[1] ?? '');
  const found: Told[] = [];
  for (const [, kind = '', id = '', inner = ''] of didl.matchAll(/<(container|item) id="([^"]*)"[^>]*>(.*?)<\/\1>/gs)) {
    const title = plain(/<dc:title>(.*?)<\/dc:title>/s.exec(inner)?.[1] ?? '');
    const [, attrs = ''] = /<res ([^>]*)>/.exec(inner) ?? [];
    const size = /size="(\d+)"/.exec(attrs)?.[1] ?? '';
    const mime = /protocolInfo="http-get:\*:([^:]*)/.exec(attrs)?.[1] ?? '';
    found.push({ kind, id: plain(id), parent: container, title, size, mime });
    if (kind === 'container') found.push(...(await crawl(url, authority, plain(id))));
  }
  return found;
}

/** Not `fetch`, which sets Host by itself: the media server wants its own. */
function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers: { ...headers, 'Content-Length': Buffer.byteLength(body) }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject).on('end', () => resolve(text));
    });
    request.on('error', reject).end(body);
  });
}

/** Everything that the program shows of a device, container by container. */
export async function browseAll(machine: Machine, device: string, container?: string): Promise<LibraryEntry[]> {
  const page = await machine.json<LibraryPage>(['browse', device, ...(container === undefined ? [] : [container])]);
  const inside = await Promise.all(page.children.filter(({ kind }) => kind === 'container').map(({ id }) => browseAll(machine, device, id)));
  return [...page.children, ...inside.flat()];
}

/** An entry in the words of the media server: an id of ours is theirs in base64url. */
export function told(entry: LibraryEntry): Told {
  const { size = '', mimeType: mime = '' } = entry.kind === 'item' ? entry : {};
  const parent = entry.parent === 'root' ? '0' : undo(entry.parent ?? '');
  return { kind: entry.kind, id: undo(entry.id), parent, title: entry.title, size: String(size), mime };
}

export const sorted = (all: readonly Told[]): string[] => all.map((one) => JSON.stringify(one)).sort();

/** The file of the generated library that an item stands for, by what the media server makes of its name and tags. */
export function fileOf(entry: LibraryEntry): string | undefined {
  return LIBRARY.find(({ path, title }) => entry.title === title || entry.title === basename(path).replace(/\.\w+$/, ''))?.path;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const undo = (id: string): string => Buffer.from(id, 'base64url').toString();

function plain(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
