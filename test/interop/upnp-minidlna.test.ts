import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MediaItem, MediaObject } from '../../src/xpmn/model/media.ts';
import { httpIn } from '../peers/http-in.ts';
import { generateMedia } from '../peers/media.ts';
import { startMinidlna } from '../peers/minidlna.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { createNetwork } from '../peers/network.ts';
import type { Network } from '../peers/network.ts';
import { startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';

interface Line {
  readonly started?: true;
  readonly appeared?: { readonly id: string; readonly name: string };
  readonly gone?: string;
  readonly walk?: readonly MediaObject[];
  readonly origin?: { readonly url: string; readonly size: number; readonly type: string };
}

/** The adapter in a namespace. */
interface Agent {
  readonly process: ManagedProcess;
  readonly lines: Line[];
  tell(command: string): void;
}

describe('UPnP adapter and minidlna', function () {
  this.timeout(120_000);
  let network: Network;
  let media: string;
  let server: Minidlna;
  let agent: Agent;
  let expected: string[];
  let udn: string;
  const started: ManagedProcess[] = [];

  before(async () => {
    media = await mkdtemp(join(tmpdir(), 'xpmn-library-'));
    await generateMedia(media);
    network = await createNetwork({ homes: ['verona'], hosts: 2 });
    // it doesn't escape its name; it announces itself once and is silent for the rest of the test: what is found later is found by search
    server = await startMinidlna({ media, netns: network.home('verona').hosts[0]?.ns, name: 'Küche & Bad <3', notifyInterval: 3600 });
    udn = `uuid:${server.uuid}`;
    expected = await crawl(server, network.home('verona').hosts[1]?.ns as string);
    agent = await startAgent(network.home('verona').hosts[1]?.ns as string);
  });

  after(async () => {
    for (const one of started) await one.stop();
    await server?.stop();
    await network?.close();
    await rm(media, { recursive: true, force: true });
  });

  async function startAgent(netns: string): Promise<Agent> {
    const script = fileURLToPath(new URL('./upnp-agent.ts', import.meta.url));
    const child = await startProcess('upnp-agent', [process.execPath, '--import', 'tsx', script], { netns, stdin: 'pipe' });
    started.push(child);
    const lines: Line[] = [];
    createInterface({ input: child.child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(JSON.parse(line) as Line));
    await waitUntil('the agent listens', () => lines.some((line) => line.started) || undefined);
    return { process: child, lines, tell: (command) => void child.child.stdin?.write(`${command}\n`) };
  }

  const count = (from: Agent, what: 'appeared' | 'gone'): number =>
    from.lines.filter((line) => (what === 'gone' ? line.gone === udn : line.appeared?.id === udn)).length;
  const becomes = (from: Agent, what: 'appeared' | 'gone', times: number): Promise<boolean> =>
    waitUntil(`${what} ${times} times: ${from.process.output()}`, () => count(from, what) === times, { timeout: 30_000 });

  it('finds it by search', async () => {
    await becomes(agent, 'appeared', 1);
    assert.equal(agent.lines.find((line) => line.appeared)?.appeared?.name, 'Küche & Bad <3');
  });

  it('searches on every interface, whatever the routes say', async () => {
    const router = await startAgent(network.home('verona').router.ns);
    await becomes(router, 'appeared', 1);
  });

  for (const limit of [7, 1000]) {
    it(`sees all that the server has, by pages of ${limit}`, async () => {
      assert.ok(['a < b > c', 'Grüße & Küsse', 'ελληνικά 🎵'].every((title) => expected.some((line) => line.includes(title))), expected.join('\n'));
      const before = agent.lines.length;
      agent.tell(`walk ${udn} ${limit}`);
      const { walk } = await waitUntil('the walk', () => agent.lines.slice(before).find((line) => line.walk));
      assert.deepEqual((walk ?? []).map(describeObject).sort(), expected.sort());
    });
  }

  it('opens what the server offers, at its own address', async () => {
    const { walk = [] } = agent.lines.find((line) => line.walk) ?? {};
    const film = walk.find((object): object is MediaItem => object.kind === 'item' && object.title === 'The Duel');
    agent.tell(`source ${udn} ${film?.uid}`);
    const { origin } = await waitUntil('the origin', () => agent.lines.find((line) => line.origin));
    assert.deepEqual([origin?.url.startsWith(`http://${server.authority}/MediaItems/`), origin?.type, origin?.size], [true, 'video/mp4', film?.size]);
    assert.deepEqual([film?.type, Math.round(film?.duration ?? 0), film?.width, film?.height], ['video', 10, 160, 120]);
  });

  it('keeps it through a restart: a byebye with an alive soon after', async () => {
    await server.restart();
    const before = agent.lines.length;
    agent.tell(`walk ${udn} 1000`);
    await waitUntil('the walk', () => agent.lines.slice(before).find((line) => line.walk));
    assert.equal(count(agent, 'appeared') - count(agent, 'gone'), 1);
  });

  it('hears its byebye, and its return', async () => {
    const [appeared, gone] = [count(agent, 'appeared'), count(agent, 'gone')];
    const { netns, name } = { netns: network.home('verona').hosts[0]?.ns, name: server.name };
    await server.stop();
    await becomes(agent, 'gone', gone + 1);
    server = await startMinidlna({ media, netns, name, notifyInterval: 3600 });
    const other = `uuid:${server.uuid}`;
    // nobody searches now: its own NOTIFY is all there is
    await waitUntil('the new one', () => agent.lines.find((line) => line.appeared?.id === other));
    assert.equal(count(agent, 'appeared'), appeared);
  });

  it('stops in order, and leaves nothing open', async () => {
    agent.process.child.stdin?.end();
    assert.deepEqual(await agent.process.exited, { code: 0, signal: null });
  });
});

/** What the server says, asked and read without anything of ours: one line an object. */
async function crawl(server: Minidlna, netns: string, container = '0', seen = new Set<string>()): Promise<string[]> {
  const service = 'urn:schemas-upnp-org:service:ContentDirectory:1';
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
    `<u:Browse xmlns:u="${service}"><ObjectID>${container}</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter>` +
    '<StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount><SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>';
  const headers = { 'SOAPAction': `"${service}#Browse"`, 'Content-Type': 'text/xml' };
  const answer = await httpIn(netns, `http://${server.authority}/ctl/ContentDir`, { method: 'POST', headers, body });
  const didl = plain(/<Result>(.*)<\/Result>/s.exec(answer.body)?.[1] ?? '');
  const lines: string[] = [];
  for (const [, kind, id = '', inner = ''] of didl.matchAll(/<(container|item) id="([^"]*)"[^>]*>(.*?)<\/\1>/gs)) {
    const title = plain(/<dc:title>(.*?)<\/dc:title>/s.exec(inner)?.[1] ?? '');
    const [, attrs = '', url = ''] = /<res ([^>]*)>([^<]*)<\/res>/.exec(inner) ?? [];
    const tag = kind === 'item' ? createHash('sha256').update(url.replace(/^http:\/\/[^/]*/, '')).digest('hex').slice(0, 6) : '';
    const [, size = '', , mime = ''] = [...(/size="(\d+)"/.exec(attrs) ?? ['', '']), ...(/protocolInfo="http-get:\*:([^:]*)/.exec(attrs) ?? ['', ''])];
    lines.push([kind, Buffer.from(plain(id)).toString('base64url'), Buffer.from(container).toString('base64url'), title, tag, size, mime].join('|'));
    if (kind === 'container' && !seen.has(id)) lines.push(...(await crawl(server, netns, plain(id), seen.add(id))));
  }
  return lines;
}

function describeObject(object: MediaObject): string {
  const parent = object.parent === 'root' ? 'MA' : object.parent;
  const item = object.kind === 'item' ? object : undefined;
  return [object.kind, object.id, parent, object.title, item?.uid?.slice(-6) ?? '', item?.size ?? '', item?.mimeType ?? ''].join('|');
}

function plain(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
