import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ControlServer } from '../../../../src/app/control/server.ts';
import { exitStatus } from '../../../../src/app/cli/exit-status.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import type { FoundNetwork, InitOptions, SetupDeps, SetupResult } from '../../../../src/app/setup-api.ts';
import { ERROR_CODES, XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { FakeGateway, fakeDevice } from '../../../fakes/fake-gateway.ts';
import { fakeControlled, fakeSetup } from '../../../fakes/fake-setup.ts';
import { FakeTerminal, cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { makeServerCertificate } from '../../../peers/authority.ts';
import { settings } from '../../../support/settings.ts';

describe('commands', () => {
  const result = { network: 'n1', jid: 'anna@example.org/pi-aaaa', isChecked: true };
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer | undefined;
  let changes: unknown[];
  let networks: FoundNetwork[];
  /** What the daemon answers to `restore`. */
  let restored: SetupResult;
  /** What the daemon answers to `init` and `import` instead. */
  let refusal: XpmnError | undefined;

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], deps);
  const json = async (argv: readonly string[]): Promise<unknown> => JSON.parse((await xpmn([...argv, '--json'])).stdout);
  const setup = fakeSetup({
    prepareInit: async (deps: SetupDeps, options: InitOptions) => async () => (changes.push(options), await deps.storage.put('made', Buffer.from('here')), result),
    prepareImport: async (_, options) => async () => (changes.push(options), result),
    prepareBackup: async (_, options) => async () => (changes.push(options), { file: Buffer.from('XPMNBKUP here').toString('base64'), needsPassword: false }),
    findNetworks: async () => networks,
    prepareJoin: async (_, options) => async () => (changes.push(options), result),
  });
  const loadGateway: CliDeps['loadGateway'] = () => Promise.resolve({ createGateway: () => Promise.resolve(gateway), setup });
  const stopDaemon = async (): Promise<void> => {
    await server?.close();
    server = undefined;
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-cli-'));
    gateway = new FakeGateway();
    changes = [];
    networks = [];
    [refusal, restored] = [undefined, result];
    const change = async (options: unknown): Promise<typeof result> => {
      if (refusal) throw refusal;
      changes.push(options);
      return result;
    };
    const controlled = fakeControlled({ gateway: () => gateway, init: change, importCredentials: change, join: change, restore: async (options) => ({ ...(await change(options)), ...restored }), findNetworks: async () => networks });
    server = await ControlServer.open(join(home, 'control.sock'), { controlled, log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await stopDaemon();
    await rm(home, { recursive: true });
  });

  it('status tells people what runs and what is wrong, and machines all of it', async () => {
    const { status, stdout } = await xpmn(['status']);
    assert.equal(status, 0);
    assert.match(stdout, /runs as anna@example\.org\/gateway-k3fq\n[^]*connection {2}waiting: The server does not answer\.\n[^]*warning {5}The TV can't be reached\.\n$/);
    assert.deepEqual(await json(['status']), gateway.status());
  });

  it('devices lists what the other commands take first, and shows no tricks of foreign names', async () => {
    gateway.list.push(fakeDevice('evil-aaaa', 'a\nb\u001b[2J\u202e'));
    const { stdout } = await xpmn(['devices']);
    assert.match(stdout, /^DEVICE +NAME +KIND +WHERE +REACH +TRUST +SERVICES\nnas-k3fq +NAS of Anna +media-server +elsewhere +direct +own +directory transfer\n/);
    assert.equal(stdout.split('\n').length, 5);
    assert.ok(!/[\u001b\u202e]/.test(stdout));
    assert.deepEqual(await json(['devices']), { devices: gateway.list });
    gateway.list.length = 0;
    assert.match((await xpmn(['devices'])).stdout, /no devices yet/);
  });

  it('browse lists all pages, each line ending in what the next command takes', async () => {
    gateway.films = 1201;
    const { stdout } = await xpmn(['browse', 'nas']);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 1202);
    assert.match(lines[0] as string, /^TITLE +TYPE +SIZE +LENGTH +CONTAINER OR URI$/);
    assert.match(lines[1201] as string, /^Film 1200 +video +1\.4 GB +1:30:00 +'xmpp:anna@example\.org\/nas-k3fq\?transfer;uid=film-1200'$/);
    assert.equal(((await json(['browse', 'nas'])) as { children: unknown[] }).children.length, 1201);
  });

  it('browse keeps to offset and limit, and says how to go on', async () => {
    gateway.films = 1201;
    const { stdout, stderr } = await xpmn(['browse', 'nas', '--offset', '10', '--limit', '600']);
    assert.match(stdout, /^TITLE[^]*\nFilm 10 [^]*\nFilm 609 [^\n]*\n$/);
    assert.equal(stderr, 'There is more: go on with --offset 610.\n');
    gateway.films = 0;
    assert.deepEqual(await xpmn(['browse', 'nas']), { status: 0, stdout: '', stderr: 'There is nothing in it.\n' });
  });

  it('url prints a URL and nothing else', async () => {
    gateway.local = { url: 'http://127.0.0.1:1/m/x.mp4', entity: { size: 1, type: 'video/mp4', etag: 'e' } };
    assert.deepEqual(await xpmn(['url', 'xmpp:anna@example.org/nas-k3fq?transfer;uid=film-1']), { status: 0, stdout: 'http://127.0.0.1:1/m/x.mp4\n', stderr: '' });
  });

  it('fails in one line with its code, and a status that tells of which kind', async () => {
    for (const [code, status] of [['origin-unreachable', 3], ['not-allowed', 1], ['not-trusted', 4], ['origin-broken', 1]] as const) {
      gateway.failure = new XpmnError(code, 'It is\nso.');
      assert.deepEqual(await xpmn(['browse', 'nas']), { status, stdout: '', stderr: `xpmn: ${code}: It is\\u000aso.\n` });
    }
    assert.match((await xpmn(['browse', 'kitchen'])).stderr, /^xpmn: not-found: No device is called "kitchen"/);
    gateway.failure = new XpmnError('peer-unavailable', 'It is not there.');
    assert.equal((await xpmn(['browse', 'nas'])).stderr, 'xpmn: peer-unavailable: NAS of Anna can\'t be reached now: is it switched on? `xpmn devices` shows what can be reached.\n');
    gateway.failure = new XpmnError('not-found', 'The peer answered.', { details: { said: 'It has no library yet.' } });
    assert.equal((await xpmn(['browse', 'nas'])).stderr, 'xpmn: not-found: NAS of Anna says: It has no library yet.\n');
    gateway.failure = undefined;
    for (const argv of [['nas', 'xmpp:a@b/c?transfer;uid=x'], ['xmpp:a@b/c?transfer;uid=x']]) assert.deepEqual(await xpmn(['browse', ...argv]), { status: 2, stdout: '', stderr: 'xpmn: usage: "xmpp:a@b/c?transfer;uid=x" is an item: `xpmn get` fetches it, `xpmn play` plays it.\n' });
    assert.equal((await xpmn(['browse', 'nas', 'x\ny'])).stderr, 'xpmn: not-found: NAS of Anna (nas-k3fq) has no container "x\\u000ay": `xpmn browse nas-k3fq` lists those at its top, with what names each at the end of its line.\n');
  });

  it('says how to start a daemon where there is none', async () => {
    await stopDaemon();
    for (const argv of [['status'], ['devices'], ['browse', 'x'], ['url', 'xmpp:a@b/c?transfer;uid=x']]) {
      const { status, stderr } = await xpmn(argv);
      assert.equal(status, 3);
      assert.match(stderr, /^xpmn: not-running: [^\n]*`xpmn daemon`[^\n]*\n$/);
    }
  });

  it('has one exit status for each code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) assert.ok([1, 2, 3, 4].includes(exitStatus(new XpmnError(code, 'x'))), code);
    assert.equal(exitStatus(new XpmnError('usage', 'x')), 2);
  });

  it('knows wrong usage from failure', async () => {
    const wrong = [
      [], ['brows'], ['browse'], ['status', 'x'], ['status', '--loud'], ['browse', 'nas', '--limit', '0'], ['browse', 'nas', '--offset', '-1'], ['get', 'xmpp:a', '--range', '9-1'],
      ['init', '--server', 'example.org:5222'], ['init', '--no-check'], ['init', '--replace'], ['init', '--jid', 'example.org'], ['init', '--jid', 'a@b/c'], ['init', '--jid', 'a@b', '--server', 'b'], ['daemon', '--log', 'xml'],
    ];
    for (const argv of wrong) {
      const { status, stdout, stderr } = await xpmn(argv);
      assert.equal(status, 2, argv.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, argv.length === 0 ? /^Usage: xpmn/ : /^xpmn: usage: [^\n]+\n$/);
    }
    assert.match((await xpmn(['browse'])).stderr, /See `xpmn browse --help`\.\n$/);
    assert.match((await xpmn(['credentials', 'export'])).stderr, /See `xpmn credentials export --help`\.\n$/);
  });

  it('explains itself without a manual', async () => {
    for (const argv of [[], ['daemon'], ['status'], ['devices'], ['browse'], ['get'], ['url'], ['init'], ['credentials'], ['credentials', 'export'], ['credentials', 'import']]) {
      const { status, stdout } = await xpmn([...argv, '--help']);
      assert.equal(status, 0);
      assert.match(stdout, /^Usage: xpmn /);
      assert.ok(!/--password[ =]/.test(stdout), 'a password is never an argument');
    }
    assert.match((await xpmn(['--help'])).stdout, /^ {2}play \[uri\.\.\.\] .*\n[^]*^ {2}seek <pos> /m);
    assert.equal((await xpmn(['--version'])).stdout, '1.2.3\n');
  });

  it('takes names that people can read, for a machine', async () => {
    for (const name of ['', '  ', 'a\nb', 'x'.repeat(257)]) {
      const { status, stderr } = await xpmn(['init', '--name', name]);
      assert.deepEqual([status, stderr], [2, 'xpmn: usage: A name has 1 to 256 characters, all in one line. See `xpmn init --help`.\n']);
    }
  });

  it('init asks the daemon, with the password from a file or from standard input', async () => {
    const file = join(home, 'password');
    await writeFile(file, 'hunter2\r\nsecond line');
    const { ca: pem } = await makeServerCertificate(home, ['example.org']);
    const ca = join(home, 'ca.crt');
    const { status, stdout } = await xpmn(['init', '--jid', 'Anna@example.org', '--password-file', file, '--server', '[::1]:5222', '--ca', ca, '--name', 'Pi']);
    assert.equal(status, 0);
    assert.equal(stdout, 'This machine is anna@example.org/pi-aaaa in the media network n1.\nIt is called "Pi".\nThe account lets it in. The gateway works with that from now on.\n');
    await xpmn(['init', '--jid', 'anna@example.org', '--password-file', '-'], { stdin: new PassThrough().end('from stdin') });
    assert.deepEqual(changes, [
      { jid: 'anna@example.org', password: 'hunter2', server: { host: '::1', port: 5222 }, ca: pem, name: 'Pi' },
      { jid: 'anna@example.org', password: 'from stdin' },
    ]);
  });

  it('init says what is wrong with the account and what to do; untried, it says so', async () => {
    const init = (...argv: string[]): Promise<CliResult> => xpmn(['init', '--jid', 'anna@example.org', '--password-file', '-', ...argv], { stdin: new PassThrough().end('p') });
    const cases: [ErrorCode, number, RegExp][] = [
      ['login-failed', 1, /Check the name of the account and its password/], ['server-unreachable', 3, /--server HOST:PORT.*--no-check/], ['timeout', 3, /--server/],
      ['server-untrusted', 4, /--ca FILE/], ['server-insecure', 1, /password was not sent/], ['conflict', 1, /It is so\. Nothing/],
    ];
    for (const [code, status, advice] of cases) {
      refusal = new XpmnError(code, 'It is so.', { details: { step: 'login' } });
      const { status: got, stdout, stderr } = await init();
      assert.deepEqual([got, stdout], [status, '']);
      assert.match(stderr, new RegExp(`^xpmn: ${code}: It is so\\. [^\\n]*Nothing was changed\\.\n$`));
      assert.match(stderr, advice);
    }
    refusal = new XpmnError('timeout', 'Something else.');
    assert.equal((await init()).stderr, 'xpmn: timeout: Something else.\n');
    refusal = undefined;
    assert.match((await init('--no-check')).stdout, /Whether the account lets it in, `xpmn status` says\.\n$/);
    assert.deepEqual(changes, [{ jid: 'anna@example.org', password: 'p', check: false }]);
  });

  it('init asks before other machines stay behind, and takes yes for an answer', async () => {
    refusal = new XpmnError('conflict', 'Two other machines would stay behind.', { details: { machines: 2 } });
    const file = join(home, 'password');
    await writeFile(file, 'p');
    const argv = ['init', '--jid', 'anna@example.org', '--password-file', file, '--replace'];
    assert.deepEqual(await xpmn(argv), { status: 2, stdout: '', stderr: 'xpmn: usage: Two other machines would stay behind. If that is what you want, say --yes.\n' });
    for (const [typed, isTaken] of [['n\n', false], ['\n', false], ['yess\n', false], ['Yes\n', true]] as const) {
      changes = [];
      const stdin = new FakeTerminal();
      const stderr = { write: (text: unknown) => {
        if (String(text).endsWith('[y/N] ')) {
          refusal = isTaken ? undefined : refusal;
          stdin.write(typed);
        }
        return true;
      } };
      assert.equal((await xpmn(argv, { stdin, stderr })).status, isTaken ? 0 : 1, typed);
      assert.deepEqual(changes, isTaken ? [{ jid: 'anna@example.org', password: 'p', replace: 'always' }] : []);
    }
    await xpmn([...argv, '--yes']);
    assert.deepEqual(changes.at(-1), { jid: 'anna@example.org', password: 'p', replace: 'always' });
  });

  it('credentials import leaves a network only when the user said so, and never a user key that others rest on', async () => {
    const file = join(home, 'cottage.xpmn');
    const run = (...argv: string[]): Promise<CliResult> => xpmn(['credentials', 'import', file, '--password-file', '-', ...argv], { stdin: new PassThrough().end('p') });
    await writeFile(file, 'content');
    assert.match((await run('--replace')).stderr, /^xpmn: usage: This machine leaves .* say --yes\.\n$/);
    refusal = new XpmnError('already-initialised', 'Others rest on it.', { details: { machines: 2 } });
    const { status, stderr } = await run('--replace', '--yes');
    assert.equal(status, 1);
    assert.ok(stderr.startsWith(`xpmn: already-initialised: Others rest on it. It is never replaced: to begin anew all the same, stop the gateway and move ${home} away`), stderr);
    assert.equal(await readFile(file, 'utf8'), 'content');
    refusal = undefined;
    assert.equal((await run('--replace', '--yes')).status, 0);
    assert.deepEqual(changes, [{ file: Buffer.from('content'), password: 'p', replace: true }]);
  });

  it('init refuses a file that holds no certificate, before anything is made', async () => {
    const file = join(home, 'password');
    await writeFile(file, 'hunter2');
    const { status, stderr } = await xpmn(['init', '--jid', 'anna@example.org', '--password-file', file, '--ca', file]);
    assert.equal(status, 1);
    assert.match(stderr, /^xpmn: bad-request: .*password holds no certificate in PEM\.\n$/);
    assert.deepEqual(changes, []);
  });

  it('init does it itself where no daemon runs, on the same state', async () => {
    await stopDaemon();
    assert.deepEqual(await json(['init']).catch(() => 'needs the gateway'), 'needs the gateway');
    assert.equal((await xpmn(['init', '--name', 'Pi'], { loadGateway })).status, 0);
    assert.deepEqual(changes, [{ name: 'Pi' }]);
    assert.equal(await readFile(join(home, 'state/made'), 'utf8'), 'here');
    assert.deepEqual((await readdir(home)).sort(), ['state', 'version']);
  });

  it('takes a password from a terminal without showing it, twice for a new one', async () => {
    const stdin = new FakeTerminal();
    const asked = xpmn(['credentials', 'export', join(home, 'cottage.xpmn')], { stdin });
    for (const keys of ['hunterX\u007f2', '\u001b[A', '\r', 'hunter2\r']) {
      stdin.write(keys);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { status, stdout, stderr } = await asked;
    assert.equal(status, 0, stderr);
    assert.deepEqual(gateway.exported, [{ name: 'cottage', password: 'hunter2' }]);
    assert.ok(!(stdout + stderr).includes('hunter'));
    assert.deepEqual(stdin.modes, [true, false, true, false]);
  });

  it('makes nothing of passwords that differ, are empty, too long, interrupted, or can\'t be asked for', async () => {
    const file = join(home, 'x.xpmn');
    for (const [keys, code, status] of [[['a\r', 'b\r'], 'bad-password', 1], [['\r'], 'bad-password', 1], [['a'.repeat(2000)], 'bad-password', 1], [['a\u0003'], 'aborted', 1]] as const) {
      const stdin = new FakeTerminal();
      const asked = xpmn(['credentials', 'export', file], { stdin });
      for (const key of keys) {
        stdin.write(key);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { status: got, stderr } = await asked;
      assert.equal(got, status);
      assert.match(stderr, new RegExp(`xpmn: ${code}: [^\n]*\n$`));
      assert.equal(stdin.modes.at(-1), false);
    }
    assert.match((await xpmn(['credentials', 'export', file])).stderr, /^xpmn: usage: .*--password-file/);
    assert.match((await xpmn(['credentials', 'export', file, '--password-file', '-'], { stdin: new PassThrough().end('x'.repeat(5000)) })).stderr, /^xpmn: bad-password: /);
    assert.match((await xpmn(['credentials', 'export', file, '--password-file', join(home, 'none')])).stderr, /^xpmn: usage: /);
    assert.deepEqual(gateway.exported, []);
    await assert.rejects(stat(file));
  });

  it('backup says whether the password of the account is not in it', async () => {
    const stdin = (): CliDeps['stdin'] => new PassThrough().end('milk\n');
    const said = async (name: string): Promise<string> => (await xpmn(['backup', join(home, name), '--password-file', '-'], { stdin: stdin() })).stdout;
    assert.doesNotMatch(await said('first'), /password of the account/);
    gateway.hasForgotten = true;
    assert.match(await said('second'), /The password of the account is not in it, since this machine has forgotten it: keep that, too\./);
  });

  it('restore says what to do about the password that was not in the backup', async () => {
    const file = join(home, 'network.xpmn');
    await writeFile(file, 'XPMNBKUP');
    const said = async (): Promise<string> => (await xpmn(['restore', file, '--password-file', '-'], { stdin: new PassThrough().end('milk\n') })).stdout;
    assert.doesNotMatch(await said(), /password/);
    restored = { ...result, needsPassword: 'anna@example.org' };
    assert.match(await said(), /The password of the account anna@example\.org was not in the backup\. Give it with `xpmn init --jid anna@example\.org`/);
  });

  it('restore asks for the account\'s password where it is not in the backup, if somebody sits there, or takes it from a file', async () => {
    const [file, login] = [join(home, 'network.xpmn'), join(home, 'login')];
    await writeFile(file, 'content');
    await writeFile(login, 'secret\n');
    const run = (...flags: string[]): Promise<CliResult> => xpmn(['restore', file, '--password-file', '-', ...flags], { stdin: new PassThrough().end('p') });
    refusal = new XpmnError('login-failed', 'It is not in there.', { details: { step: 'login', needsPassword: 'anna@example.org' } });
    assert.match((await run()).stderr, /It is not in there\. Give the password as it is now with --login-password-file FILE, .* Nothing was changed\.$/m);
    const terminal = new FakeTerminal();
    const stderr = { write: (text: unknown) => {
      if (!String(text).startsWith('Password of the account anna@example.org')) return true;
      refusal = undefined;
      return terminal.write('typed\r');
    } };
    assert.equal((await xpmn(['restore', file, '--password-file', login], { stdin: terminal, stderr })).status, 0);
    await run('--login-password-file', login);
    assert.deepEqual(changes, [{ file: Buffer.from('content'), password: 'secret', login: 'typed' }, { file: Buffer.from('content'), password: 'p', login: 'secret' }]);
    assert.equal((await run('--login-password-file', '-')).status, 2);
  });

  it('credentials export writes a file for its owner alone, never over another, and none when it fails', async () => {
    const file = join(home, 'cottage.xpmn');
    const run = (): Promise<CliResult> => xpmn(['credentials', 'export', file, '--name', 'Hut', '--password-file', '-'], { stdin: new PassThrough().end('p') });
    gateway.failure = new XpmnError('not-allowed', 'Only the management device can do that.');
    assert.equal((await run()).status, 1);
    await assert.rejects(stat(file));
    gateway.failure = undefined;
    assert.match((await run()).stdout, /the device anna@example\.org\/Hut-aaaa[^]*xpmn credentials import cottage\.xpmn/);
    assert.equal(await readFile(file, 'utf8'), 'XPMNCRED fake');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.match((await run()).stderr, /^xpmn: storage-failed: .*a file is in its place/);
    assert.equal(gateway.exported.length, 1);
  });

  it('restore says whether it knows what has happened since the backup, and what to do where it can\'t', async () => {
    const file = join(home, 'network.xpmn');
    await writeFile(file, 'content');
    const run = (...flags: string[]): Promise<CliResult> => xpmn(['restore', file, '--password-file', '-', ...flags], { stdin: new PassThrough().end('p') });
    for (const [learnt, said] of [[2, /learnt from the account: machines that joined later stay/], [0, /knows nothing newer/], [undefined, /not known here: machines that joined later are shut out/]] as const) {
      restored = { ...result, learnt };
      const { status, stdout } = await run(...(learnt === undefined ? ['--no-check'] : []));
      assert.equal(status, 0);
      assert.match(stdout, said);
    }
    assert.deepEqual(changes, [{ file: Buffer.from('content'), password: 'p' }, { file: Buffer.from('content'), password: 'p' }, { file: Buffer.from('content'), password: 'p', check: false }]);
    for (const [code, step, advice] of [['login-failed', 'login', '--login-password-file'], ['server-unreachable', 'login', 'network of this machine'], ['timeout', 'lists', 'but its lists can\'t be read']] as const) {
      refusal = new XpmnError(code, 'It did not work.', { details: { step } });
      const { status, stderr } = await run();
      assert.notEqual(status, 0);
      assert.ok(stderr.includes(advice) && stderr.includes('--no-check') && stderr.endsWith(' Nothing was changed.\n'), stderr);
    }
    assert.equal(await readFile(file, 'utf8'), 'content', 'a backup stays where it is');
  });

  it('backup is made by the daemon, or here where none runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-backup-'));
    const run = (name: string): Promise<CliResult> => xpmn(['backup', join(folder, name), '--password-file', '-'], { stdin: new PassThrough().end('p'), loadGateway });
    assert.match((await run('a')).stdout, /holds the key of your media network/);
    assert.deepEqual(gateway.exported, [{ name: 'backup', password: 'p' }]);
    await stopDaemon();
    assert.equal((await run('b')).status, 0);
    assert.deepEqual(changes, [{ password: 'p' }]);
    assert.deepEqual([await readFile(join(folder, 'a'), 'utf8'), await readFile(join(folder, 'b'), 'utf8')], ['XPMNBKUP fake', 'XPMNBKUP here']);
    await rm(folder, { recursive: true });
  });

  it('credentials import gives the file to the daemon, or takes it itself', async () => {
    const file = join(home, 'cottage.xpmn');
    await writeFile(file, 'content');
    const run = (): Promise<CliResult> => xpmn(['credentials', 'import', file, '--password-file', '-'], { stdin: new PassThrough().end('p'), loadGateway });
    assert.match((await run()).stdout, /^This machine is anna@example\.org\/pi-aaaa[^]*was erased/);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    await stopDaemon();
    assert.match((await run()).stderr, /^xpmn: storage-failed: .*can't be read/);
    assert.deepEqual(changes, [{ file: Buffer.from('content'), password: 'p' }]);
  });
});
