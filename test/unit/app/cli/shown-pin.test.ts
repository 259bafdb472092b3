import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import type { FoundNetwork, JoinOptions } from '../../../../src/app/setup-api.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { FakeGateway } from '../../../fakes/fake-gateway.ts';
import { fakeControlled, fakeSetup } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { FakeTerminal, cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { settings } from '../../../support/settings.ts';

const PEER = parseJid('net-abcdefgh@xpmn.local/box-k3fq');
const result = { network: 'n1', jid: PEER, isChecked: false };
const nas: FoundNetwork = { jid: 'net-abcdefgh@xpmn.local/nas-aaaa', network: 'ab'.repeat(32), name: 'NAS', isOpen: true };
const desk: FoundNetwork = { jid: 'net-other123@xpmn.local/desk-bbbb', network: 'cd'.repeat(32), name: 'Desk', isOpen: true };

describe('a PIN that the new machine shows', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;
  let joined: JoinOptions[];
  /** What each look finds, the last one for ever. */
  let looks: FoundNetwork[][];
  /** What comes of each try, in turn; then it works. */
  let outcomes: XpmnError[];

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], deps);
  const find = async (): Promise<FoundNetwork[]> => (looks.length > 1 ? looks.shift() : looks[0]) ?? [];
  const configure = (pairing: object): Promise<void> => writeFile(join(home, 'config.json'), JSON.stringify({ pairing }));
  const joining = async (options: JoinOptions): Promise<typeof result> => {
    joined.push(options);
    const failure = outcomes.shift();
    if (failure) throw failure;
    return result;
  };
  const closed = (network: FoundNetwork): FoundNetwork => ({ ...network, isOpen: false });
  const wrong = (): XpmnError => new XpmnError('security-failed', 'No.');
  const states = (stdout: string): string[] => stdout.trim().split('\n').map((line) => (JSON.parse(line) as { state: string }).state);
  const pins = (stdout: string): string[] => stdout.split('\n').flatMap((line) => /"pin":"(\d+)"/.exec(line)?.[1] ?? []);

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-shown-'));
    gateway = new FakeGateway();
    [joined, looks, outcomes] = [[], [[nas]], []];
    await configure({ lookFurther: 1 });
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway, findNetworks: find, join: joining }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  describe('join', () => {
    it('is tried once, when the one network that is meant opens', async () => {
      looks = [[], [closed(nas)], [closed(nas), closed(desk)], [nas, closed(desk)]];
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--show-pin', '--name', 'Box']);
      assert.deepEqual([status, stderr], [0, '']);
      const shown = /run `xpmn pair start --pin` and type this PIN:\n\n {4}(\d{3}) (\d{3})\n/.exec(stdout);
      assert.deepEqual(joined, [{ jid: nas.jid, pin: `${shown?.[1]}${shown?.[2]}`, name: 'Box' }]);
      assert.match(stdout, /\nNAS \(.*nas-aaaa\) waits for a machine: asking it …\nThis machine is net-abcdefgh@xpmn\.local\/box-k3fq in the media network n1\.\n/);
    });

    it('is told as a line of JSON for each thing that happens', async () => {
      const { stdout, stderr } = await xpmn(['pair', 'join', '--show-pin', '--json']);
      assert.deepEqual([states(stdout), stderr], [['showing', 'joining', 'joined'], '']);
      assert.deepEqual(pins(stdout), joined.map(({ pin }) => pin));
    });

    it('waits while several networks are open, says so once, and takes the one that is named', async () => {
      looks = [[nas, desk], [nas, desk], [desk]];
      const { stderr } = await xpmn(['pair', 'join', '--show-pin']);
      assert.match(stderr, /^Several media networks wait for a machine: NAS \(.*\), Desk \(.*\)\. This one goes on when only one does; [^\n]*\n$/);
      looks = [[nas, desk]];
      await xpmn(['pair', 'join', 'NAS', '--show-pin']);
      assert.deepEqual(joined.map(({ jid }) => jid), [desk.jid, nas.jid]);
    });

    it('is not tried again where the window stays open', async () => {
      await configure({ lookFurther: 1, lookRound: 20, pinLifetime: 100 });
      outcomes = [wrong()];
      const { status, stdout } = await xpmn(['pair', 'join', '--show-pin', '--json']);
      assert.deepEqual([status, states(stdout), joined.length], [3, ['showing', 'joining', 'wrong', 'showing'], 1]);
    });

    it('is spent when it was wrong: another one is shown when that window has closed, and waits until it opens anew', async () => {
      outcomes = [wrong()];
      let looked = 0;
      looks = [[nas], [nas], [nas], [closed(nas)], [nas]];
      const counted = looks.shift.bind(looks);
      looks.shift = () => ((looked += 1), counted());
      const shownAfter: number[] = [];
      let stdout = '';
      const write = (text: unknown): boolean => {
        if (String(text).includes('\n\n    ')) shownAfter.push(looked);
        stdout += String(text);
        return true;
      };
      const { status } = await xpmn(['pair', 'join', '--show-pin'], { stdout: { write } });
      assert.equal(status, 0);
      assert.match(stdout, /given another PIN, or somebody is in between\. The PIN can't be used again\.\nThis is another one; run `xpmn pair start --pin` again/);
      assert.deepEqual([joined.length, new Set(joined.map(({ pin }) => pin)).size, shownAfter], [2, 2, [0, 4]]);
    });

    it('is shown no more often than the settings say', async () => {
      await configure({ lookFurther: 1, attempts: 2 });
      outcomes = [wrong(), wrong(), wrong()];
      looks = [[nas], [closed(nas)], [nas]];
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--show-pin', '--json']);
      assert.equal(status, 4);
      assert.match(stderr, /^xpmn: not-trusted: Too many wrong PINs: this machine has joined nothing/);
      assert.deepEqual([states(stdout), joined.length], [['showing', 'joining', 'wrong', 'showing', 'joining', 'wrong'], 2]);
    });

    it('is good for its time, and no longer', async () => {
      await configure({ lookFurther: 1, pinLifetime: 50 });
      looks = [[]];
      const { status, stderr } = await xpmn(['pair', 'join', '--show-pin']);
      assert.equal(status, 3);
      assert.match(stderr, /^xpmn: timeout: No machine of a media network has asked for this PIN in time/);
    });

    it('ends with any other failure, and when the user has had enough', async () => {
      outcomes = [new XpmnError('not-authorized', 'No.')];
      assert.match((await xpmn(['pair', 'join', '--show-pin'])).stderr, /^xpmn: not-authorized: The user key is locked/);
      looks = [[]];
      const signal = new AbortController();
      let said = '';
      const running = xpmn(['pair', 'join', '--show-pin'], { signal: signal.signal, stdout: { write: (text: unknown) => ((said += String(text)), true) } });
      await waitUntil('it shows one', () => said.includes('type this PIN'));
      signal.abort(new XpmnError('aborted', 'Interrupted.'));
      assert.equal((await running).status, 1);
    });

    it('is made here, for this link: nothing else goes with it', async () => {
      for (const flags of [['--pin-file', '-'], ['--jid', 'anna@example.org'], ['--password-file', '-']]) {
        assert.match((await xpmn(['pair', 'join', '--show-pin', ...flags])).stderr, /^xpmn: usage: --show-pin makes the PIN itself/);
      }
      assert.match((await xpmn(['pair', 'join', '--show-pin', '--replace'])).stderr, /^xpmn: usage: This machine leaves the media network/);
      await xpmn(['pair', 'join', '--show-pin', '--replace', '--yes']);
      assert.equal(joined[0]?.replace, true);
    });

    it('works without a daemon, too', async () => {
      await server.close();
      const setup = fakeSetup({ findNetworks: find, prepareJoin: async (_, options) => async () => joining(options) });
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--show-pin'], { loadGateway: () => Promise.resolve({ createGateway: () => Promise.resolve(gateway), setup }) });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /Next: `xpmn daemon`\.\n$/);
    });
  });

  describe('start', () => {
    const open = (): Promise<string | undefined> => waitUntil('the window is open', () => (gateway.window.state.state === 'open' ? gateway.window.state.pin : undefined));
    const attempt = async (proven: boolean): Promise<void> => {
      const begun = gateway.window.begin(PEER);
      await begun?.burn();
      begun?.done(proven);
    };

    it('asks for it, and says whom it waits for', async () => {
      const terminal = new FakeTerminal();
      terminal.write('418 220\n');
      const running = xpmn(['pair', 'start', '--pin'], { stdin: terminal });
      assert.equal(await open(), '418220');
      await attempt(true);
      gateway.window.complete(PEER, PEER, 'Box');
      const { status, stdout, stderr } = await running;
      assert.equal(status, 0, stderr);
      assert.match(stderr, /^The PIN that the new machine shows \(`xpmn pair join --show-pin` there\): /);
      assert.match(stdout, /^The machine on this network that shows the PIN 418 220 becomes a device of your media network, until /);
      assert.deepEqual(terminal.modes, [], 'it is typed as it shows');
    });

    it('ends with a wrong one, and says what to do', async () => {
      const file = join(home, 'pin');
      await writeFile(file, '111 111\n');
      const running = xpmn(['pair', 'start', '--pin', '--pin-file', file]);
      assert.equal(await open(), '111111');
      await attempt(false);
      const { status, stderr } = await running;
      assert.equal(status, 4);
      assert.match(stderr, /^xpmn: not-trusted: That is not the PIN that the new machine shows[^\n]*shows another PIN now: run this again with that\.\n$/);
    });

    it('takes it from a terminal or a file, and never as an argument', async () => {
      assert.match((await xpmn(['pair', 'start', '--pin'])).stderr, /^xpmn: usage: There is no terminal to type the PIN on: give --pin-file FILE/);
      assert.equal((await xpmn(['pair', 'start', '--pin', '418220'])).status, 2);
      const terminal = new FakeTerminal();
      terminal.write('\n');
      assert.equal((await xpmn(['pair', 'start', '--pin'], { stdin: terminal })).status, 2);
      assert.equal(gateway.window.isOpen, false);
    });
  });
});
