import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../src/app/control/server.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { FakeGateway, fakeDevice } from '../fakes/fake-gateway.ts';
import { fakeControlled } from '../fakes/fake-setup.ts';
import { Namespaces } from '../peers/namespaces.ts';
import { run, startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { startProsody } from '../peers/prosody.ts';
import { waitUntil } from '../peers/wait.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { settings } from '../support/settings.ts';
import { PROGRAM, buildProgram, runProgram } from './support/program.ts';
import type { Answer } from './support/program.ts';

describe('the program', function () {
  this.timeout(120_000);
  let place: string;
  let home: string;

  before(buildProgram);
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'xpmn-program-'));
    home = join(place, 'home');
  });
  afterEach(() => rm(place, { recursive: true }));

  describe('as a client', () => {
    let gateway: FakeGateway;
    let server: ControlServer;
    const xpmn = (...argv: string[]): Promise<Answer> => runProgram(argv, { env: { ...process.env, XPMN_HOME: home } });

    beforeEach(async () => {
      gateway = new FakeGateway();
      await mkdir(home);
      server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway }), log: silentLogger }, settings.control);
    });
    afterEach(() => server.close());

    it('prints text and JSON, and ends with a status that tells how it went', async () => {
      assert.match((await xpmn('devices')).stdout, /^DEVICE .*\nnas-k3fq /);
      assert.deepEqual(JSON.parse((await xpmn('status', '--json')).stdout), gateway.status());
      assert.equal((await xpmn('status')).code, 0);
      assert.deepEqual((({ code, stderr }) => ({ code, stderr }))(await xpmn('browse', 'nobody')), { code: 1, stderr: 'xpmn: not-found: No device is called "nobody": `xpmn devices` lists those there are.\n' });
      assert.equal((await xpmn('brows')).code, 2);
      await server.close();
      assert.equal((await xpmn('status')).code, 3);
    });

    it('says in one line that its output could not be written', async () => {
      const answer = await run(['sh', '-c', '"$0" "$@" 2>&1 >/dev/full; echo "status $?"', process.execPath, PROGRAM, 'devices'], { env: { ...process.env, XPMN_HOME: home } });
      assert.match(answer, /^xpmn: storage-failed: [^\n]*\nstatus 1\n$/);
    });

    it('browses and fetches what it found', async () => {
      const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 253));
      const origin = http.createServer(serveBytes(content, {})).listen(0, '127.0.0.1');
      await once(origin, 'listening');
      try {
        gateway.local = { url: `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`, entity: { size: content.length, type: 'video/mp4', etag: '' } };
        const { children } = JSON.parse((await xpmn('browse', 'nas', '--json')).stdout) as { children: { uri: string }[] };
        const file = join(place, 'film.mp4');
        const { code, stderr } = await xpmn('get', children[1]?.uri ?? '', '-o', file);
        assert.equal(code, 0, stderr);
        assert.deepEqual(await readFile(file), content);
      } finally {
        origin.close();
        origin.closeAllConnections();
      }
    });

    it('plays a file, watches what comes of it, and ends with Ctrl-C as if that were all it was to do', async () => {
      gateway.list.push(fakeDevice('living-aaaa', 'Living room', { kind: 'media-player', services: ['playback', 'rendering'] }));
      const song = join(place, 'song.mp3');
      await writeFile(song, 'music');
      const { code, stdout, stderr } = await xpmn('play', song, '--from', '1:30');
      assert.deepEqual([code, stdout, stderr], [0, 'playing Title 1 on Living room\n', '']);
      assert.deepEqual(gateway.shared, [{ file: song }]);
      assert.equal((await xpmn('seek', '-10')).code, 0);
      const watching = await startProcess('watch', [process.execPath, PROGRAM, 'now', '--watch'], { env: { ...process.env, XPMN_HOME: home } });
      await watching.said(/^playing .* Title 1\n/);
      await waitUntil('it waits for news', () => gateway.players.waiting === 1);
      gateway.players.change({ volume: 7 });
      await watching.said(/volume 7/);
      watching.kill('SIGINT');
      assert.deepEqual(await watching.exited, { code: 0, signal: null });
      assert.equal(watching.output().trimEnd().split('\n').length, 2);
    });

    it('does not mind a reader who has seen enough', async () => {
      gateway.films = 20_000;
      const pipe = await startProcess('pipe', ['sh', '-c', `"$0" "$1" browse nas | head -n 2; exit 0`, process.execPath, PROGRAM], { env: { ...process.env, XPMN_HOME: home } });
      assert.equal((await pipe.exited).code, 0);
      assert.equal(pipe.output().trimEnd().split('\n').length, 2);
    });
  });

  describe('as a daemon', () => {
    let spaces: Namespaces;
    let daemon: ManagedProcess | undefined;
    const netns = (): string => spaces.full('lonely');
    const start = (...argv: string[]): Promise<ManagedProcess> => startProcess('daemon', [process.execPath, PROGRAM, 'daemon', '--home', home, ...argv], { netns: netns(), grace: 20_000 });
    const xpmn = (...argv: string[]): Promise<Answer> => runProgram([...argv, '--home', home], { netns: netns() });

    before(async () => {
      spaces = await Namespaces.create();
      await spaces.add(['lonely']);
    });
    after(() => spaces.close());
    afterEach(() => daemon?.stop());

    it('starts without any configuration, is alone on its state, and stops when told', async () => {
      daemon = await start();
      await daemon.said(/In another terminal:/, 30_000);
      const status = JSON.parse((await xpmn('status', '--json')).stdout) as { connection: { state: string }; jid: string };
      assert.equal(status.connection.state, 'local-only');
      const second = await xpmn('daemon');
      assert.equal(second.code, 1);
      assert.match(second.stderr, /^xpmn: already-running: [^\n]*\n$/);
      daemon.kill('SIGTERM');
      assert.deepEqual(await daemon.exited, { code: 0, signal: null });
      assert.deepEqual((await readdir(home)).sort(), ['state', 'version']);
      daemon = await start('--log', 'json');
      await daemon.said(/"message":"ready"/, 30_000);
      assert.equal((JSON.parse((await xpmn('status', '--json')).stdout) as { jid: string }).jid, status.jid);
    });

    it('runs on when its log can not be written', async () => {
      daemon = await startProcess('daemon', ['sh', '-c', 'exec "$0" "$@" 2>/dev/full', process.execPath, PROGRAM, 'daemon', '--home', home, '--log-level', 'debug'], { netns: netns(), grace: 20_000 });
      await daemon.said(/In another terminal:/, 30_000);
      assert.equal((await xpmn('status')).code, 0);
      daemon.kill('SIGTERM');
      assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    });

    it('comes back after it was killed', async () => {
      for (let i = 0; i < 2; i += 1) {
        daemon = await start();
        await daemon.said(/In another terminal:/, 30_000);
        daemon.kill('SIGKILL');
        await daemon.exited;
      }
    });

    it('does not start on a wrong configuration, and names the mistake', async () => {
      const config = join(place, 'config.json');
      await writeFile(config, '{"mediaPort": {"port": 123456}}');
      const { code, stderr } = await xpmn('daemon', '--config', config);
      assert.equal(code, 1);
      assert.match(stderr, /^xpmn: bad-configuration: .*config\.json: `mediaPort\.port` must be <= 65535\.\n$/);
    });

    it('tries the account before it takes it, with a daemon and without one', async () => {
      const server = await startProsody({ users: { romeo: 'wherefore' }, netns: netns() });
      try {
        const files = { wrong: join(place, 'wrong'), right: join(place, 'right'), ca: join(place, 'ca.pem') };
        await Promise.all([writeFile(files.wrong, 'therefore\n'), writeFile(files.right, 'wherefore\n'), writeFile(files.ca, server.ca)]);
        const at = ['--server', `${server.host}:${server.port}`];
        const init = (...argv: string[]): Promise<Answer> => xpmn('init', '--jid', `romeo@${server.domain}`, ...argv);
        for (const round of ['without', 'with'] as const) {
          if (round === 'with') {
            daemon = await start();
            await daemon.said(/In another terminal:/, 30_000);
          }
          assert.match((await init('--password-file', files.right, ...at)).stderr, /^xpmn: server-untrusted: .*--ca FILE.* Nothing was changed\.\n$/, round);
          const refused = await init('--password-file', files.wrong, ...at, '--ca', files.ca);
          assert.deepEqual([refused.code, refused.stdout], [1, '']);
          assert.match(refused.stderr, /^xpmn: login-failed: [^\n]*password\. Nothing was changed\.\n$/);
          const lost = await init('--password-file', files.right, '--server', `${server.host}:1`, '--ca', files.ca);
          assert.equal(lost.code, 3);
          assert.match(lost.stderr, /^xpmn: server-unreachable: Nothing answers at [^\n]*\n$/);
        }
        assert.equal((JSON.parse((await xpmn('status', '--json')).stdout) as { connection: { state: string } }).connection.state, 'local-only');
        const taken = await init('--password-file', files.right, ...at, '--ca', files.ca);
        assert.equal(taken.code, 0, taken.stderr);
        assert.match(taken.stdout, /^This machine is romeo@home\.test\/[^\n]*\nThe account lets it in\./);
        await waitUntil('the gateway is online', async () => (JSON.parse((await xpmn('status', '--json')).stdout) as { connection: { state: string } }).connection.state === 'online', { timeout: 30_000 });
      } finally {
        await server.stop();
      }
    });

    it('makes a second machine part of the network by a file', async () => {
      const [file, password] = [join(place, 'cottage.xpmn'), join(place, 'password')];
      await writeFile(password, 'a long password\n');
      daemon = await start();
      await daemon.said(/In another terminal:/, 30_000);
      const exported = await xpmn('credentials', 'export', file, '--password-file', password);
      assert.equal(exported.code, 0, exported.stderr);
      const other = join(place, 'other');
      const wrong = join(place, 'wrong');
      await writeFile(wrong, 'another password\n');
      assert.match((await runProgram(['credentials', 'import', file, '--home', other, '--password-file', wrong])).stderr, /^xpmn: bad-password: /);
      const imported = await runProgram(['credentials', 'import', file, '--home', other, '--password-file', password, '--json']);
      assert.equal(imported.code, 0, imported.stderr);
      const { network } = JSON.parse((await xpmn('status', '--json')).stdout) as { network: string };
      assert.equal((JSON.parse(imported.stdout) as { network: string }).network, network);
    });
  });
});
