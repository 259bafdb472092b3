import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileNameFor, parseByteRange, parseServer } from '../../../../src/app/cli/file-name.ts';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { FakeGateway } from '../../../fakes/fake-gateway.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { settings } from '../../../support/settings.ts';

const URI = 'xmpp:anna@example.org/nas-k3fq?transfer;uid=film-1';

/** A media port with one item, which can change, break off and lie. */
class FakeMediaPort {
  content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
  readonly requests: { range: string | undefined; ifRange: string | undefined }[] = [];
  /** Ends the connection after so many bytes of the body, as soon as some of them are in this file. */
  breakAfter: number | undefined;
  seenIn = '';
  /** Takes the answer over. */
  answer: ((response: ServerResponse) => void) | undefined;
  private readonly server: Server = http.createServer((request, response) => this.serve(request, response));

  get etag(): string {
    return createHash('sha256').update(this.content).digest('base64url');
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/m/x.mp4`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { range } = request.headers;
    const ifRange = request.headers['if-range'] as string | undefined;
    this.requests.push({ range, ifRange });
    if (this.answer) return this.answer(response);
    const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
    const isPart = match !== null && (ifRange === undefined || ifRange === `"${this.etag}"`);
    const [from, to] = isPart ? [Number(match[1]), Number(match[2])] : [0, this.content.length - 1];
    const body = this.content.subarray(from, to + 1);
    response.writeHead(isPart ? 206 : 200, {
      'Content-Length': body.length, ETag: `"${this.etag}"`,
      ...(isPart ? { 'Content-Range': `bytes ${from}-${to}/${this.content.length}` } : {}),
    });
    if (this.breakAfter === undefined) response.end(body);
    else {
      response.write(body.subarray(0, this.breakAfter));
      void waitUntil('some bytes are in the file', () => stat(this.seenIn).then(({ size }) => size > 0, () => false)).finally(() => response.destroy());
    }
  }
}

describe('get', () => {
  let directory: string;
  let file: string;
  let media: FakeMediaPort;
  let gateway: FakeGateway;
  let server: ControlServer;
  let url: string;

  /** What the gateway says of the item is what it is when it is asked. */
  const tell = (changes: { size?: number | undefined; etag?: string } = {}): void => {
    gateway.url = async () => ({ url, expires: 0, entity: { size: media.content.length, type: 'video/mp4', etag: media.etag, ...changes } });
  };
  const get = (argv: readonly string[] = [], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli(['get', URI, '--home', directory, '-o', file, ...argv], deps);
  const left = async (): Promise<string[]> => (await readdir(directory)).filter((name) => name !== 'control.sock').sort();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xpmn-get-'));
    file = join(directory, 'film.mp4');
    media = new FakeMediaPort();
    media.seenIn = `${file}.part`;
    url = await media.open();
    gateway = new FakeGateway();
    tell();
    const controlled = fakeControlled({ gateway: () => gateway });
    server = await ControlServer.open(join(directory, 'control.sock'), { controlled, log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    media.close();
    await server.close();
    await rm(directory, { recursive: true });
  });

  it('fetches an item, exactly, and leaves nothing else', async () => {
    assert.deepEqual(await get(), { status: 0, stdout: `${file}: 300 kB\n`, stderr: '' });
    assert.deepEqual(await readFile(file), media.content);
    assert.deepEqual(await left(), ['film.mp4']);
    assert.deepEqual(media.requests, [{ range: undefined, ifRange: undefined }]);
    assert.deepEqual(JSON.parse((await get(['--json'])).stdout), { file, bytes: 300_000, type: 'video/mp4' });
  });

  it('fetches ranges, clamped to the size', async () => {
    for (const [range, from, to] of [['0-0', 0, 0], ['100-199', 100, 199], ['299990-', 299_990, 299_999], ['299990-999999', 299_990, 299_999]] as const) {
      assert.equal((await get(['--range', range])).status, 0);
      assert.deepEqual(await readFile(file), media.content.subarray(from, to + 1), range);
    }
    const { status, stderr } = await get(['--range', '300000-']);
    assert.equal(status, 1);
    assert.match(stderr, /^xpmn: range-not-satisfiable: The item has only 300000 bytes/);
  });

  it('fetches what is empty, and what has no size', async () => {
    media.content = Buffer.alloc(0);
    assert.equal((await get()).status, 0);
    assert.equal((await stat(file)).size, 0);
    tell({ size: undefined, etag: '' });
    media.answer = (response) => response.writeHead(200).end('live');
    assert.equal((await get()).status, 0);
    assert.equal(await readFile(file, 'utf8'), 'live');
    assert.match((await get(['--range', '1-'])).stderr, /range-not-satisfiable: A live item/);
  });

  for (const [name, argv, from, length] of [['an item', [], 0, 300_000], ['a range', ['--range', '1000-200999'], 1000, 200_000]] as const) {
    it(`goes on with ${name} where it broke off`, async () => {
      media.breakAfter = 120_000;
      const broken = await get(argv);
      assert.equal(broken.status, 3);
      assert.match(broken.stderr, /^xpmn: connection-lost: .*film\.mp4\.part: the same command goes on from there\.\n$/);
      assert.deepEqual(await left(), ['film.mp4.part', 'film.mp4.part.json']);
      media.breakAfter = undefined;
      media.requests.length = 0;
      const kept = (await stat(`${file}.part`)).size;
      assert.ok(kept > 0 && kept <= 120_000);
      const resumed = await get(argv);
      assert.match(resumed.stderr, /going on from there/);
      assert.deepEqual(await readFile(file), media.content.subarray(from, from + length));
      assert.deepEqual(media.requests, [{ range: `bytes=${from + kept}-${from + length - 1}`, ifRange: `"${media.etag}"` }]);
      assert.deepEqual(await left(), ['film.mp4']);
    });
  }

  it('only gives the file its name when all had come already', async () => {
    await writeFile(`${file}.part`, media.content);
    await writeFile(`${file}.part.json`, JSON.stringify({ uri: URI, etag: media.etag, from: 0, to: 299_999 }));
    assert.equal((await get()).status, 0);
    assert.deepEqual(await readFile(file), media.content);
    assert.deepEqual([await left(), media.requests], [['film.mp4'], []]);
  });

  it('starts anew, and says so, when the item has changed since', async () => {
    media.breakAfter = 100_000;
    await get();
    media.breakAfter = undefined;
    media.content = Buffer.alloc(300_000, 9);
    const { status, stderr } = await get();
    assert.equal(status, 0);
    assert.match(stderr, /of something else, or of what the item was before: it is fetched anew/);
    assert.deepEqual(await readFile(file), media.content);
  });

  it('starts anew when the item changes between the question and the answer; gives up when it goes on', async () => {
    media.breakAfter = 100_000;
    await get();
    media.breakAfter = undefined;
    const before = { size: media.content.length, etag: media.etag };
    media.content = Buffer.alloc(250_000, 9);
    let asked = 0;
    gateway.url = async () => ({ url, expires: 0, entity: { type: 'video/mp4', ...((asked += 1) === 1 ? before : { size: 250_000, etag: media.etag }) } });
    const { status, stderr } = await get();
    assert.equal(status, 0);
    assert.match(stderr, /The item has changed: it is fetched anew\./);
    assert.deepEqual(await readFile(file), media.content);
    tell({ etag: 'never' });
    assert.match((await get()).stderr, /xpmn: entity-changed: /);
  });

  it('never mixes: an unfinished file of another item, range or no known origin is not gone on with', async () => {
    const memo = { uri: URI, etag: media.etag, from: 0, to: 299_999 };
    for (const wrong of [{ ...memo, uri: 'xmpp:other' }, { ...memo, from: 5 }, { ...memo, to: 5 }, { ...memo, etag: 'old' }, 'no memo']) {
      await writeFile(`${file}.part`, 'WRONG');
      await writeFile(`${file}.part.json`, wrong === 'no memo' ? '{' : JSON.stringify(wrong));
      assert.equal((await get()).status, 0);
      assert.deepEqual(await readFile(file), media.content);
    }
    tell({ etag: '' });
    await writeFile(`${file}.part`, 'WRONG');
    await writeFile(`${file}.part.json`, JSON.stringify({ ...memo, etag: '' }));
    assert.equal((await get()).status, 0);
    assert.deepEqual(await readFile(file), media.content);
  });

  it('takes no bytes that are not those: errors, other lengths, other parts, other entities', async () => {
    const answers: [number, http.OutgoingHttpHeaders, string][] = [
      [404, {}, 'not-found'], [403, {}, 'not-allowed'], [416, {}, 'range-not-satisfiable'], [503, {}, 'resource-limit'], [504, {}, 'peer-unavailable'], [502, {}, 'origin-broken'], [504, { 'Xpmn-Error': 'origin-unreachable' }, 'origin-unreachable'], [502, { 'Xpmn-Error': 'security-failed' }, 'security-failed'], [504, { 'Xpmn-Error': 'made-up' }, 'peer-unavailable'], [302, { Location: '/x' }, 'origin-broken'],
      [206, { ETag: `"${media.etag}"`, 'Content-Range': 'bytes 0-9/300000', 'Content-Length': 10 }, 'entity-changed'],
      [206, { ETag: `"${media.etag}"`, 'Content-Range': 'bytes 10-19/300001', 'Content-Length': 10 }, 'entity-changed'],
      [206, { ETag: '"other"', 'Content-Range': 'bytes 10-19/300000', 'Content-Length': 10 }, 'entity-changed'],
      [206, { ETag: `"${media.etag}"`, 'Content-Range': 'bytes 10-19/300000' }, 'entity-changed'],
    ];
    for (const [status, headers, code] of answers) {
      media.answer = (response) => response.writeHead(status, headers).end(status === 206 ? 'x'.repeat(10) : '');
      assert.match((await get(['--range', '10-19'])).stderr, new RegExp(`xpmn: ${code}: `), `${status} ${JSON.stringify(headers)}`);
      assert.deepEqual(await left(), []);
    }
  });

  it('tells failures of one status apart, and what helps', async () => {
    for (const [code, status, message] of [['origin-unreachable', 3, /is it switched on\?/], ['timeout', 3, /in time/], ['peer-unavailable', 3, /`xpmn devices`/], ['protocol-violation', 1, /status 504/]] as const) {
      media.answer = (response) => response.writeHead(504, { 'Xpmn-Error': code }).end();
      const failed = await get();
      assert.equal(failed.status, status);
      assert.match(failed.stderr, new RegExp(`^xpmn: ${code}: `));
      assert.match(failed.stderr, message);
      assert.ok(!failed.stderr.includes('.part'), 'nothing came');
    }
  });

  it('asks nobody for what can not be asked for, or not be written', async () => {
    gateway.url = () => Promise.reject(new Error('It was asked.'));
    for (const uri of ['foo', 'xmpp:anna@example.org/nas-k3fq?transfer', 'https://example.org/film.mp4', '']) {
      for (const command of ['get', 'url']) {
        const { status, stderr } = await cli([command, '--home', directory, '--', uri]);
        assert.equal(status, 2, stderr);
        assert.match(stderr, /^xpmn: usage: "[^"]*" is no media item: .*in quotes/);
      }
    }
    await writeFile(join(directory, 'plain'), '');
    for (const [output, why] of [['nodir/x', /no directory .*nodir\./], ['plain/x', /no directory .*plain\./], ['', /is a directory/], ['new/', /is a directory/]] as const) {
      const { status, stderr } = await cli(['get', URI, '--home', directory, '-o', join(directory, output) + (output.endsWith('/') ? '/' : '')]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, why);
    }
    assert.match((await cli(['get', URI, '--home', directory, '-o', '-'])).stderr, /^xpmn: usage: Standard output/);
    await symlink('/dev/null', join(directory, 'sink'));
    assert.match((await cli(['get', URI, '--home', directory, '-o', join(directory, 'sink')])).stderr, /^xpmn: usage: ".*sink" is no file/);
    await rm(join(directory, 'sink'));
    assert.deepEqual(await left(), ['plain']);
  });

  it('stops when it is told to, and goes on later', async () => {
    const controller = new AbortController();
    media.answer = (response) => {
      response.writeHead(200, { ETag: `"${media.etag}"`, 'Content-Length': 300_000 });
      response.write(media.content.subarray(0, 1000), () => setImmediate(() => controller.abort(new Error('Interrupted.'))));
    };
    const { status, stderr } = await get([], { signal: controller.signal });
    assert.notEqual(status, 0);
    assert.match(stderr, /Interrupted\./);
    media.answer = undefined;
    assert.equal((await get()).status, 0);
    assert.deepEqual(await readFile(file), media.content);
  });

  it('says that the disk is full', async () => {
    await symlink('/dev/full', `${file}.part`);
    const { status, stderr } = await get();
    assert.equal(status, 1);
    assert.match(stderr, /^xpmn: storage-failed: .*film\.mp4\.part can't be written: the disk is full\./);
  });

  it('shows how far it is, on a terminal', async () => {
    let shown = '';
    const stderr = { isTTY: true, write: (text: unknown) => ((shown += String(text)), true) };
    await get([], { stderr });
    assert.match(shown, /\r[\d.]+ kB of 300 kB {2}\d+ % {2}[\d.]+ .?B\/s {2}0:0\d left\u001b\[K[^]*\r\u001b\[K$/);
  });

  it('writes over no file that was not named, and into no directory', async () => {
    const before = process.cwd();
    process.chdir(directory);
    try {
      assert.equal((await cli(['get', URI, '--home', directory])).status, 0);
      assert.deepEqual(await left(), ['film-1.mp4']);
      assert.match((await cli(['get', URI, '--home', directory])).stderr, /^xpmn: conflict: film-1\.mp4 is there already/);
    } finally {
      process.chdir(before);
    }
    await mkdir(file);
    assert.equal((await get()).status, 2);
  });

  it('leaves a file alone that another command fetches', async () => {
    await mkdir(`${file}.part.lock`);
    await writeFile(join(`${file}.part.lock`, `${process.pid}--a`), '');
    assert.match((await get()).stderr, /^xpmn: already-running: Another command fetches .*film\.mp4 already/);
  });

  it('names a file harmlessly, whatever the device calls the item', () => {
    assert.equal(fileNameFor('NjQkMA-3fa2c1', 'video/x-matroska'), 'NjQkMA-3fa2c1.mkv');
    for (const uid of ['../../etc/passwd', '/etc/passwd', '..', '.', '', '-rf', 'a\0b', 'a/b', 'ä'.repeat(500), 'con\n']) {
      const name = fileNameFor(uid, 'no/such');
      assert.match(name, /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.bin$/, JSON.stringify(uid));
    }
  });

  it('reads ranges and servers as people write them', () => {
    assert.deepEqual([parseByteRange('0-'), parseByteRange('5-9')], [{ from: 0 }, { from: 5, to: 9 }]);
    for (const text of ['', '-', '-5', '9-5', 'a-b', '1', '1-2,4-5', '0x1-2']) assert.throws(() => parseByteRange(text), { code: 'usage' }, text);
    assert.deepEqual([parseServer('a.example:5222'), parseServer('[::1]:1')], [{ host: 'a.example', port: 5222 }, { host: '::1', port: 1 }]);
    for (const text of ['', 'a', 'a:', ':1', 'a:0', 'a:70000', '::1:5222', 'a b:1', 'http://a:1']) assert.throws(() => parseServer(text), { code: 'usage' }, text);
  });
});
