import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { FakeGateway } from '../../../fakes/fake-gateway.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { FakeTerminal, cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { settings } from '../../../support/settings.ts';

const LOCKED = /^xpmn: not-authorized: The user key is locked: it has to be unlocked first, by `xpmn key unlock` on the machine that manages the media network\.\n$/;

describe('key', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], deps);
  const typed = (text: string): Partial<CliDeps> => ({ stdin: new PassThrough().end(text) });
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(home, name), `${text}\n`);
    return join(home, name);
  };
  /** Types a line for each question, as soon as it is asked. */
  const atTerminal = async (argv: readonly string[], ...lines: readonly string[]): Promise<CliResult & { readonly asked: string }> => {
    const stdin = new FakeTerminal();
    let asked = '';
    const running = xpmn(argv, { stdin, stderr: { write: (text: unknown) => (asked += String(text), true) } });
    for (const line of lines) {
      const before = asked.length;
      await waitUntil('it asks', () => asked.slice(before).endsWith(': '), { interval: 1 });
      stdin.write(`${line}\r`);
    }
    return { ...(await running), asked };
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-key-'));
    gateway = new FakeGateway();
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  it('lock asks for a password the first time, twice and unseen, and for none after that', async () => {
    const { status, stdout, asked } = await atTerminal(['key', 'lock'], 'milk', 'milk');
    assert.equal(status, 0, asked);
    assert.deepEqual([gateway.keyState, gateway.keyPassword], ['locked', 'milk']);
    assert.match(stdout, /^The user key is locked\..*`xpmn key unlock`\.\nNobody can tell you that password/);
    assert.ok(!(stdout + asked).includes('milk'));
    gateway.keyState = 'unlocked';
    const again = await xpmn(['key', 'lock']);
    assert.deepEqual([again.status, again.stderr, gateway.keyState, gateway.keyPassword], [0, '', 'locked', 'milk']);
    assert.equal((await xpmn(['key', 'lock'])).status, 0, 'locked twice is locked');
    for (const state of ['unlocked', 'locked'] as const) {
      gateway.keyState = state;
      assert.equal((await xpmn(['key', 'lock', '--password-file', '-'], typed('other'))).status, 2, 'that would change nothing, and look as if it had');
    }
    assert.equal(gateway.keyPassword, 'milk');
  });

  it('unlock asks for it once, and tells what has waited', async () => {
    assert.match((await xpmn(['key', 'unlock'])).stdout, /has no password/);
    [gateway.keyState, gateway.keyPassword, gateway.due] = ['locked', 'milk', ['devices', 'friends']];
    const wrong = await xpmn(['key', 'unlock', '--password-file', '-'], typed('mild'));
    assert.deepEqual([wrong.status, wrong.stderr.split(':')[1]], [1, ' bad-password']);
    const { stdout } = await atTerminal(['key', 'unlock'], 'milk');
    assert.match(stdout, /^The user key is at hand.* was issued: the list of devices, the list of friends\.\n$/);
    assert.equal(gateway.keyState, 'unlocked');
    gateway.due = ['devices'];
    assert.deepEqual(JSON.parse((await xpmn(['key', 'unlock', '--json', '--password-file', await file('p', 'milk')])).stdout), { userKey: 'unlocked', issued: ['devices'] });
  });

  it('password sets the first one, changes it, and removes it', async () => {
    assert.match((await atTerminal(['key', 'password'], 'milk', 'milk')).stdout, /has that password now\. It is at hand until/);
    assert.deepEqual([gateway.keyState, gateway.keyPassword], ['unlocked', 'milk']);
    gateway.keyState = 'locked';
    assert.match((await atTerminal(['key', 'password'], 'milk', 'honey', 'honey')).stdout, /now, and is locked\./);
    assert.deepEqual([gateway.keyState, gateway.keyPassword], ['locked', 'honey']);
    const both = ['--password-file', await file('now', 'honey'), '--new-password-file', await file('next', 'bread')];
    assert.equal((await xpmn(['key', 'password', ...both])).status, 0);
    assert.equal(gateway.keyPassword, 'bread');
    assert.match((await xpmn(['key', 'password', ...both])).stderr, /^xpmn: bad-password: /);
    assert.match((await xpmn(['key', 'password', '--remove', '--password-file', '-'], typed('bread'))).stdout, /no password any more/);
    assert.deepEqual([gateway.keyState, gateway.keyPassword], ['plain', undefined]);
    assert.equal((await xpmn(['key', 'password', '--remove'])).status, 0);
  });

  it('password takes no options that mean nothing', async () => {
    const name = await file('p', 'milk');
    assert.equal((await xpmn(['key', 'password', '--password-file', name])).status, 2, 'there is no password yet');
    for (const flags of [['--remove', '--new-password-file', name], ['--password-file', '-', '--new-password-file', '-']]) assert.equal((await xpmn(['key', 'password', ...flags])).status, 2);
    assert.equal(gateway.keyState, 'plain');
  });

  it('is where the network is managed, and nobody is asked for a password elsewhere', async () => {
    gateway.keyState = 'elsewhere';
    for (const argv of [['key', 'unlock'], ['key', 'password']]) {
      const { status, stderr } = await xpmn(argv);
      assert.equal(status, 1);
      assert.match(stderr, /^xpmn: not-allowed: The user key .* is not on this machine/);
    }
  });

  it('that is locked is told by whatever needs it, and how to unlock it', async () => {
    gateway.failure = new XpmnError('not-authorized', 'Locked, said by whomever.');
    gateway.waiting = [{ jid: parseJid('anna@example.org/late-aaaa'), id: 'late-aaaa', name: 'late' }];
    const password = await file('p', 'milk');
    const before = (await readdir(home)).length;
    for (const argv of [['pair', 'start'], ['remove', 'nas', '--yes'], ['keep', 'late-aaaa'], ['backup', join(home, 'b'), '--password-file', password], ['credentials', 'export', join(home, 'c'), '--password-file', password]]) {
      const { status, stdout, stderr } = await xpmn(argv);
      assert.deepEqual([status, stdout], [1, ''], argv.join(' '));
      assert.match(stderr, LOCKED);
    }
    assert.equal((await readdir(home)).length, before, 'no file is left for nothing');
  });

  it('that is locked on another machine ends a pairing here, in the same words', async () => {
    const running = xpmn(['pair', 'start']);
    await waitUntil('the window is open', () => gateway.window.isOpen);
    const peer = parseJid('anna@example.org/laptop-k3fq');
    gateway.window.begin(peer)?.done(true);
    gateway.window.refuse(peer, new XpmnError('not-authorized', 'Locked there.'));
    const { status, stderr } = await running;
    assert.equal(status, 1);
    assert.match(stderr, LOCKED);
  });

  it('status says so beside the network', async () => {
    gateway.keyState = 'locked';
    assert.match((await xpmn(['status'])).stdout, /\nnetwork {5}(ab)+ \(managed here; its key is locked\)\n/);
  });

  it('hand-over asks first, says that the key lies there without a password, and how it gets one', async () => {
    const { jid } = gateway.list[0] as (typeof gateway.list)[number];
    assert.match((await xpmn(['key', 'hand-over', 'NAS'])).stderr, /^xpmn: usage: NAS gets the key of the media network.* say --yes\.\n$/);
    assert.equal(gateway.keyState, 'plain');
    const { status, stdout } = await xpmn(['key', 'hand-over', 'NAS', '--yes']);
    assert.deepEqual([status, gateway.keyState, gateway.manager], [0, 'elsewhere', jid]);
    assert.match(stdout, /^anna@example\.org\/nas-k3fq manages the media network now: [^]*without a password: `xpmn key lock` on that machine/);
    assert.match((await xpmn(['status'])).stdout, /\nnetwork {5}(ab){32} \(managed by nas-k3fq\)\n/);
    const again = await xpmn(['key', 'hand-over', 'NAS', '--yes']);
    assert.deepEqual([again.status, again.stderr.split(':')[1]], [1, ' not-allowed']);
    gateway.keyState = 'plain';
    assert.deepEqual(JSON.parse((await xpmn(['key', 'hand-over', 'NAS', '--yes', '--json'])).stdout), { jid, userKey: 'elsewhere' });
  });

  it('hand-over of a key that is locked says what to do first', async () => {
    gateway.failure = new XpmnError('not-authorized', 'It is locked.');
    const { status, stderr } = await xpmn(['key', 'hand-over', 'NAS', '--yes']);
    assert.equal(status, 1);
    assert.match(stderr, LOCKED);
  });
});
