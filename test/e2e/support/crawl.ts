import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { LibraryEntry, LibraryPage } from '../../../src/app/gateway-api.ts';
import { LIBRARY } from '../../peers/media.ts';
import type { Minidlna } from '../../peers/minidlna.ts';
import { httpIn } from '../../peers/http-in.ts';
import type { Machine } from './machine.ts';

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

/** What a media server says of everything it has, asked and read without anything of ours. */
export async function crawlServer(server: Minidlna, netns: string, container = '0'): Promise<Told[]> {
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
    `<u:Browse xmlns:u="${SERVICE}"><ObjectID>${container}</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter>` +
    '<StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>';
  const headers = { 'SOAPAction': `"${SERVICE}#Browse"`, 'Content-Type': 'text/xml' };
  const answer = await httpIn(netns, `http://${server.authority}/ctl/ContentDir`, { method: 'POST', headers, body });
  const didl = plain(/<Result>(.*)<\/Result>/s.exec(answer.body)?.[1] ?? '');
  const found: Told[] = [];
  for (const [, kind = '', id = '', inner = ''] of didl.matchAll(/<(container|item) id="([^"]*)"[^>]*>(.*?)<\/\1>/gs)) {
    const title = plain(/<dc:title>(.*?)<\/dc:title>/s.exec(inner)?.[1] ?? '');
    const [, attrs = ''] = /<res ([^>]*)>/.exec(inner) ?? [];
    const size = /size="(\d+)"/.exec(attrs)?.[1] ?? '';
    const mime = /protocolInfo="http-get:\*:([^:]*)/.exec(attrs)?.[1] ?? '';
    found.push({ kind, id: plain(id), parent: container, title, size, mime });
    if (kind === 'container') found.push(...(await crawlServer(server, netns, plain(id))));
  }
  return found;
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
