import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry, LocalUrl } from '../../src/app/gateway-api.ts';
import { LIBRARY, generateFilm, generateMedia } from '../peers/media.ts';
import type { Minidlna } from '../peers/minidlna.ts';
import { XmppProbe } from '../peers/xmpp-probe.ts';
import { browseAll, crawlServer, fileOf, sha256, sorted, told } from './support/crawl.ts';
import type { Machine } from './support/machine.ts';
import { LeakDetector } from './support/secrecy.ts';
import { librarySecrets } from './support/secrets.ts';
import { Tunnel } from './support/tunnel.ts';
import { PASSWORD, World } from './support/world.ts';

const FILM = 'long play';

describe('a home, and a machine of its owner elsewhere', function () {
  this.timeout(180_000);
  let world: World;
  let server: Minidlna;
  let a: Machine;
  let b: Machine;
  let nas: GatewayDevice;
  let entries: LibraryEntry[];

  before(async () => {
    const media = async (directory: string): Promise<void> => {
      await generateMedia(directory);
      await generateFilm(join(directory, 'video'), 24_000_000, `${FILM}.ts`);
    };
    world = await World.create({ media, prosody: { trace: true } });
    [server, a] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    b = await world.join(a, world.network.out);
    nas = await b.library();
    entries = await browseAll(b, nas.id);
  });

  after(() => world?.close());

  const item = (title: string): LibraryEntry & { uri: string } => {
    const found = entries.find((entry) => entry.title === title && entry.uri !== undefined);
    assert.ok(found, title);
    return found as LibraryEntry & { uri: string };
  };
  const onDisk = (entry: LibraryEntry): Promise<Buffer> =>
    readFile(join(world.media, entry.title === FILM ? `video/${FILM}.ts` : (fileOf(entry) ?? entry.title)));
  const urlOf = async (entry: { uri: string }): Promise<string> => (await b.json<LocalUrl>(['url', entry.uri])).url;

  it('shows the devices of the network to both, with names, services and trust', async () => {
    for (const [machine, where] of [[a, 'here'], [b, 'elsewhere']] as const) {
      const { devices } = await machine.json<{ devices: GatewayDevice[] }>(['devices']);
      assert.deepEqual(devices.map(({ trust }) => trust).sort(), ['own', 'own', 'own-hosted']);
      const found = devices.find(({ jid }) => jid === nas.jid);
      assert.deepEqual([found?.name, found?.kind, found?.where, [...(found?.services ?? [])].sort()], [server.name, 'media-server', where, ['directory', 'transfer']]);
    }
  });

  it('shows the whole library elsewhere, as the media server itself tells it at home', async () => {
    const own = await crawlServer(server, world.host('a', 2).ns);
    for (const { title } of LIBRARY) if (title !== undefined) assert.ok(own.some((one) => one.title === title), title);
    assert.deepEqual(sorted(entries.map(told)), sorted(own));
  });

  it('gets 20 files that are equal to those on the disk', async () => {
    const files = entries.filter((entry) => fileOf(entry) !== undefined && entry.uri !== undefined);
    const distinct = [...new Map(files.map((entry) => [fileOf(entry), entry])).values()].slice(0, 20) as (LibraryEntry & { uri: string })[];
    assert.equal(distinct.length, 20);
    for (const entry of distinct) {
      const target = join(b.folder, 'got');
      const { code, stderr } = await b.xpmn(['get', entry.uri, '-o', target]);
      assert.equal(code, 0, stderr);
      assert.equal(sha256(await readFile(target)), sha256(await onDisk(entry)), entry.title);
    }
  });

  it('gets 8 at once', async () => {
    const film = item(FILM);
    const wanted = sha256(await onDisk(film));
    const all = Array.from({ length: 8 }, (_, index) => join(b.folder, `got-${index}`));
    const done = await Promise.all(all.map((target) => b.xpmn(['get', film.uri, '-o', target])));
    assert.deepEqual(done.map(({ code }) => code), all.map(() => 0), done.map(({ stderr }) => stderr).join(''));
    for (const target of all) assert.equal(sha256(await readFile(target)), wanted);
  });

  it('serves 200 ranges, each of the bytes that it says', async () => {
    const film = item(FILM);
    const whole = await onDisk(film);
    const url = await urlOf(film);
    const tunnel = await Tunnel.open(b.ns, '127.0.0.1', Number(new URL(url).port));
    try {
      for (let round = 0; round < 25; round += 1) {
        const ranges = Array.from({ length: 8 }, () => {
          const from = randomInt(whole.length);
          return { from, to: Math.min(whole.length - 1, from + randomInt(1, 300_000)) };
        });
        await Promise.all(ranges.map(async ({ from, to }) => {
          const answer = await fetch(tunnel.through(url), { headers: { Range: `bytes=${from}-${to}` } });
          assert.equal(answer.status, 206);
          assert.equal(answer.headers.get('content-range'), `bytes ${from}-${to}/${whole.length}`);
          assert.ok(whole.subarray(from, to + 1).equals(Buffer.from(await answer.arrayBuffer())), `bytes ${from}-${to}`);
        }));
      }
    } finally {
      await tunnel.close();
    }
  });

  it('gets a range by command', async () => {
    const film = item(FILM);
    const target = join(b.folder, 'part');
    const { code, stderr } = await b.xpmn(['get', film.uri, '-o', target, '--range', '100000-199999']);
    assert.equal(code, 0, stderr);
    assert.ok((await onDisk(film)).subarray(100_000, 200_000).equals(await readFile(target)));
  });

  it('went direct, out of the home and past the server', async () => {
    assert.equal((await b.devices()).find(({ jid }) => jid === nas.jid)?.reach, 'direct');
  });

  it('answers with codes to what is not there', async () => {
    for (const [argv, status, code] of [
      [['browse', 'no such device'], 1, 'not-found'],
      [['browse', nas.id, 'bm93aGVyZQ'], 1, 'not-found'],
      [['get', `${item(FILM).uri}x`, '-o', join(b.folder, 'none')], 1, 'not-found'],
      [['get', 'file:///etc/passwd', '-o', join(b.folder, 'none')], undefined, ''],
    ] as const) {
      const answer = await b.xpmn([...argv]);
      assert.ok(status === undefined ? answer.code !== 0 : answer.code === status, `${argv.join(' ')}: ${answer.code} ${answer.stderr}`);
      assert.match(answer.stderr, new RegExp(`^xpmn: ${code}`));
    }
  });

  describe('what the server knows', () => {
    let detector: LeakDetector;

    before(async () => {
      detector = new LeakDetector(await librarySecrets(world.media, entries));
    });

    it('is who meets whom, and nothing of what they have', async () => {
      const trace = await world.prosody.handledBytes();
      assert.ok(trace.includes('session-initiate') && trace.includes('http://jabber.org/protocol/ibb'));
      assert.deepEqual(detector.find(trace), []);
    });

    it('would be seen if it were more: a title, and a media block across two in-band blocks', async () => {
      const tunnel = await Tunnel.open(world.network.xmpp.ns, world.prosody.host, world.prosody.port);
      const { domain, ca } = world.prosody;
      const probe = await XmppProbe.login({ domain, ca, host: '127.0.0.1', port: tunnel.port }, 'romeo', PASSWORD);
      try {
        const leaks = async (text: string): Promise<string[]> => {
          const before = (await world.prosody.handledBytes()).length;
          await probe.ask(`${text}<iq type='get' id='after' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`, /id='after'/);
          const all = await world.prosody.handledBytes();
          assert.ok(all.length > before);
          return detector.find(all);
        };
        const ibb = (seq: number, bytes: Buffer): string =>
          `<iq type='set' id='d${seq}' to='${probe.jid}'><data xmlns='http://jabber.org/protocol/ibb' sid='planted' seq='${seq}'>${bytes.toString('base64')}</data></iq>`;
        const film = await onDisk(item(FILM));
        // too short to be known on their own
        assert.deepEqual(await leaks(ibb(0, film.subarray(6400, 6424)) + ibb(1, film.subarray(6424, 6440))), ['media']);
        assert.deepEqual(await leaks(`<message to='${probe.jid}'><body>${Buffer.from('<t>a &lt; b &gt; c</t>').toString('base64')}</body></message>`), ['media', 'a < b > c']);
      } finally {
        await probe.close();
        await tunnel.close();
      }
    });
  });
});
