import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { spawnSync } from 'node:child_process';
import { ControlClient } from '../../../../src/app/control/client.ts';
import { OPERATIONS, operationPath } from '../../../../src/app/control/operations.ts';
import type { ItemToPlay, OperationName } from '../../../../src/app/control/operations.ts';
import { ControlServer, statusOf } from '../../../../src/app/control/server.ts';
import { ERROR_CODES, XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import type { PlayerCommand } from '../../../../src/xpmn/model/playback.ts';
import { playbackStatus } from '../../../fakes/fake-players.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { FakeGateway, fakeDevice } from '../../../fakes/fake-gateway.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { settings } from '../../../support/settings.ts';

/** Small enough for a socket's buffer: what is refused unread does not disturb the one who sends it. */
/** Small enough for what is too much to be written before anybody answers. */
const [BODY_BYTES, FILE_BYTES] = [65_536, 150_000];

const COMMANDS: readonly PlayerCommand[] = [
  ...(['play', 'pause', 'stop', 'next', 'previous', 'close'] as const).map((name) => ({ name })),
  ...[{ position: 1.5 }, { offset: -10 }, { percent: 50 }].map((target) => ({ name: 'seek' as const, target })),
  { name: 'jump', index: 3 }, { name: 'set', variable: { name: 'volume', value: 20 } }, { name: 'set', variable: { name: 'mute', value: true } },
];

describe('control API', () => {
  const { signal } = new AbortController();
  let directory: string;
  let path: string;
  let gateway: FakeGateway;
  let server: ControlServer;
  let client: ControlClient;
  let inits: unknown[];

  const open = (): Promise<ControlServer> => {
    const result = { network: 'n', jid: 'a@b/c', isChecked: true };
    const controlled = fakeControlled({
      gateway: () => gateway,
      init: async (options) => (inits.push(options), result),
      importCredentials: async (options) => (inits.push(options), result),
    });
    return ControlServer.open(path, { controlled, log: silentLogger }, { ...settings.control, bodyBytes: BODY_BYTES, fileBytes: FILE_BYTES });
  };

  /** A raw request, past the client. */
  const post = async (where: string, body: string, type = 'application/json'): Promise<{ status: number | undefined; code: unknown }> => {
    const request = http.request({ socketPath: path, path: where, method: 'POST', headers: { 'Content-Type': type }, agent: false });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const text = Buffer.concat((await response.toArray()) as Buffer[]).toString();
    return { status: response.statusCode, code: (JSON.parse(text) as { code: unknown }).code };
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xpmn-control-'));
    path = join(directory, 'control.sock');
    gateway = new FakeGateway();
    inits = [];
    server = await open();
    client = new ControlClient({ path, answerBytes: settings.cli.answerBytes });
  });
  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  it('goes on, and ends, where a connection could not be accepted', async () => {
    await server.close();
    const made = mock.method(http, 'createServer');
    server = await open();
    const inside = made.mock.calls[0]?.result as http.Server;
    made.mock.restore();
    const fail = (): boolean => inside.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    fail();
    assert.deepEqual(await client.call('status', {}, { signal }), gateway.status());
    const closed = server.close();
    fail();
    await closed;
  });

  it('does each operation of the table', async () => {
    gateway.local = { url: 'http://127.0.0.1:1/m/x.mp4', entity: { size: 1, type: 'video/mp4', etag: 'e' } };
    assert.deepEqual(await client.call('status', {}, { signal }), gateway.status());
    assert.deepEqual((await client.call('devices', {}, { signal })).devices, gateway.list);
    assert.equal((await client.call('browse', { device: 'nas', offset: 1, limit: 1 }, { signal })).children[0]?.id, 'film-1');
    assert.equal((await client.call('url', { uri: 'xmpp:anna@example.org/nas-k3fq?transfer;uid=film-1' }, { signal })).url, gateway.local.url);
    const { file } = await client.call('export-credentials', { name: 'cottage', password: 'p' }, { signal });
    assert.equal(Buffer.from(file, 'base64').toString(), 'XPMNCRED fake');
    await client.call('import-credentials', { file: Buffer.alloc(100_000, 255).toString('base64'), password: 'p' }, { signal });
    await client.call('init', { jid: 'anna@example.org', password: 'p' }, { signal });
    assert.deepEqual(inits, [{ file: Buffer.alloc(100_000, 255), password: 'p' }, { jid: 'anna@example.org', password: 'p' }]);
  });

  it('tells players what to do, and what they do', async () => {
    const device = 'anna@example.org/living-aaaa';
    gateway.list.push(fakeDevice('living-aaaa', 'Living room', { services: ['playback'] }));
    const items = [{ uri: 'xmpp:anna@example.org/nas-k3fq?transfer;uid=film-1' }, { file: '/a.mp3' }, { url: 'http://example.org/' }];
    const opened = await client.call('play', { items, position: 1.5, autoplay: false }, { signal });
    assert.deepEqual([opened.device, opened.name, opened.items.length], [device, 'Living room', 3]);
    assert.deepEqual(gateway.players.opened[0], { device, uris: [items[0]?.uri, ...[1, 2].map((n) => `xmpp:anna@example.org/gateway-k3fq?transfer;uid=shared-${n}`)], position: 1.5, autoplay: false });
    for (const command of COMMANDS) assert.deepEqual(await client.call('player', { device: 'living', command }, { signal }), { device, name: 'Living room' });
    assert.deepEqual(gateway.players.commands, COMMANDS);
    const { revision, volume } = await client.call('now', {}, { signal });
    const news = client.call('now-wait', { device, after: revision }, { signal });
    gateway.players.change({ volume: 1 });
    assert.deepEqual([volume, (await news).volume, (await news).revision], [35, 1, revision + 1]);
    assert.equal((await news).opener, undefined);
    gateway.players.change({ status: playbackStatus({ controller: parseJid('anna@example.org/nas-k3fq') }) });
    assert.equal((await client.call('now', {}, { signal })).opener, 'NAS of Anna');
  });

  it('says which of several can\'t be had, and which device did not answer', async () => {
    gateway.list.push(fakeDevice('living-aaaa', 'Living room', { services: ['playback'] }));
    const [song, locked] = [{ file: '/a.mp3' }, { file: '/locked.mp3' }];
    for (const items of [[song, locked], [locked, song]]) {
      const { skipped } = await client.call('play', { items, position: 7 }, { signal });
      assert.deepEqual(skipped, ['/locked.mp3: It can\'t be read.']);
    }
    // Seconds into the first are none into the second.
    assert.deepEqual(gateway.players.opened.map(({ uris, position }) => [uris.length, position]), [[1, 7], [1, undefined]]);
    await assert.rejects(client.call('play', { items: [locked, { url: 'http://example.org/locked' }] }, { signal }), { code: 'not-allowed', message: '/locked.mp3: It can\'t be read.' });
    const refused = (code: ErrorCode, items: readonly ItemToPlay[]): Promise<unknown> => {
      gateway.players.failure = new XpmnError(code, 'The peer answered.', { details: { said: '' } });
      return client.call('play', { items }, { signal });
    };
    const message = 'Living room can\'t fetch the item, or can\'t play it.';
    await assert.rejects(refused('origin-unreachable', [locked, song, song]), { code: 'origin-unreachable', message: `/a.mp3: ${message}` });
    await assert.rejects(refused('origin-unreachable', [song]), { message });
    await assert.rejects(refused('timeout', [song, song]), { message: 'Living room did not answer its gateway in time.' });
    gateway.failure = new XpmnError('unreachable', 'The peer answered remote-server-not-found.', { details: { said: '' } });
    await assert.rejects(client.call('url', { uri: 'xmpp:anna@example.org/gone-aaaa?transfer;uid=x' }, { signal }), { code: 'unreachable', message: 'gone-aaaa does not answer its gateway: is it switched on?' });
  });

  it('passes no command that players do not know', async () => {
    gateway.list.push(fakeDevice('living-aaaa', 'Living room', { services: ['playback'] }));
    const wrong = [
      {}, { name: 'explode' }, { name: 'play', index: 1 }, { name: 'seek' }, { name: 'seek', target: {} }, { name: 'seek', target: { position: 1, percent: 1 } }, { name: 'seek', target: { position: -1 } }, { name: 'seek', target: { offset: '1' } },
      { name: 'seek', target: { percent: 101 } }, { name: 'jump', index: -1 }, { name: 'jump', index: 0.5 }, { name: 'set', variable: { name: 'volume', value: 101 } }, { name: 'set', variable: { name: 'volume', value: 1.5 } }, { name: 'set', variable: { name: 'mute', value: 1 } },
      { name: 'set', variable: { name: 'bass', value: 1 } }, { name: 'set' },
    ];
    for (const command of wrong) assert.deepEqual(await post('/v1/player', JSON.stringify({ command })), { status: 400, code: 'bad-request' }, JSON.stringify(command));
    assert.deepEqual(await post('/v1/player', '{"command": {"name": "seek", "target": {"position": 1e999}}}'), { status: 400, code: 'bad-request' });
    for (const items of [[], [{}], [{ uri: 'x', file: 'y' }], ['x'], [{ uri: 'http://example.org' }], [{ uri: '' }]]) assert.deepEqual(await post('/v1/play', JSON.stringify({ items })), { status: 400, code: 'bad-request' }, JSON.stringify(items));
    assert.deepEqual([gateway.players.commands, gateway.players.opened], [[], []]);
  });

  it('gives no more entries at once than a page has', async () => {
    gateway.films = 10_000;
    assert.equal((await client.call('browse', { device: 'nas', limit: 9000 }, { signal })).children.length, settings.control.page);
    assert.equal((await client.call('browse', { device: 'nas' }, { signal })).children.length, settings.control.page);
  });

  it('answers errors with their code, sentence and details', async () => {
    gateway.failure = new XpmnError('origin-unreachable', 'The NAS is off.', { details: { since: 5 } });
    await assert.rejects(client.call('browse', { device: 'nas' }, { signal }), { code: 'origin-unreachable', message: 'The NAS is off.', details: { since: 5 } });
  });

  it('has a status for each code that is an error', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) assert.ok(statusOf(new XpmnError(code, 'x')) >= 400);
  });

  it('refuses input that the table does not describe, of every operation', async () => {
    for (const name of Object.keys(OPERATIONS) as OperationName[]) {
      for (const body of ['{"surplus": 1}', '[]', '{', '"x"']) assert.deepEqual(await post(operationPath(name), body), { status: 400, code: 'bad-request' }, `${name} ${body}`);
    }
    assert.deepEqual(await post('/v1/browse', '{"device": "nas", "limit": 0}'), { status: 400, code: 'bad-request' });
    assert.deepEqual(await post('/v1/import-credentials', '{"file": "no base64!", "password": "x"}'), { status: 400, code: 'bad-request' });
    assert.deepEqual(await post('/v1/url', '{"uri": "http://example.org"}'), { status: 400, code: 'bad-request' });
    assert.deepEqual(await post('/v1/none', '{}'), { status: 404, code: 'not-found' });
  });

  it('takes requests up to its limits', async () => {
    assert.deepEqual(await post('/v1/url', `{"uri": "${'x'.repeat(BODY_BYTES)}"}`), { status: 413, code: 'too-large' });
    assert.deepEqual(await post('/v1/import-credentials', `{"password": "x", "file": "${'A'.repeat(FILE_BYTES)}"}`), { status: 413, code: 'too-large' });
  });

  it('aborts the work of a caller who has gone', async () => {
    gateway.browsesForEver = true;
    const [begun, aborted] = [deferred(), deferred<unknown>()];
    const browse = gateway.browse.bind(gateway);
    gateway.onBrowse = () => begun.resolve();
    gateway.browse = (...call) => {
      const work = browse(...call);
      work.catch((error: unknown) => aborted.resolve(error));
      return work;
    };
    const caller = new AbortController();
    const call = client.call('browse', { device: 'nas' }, { signal: caller.signal });
    await begun.promise;
    const reason = new Error('enough');
    caller.abort(reason);
    await assert.rejects(call, reason);
    assert.equal((await aborted.promise as XpmnError).code, 'aborted');
  });

  it('ends what is under way when it closes', async () => {
    gateway.browsesForEver = true;
    const begun = deferred();
    gateway.onBrowse = () => begun.resolve();
    const call = client.call('browse', { device: 'nas' }, { signal });
    call.catch(() => undefined);
    await begun.promise;
    await server.close();
    await assert.rejects(call, { code: 'not-running' });
    await assert.rejects(stat(path), { code: 'ENOENT' });
  });

  it('is for its owner alone', async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('is not taken from a process that answers', async () => {
    await assert.rejects(open(), { code: 'already-running' });
    assert.equal((await client.call('status', {}, { signal })).version, '0.0.0');
  });

  it('takes over the socket that a crashed process left', async () => {
    await server.close();
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    assert.ok((await stat(path)).isSocket());
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running' });
    server = await open();
    await client.call('status', {}, { signal });
  });

  it('says in words that there is no daemon, or that its place is too long', async () => {
    await server.close();
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running', message: /start one with `xpmn daemon`/ });
    const long = join(directory, 'x'.repeat(100));
    await assert.rejects(new ControlClient({ path: long, answerBytes: 1 }).call('status', {}, { signal }), { code: 'not-running' });
    path = long;
    await assert.rejects(open(), { code: 'bad-configuration', message: /too long/ });
  });

  it('the client believes no answer that is none, is too large, or breaks off', async () => {
    const other = join(directory, 'other.sock');
    const answers = ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', 'HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\n{}', 'HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nabc', `HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n${'x'.repeat(99)}`, ''];
    const rogue = createServer((socket) => socket.once('data', () => socket.end(answers.shift() ?? ''))).listen(other);
    await once(rogue, 'listening');
    const asking = new ControlClient({ path: other, answerBytes: 50 });
    for (const code of ['malformed', 'malformed', 'connection-lost', 'too-large', 'connection-lost']) await assert.rejects(asking.call('status', {}, { signal }), { code });
    rogue.close();
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(new ControlClient({ path: join(directory, 'file'), answerBytes: 50 }).call('status', {}, { signal }), { code: 'not-running' });
  });
});
