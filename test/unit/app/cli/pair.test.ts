import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import type { RemovedDevice, UnlistedDevice } from '../../../../src/app/gateway-api.ts';
import type { PairingView } from '../../../../src/app/pairing-desk.ts';
import type { FindOptions, FoundNetwork, JoinOptions } from '../../../../src/app/setup-api.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import { FakeGateway } from '../../../fakes/fake-gateway.ts';
import { fakeControlled, fakeSetup } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { FakeTerminal, cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { settings } from '../../../support/settings.ts';

const PEER = parseJid('net-abcdefgh@xpmn.local/laptop-k3fq');
const result = { network: 'n1', jid: 'net-abcdefgh@xpmn.local/laptop-k3fq', isChecked: false };
const nas: FoundNetwork = { jid: 'net-abcdefgh@xpmn.local/nas-aaaa', network: 'ab'.repeat(32), name: 'NAS', isOpen: true };

describe('pair', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;
  let networks: FoundNetwork[];
  let joined: JoinOptions[];
  let looked: FindOptions[];
  let refusal: XpmnError | undefined;

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], deps);
  const pinFile = async (pin: string): Promise<string> => {
    const path = `${home}.pin`;
    await writeFile(path, `${pin}\n`);
    return path;
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-pair-'));
    gateway = new FakeGateway();
    [networks, joined, looked, refusal] = [[nas], [], [], undefined];
    const join_ = async (options: JoinOptions): Promise<typeof result> => {
      if (refusal) throw refusal;
      joined.push(options);
      return result;
    };
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway, findNetworks: async (options) => (looked.push(options), networks), join: join_ }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
    await rm(`${home}.pin`, { force: true });
  });

  const open = async (): Promise<Extract<PairingView, { state: 'open' }>> => {
    await waitUntil('the window is open', () => gateway.window.isOpen);
    return { ...gateway.window.state, revision: 0 } as Extract<PairingView, { state: 'open' }>;
  };
  const attempt = async (proven: boolean): Promise<void> => {
    const begun = gateway.window.begin(PEER);
    await begun?.burn();
    begun?.done(proven);
  };

  describe('start', () => {
    it('shows a PIN, another one after a wrong guess, and who was added', async () => {
      const running = xpmn(['pair', 'start']);
      const { pin } = await open();
      await attempt(false);
      const { pin: second } = await open();
      assert.notEqual(second, pin);
      await attempt(true);
      gateway.window.complete(PEER, PEER, 'Laptop');
      const { status, stdout, stderr } = await running;
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      const grouped = (digits: string): string => `${digits.slice(0, 3)} ${digits.slice(3)}`;
      assert.match(stdout, new RegExp(`type this PIN:\n\n    ${grouped(pin)}\n`));
      assert.match(stdout, new RegExp(`wrong PIN[^]*1 so far[^]*\n    ${grouped(second)}\n`));
      assert.match(stdout, /\nLaptop is a device of your media network now: net-abcdefgh@xpmn\.local\/laptop-k3fq\n$/);
    });

    it('prints a line of JSON for each thing that happens', async () => {
      const running = xpmn(['pair', 'start', '--json']);
      await open();
      await attempt(true);
      // Whoever waits may miss what is over already, and never what is now.
      await waitUntil('it is told', () => gateway.window.listenerCount('changed') > 1);
      gateway.window.complete(PEER, PEER, 'Laptop');
      const lines = (await running).stdout.trim().split('\n').map((line) => JSON.parse(line) as PairingView);
      assert.deepEqual(lines.map(({ state }) => state), ['open', 'joining', 'paired']);
    });

    it('takes a PIN of the user\'s from a file, and ends when it was wrong', async () => {
      const running = xpmn(['pair', 'start', '--pin-file', await pinFile('4182 20')]);
      assert.equal((await open()).pin, '418220');
      await attempt(false);
      const { status, stderr } = await running;
      assert.equal(status, 4);
      assert.match(stderr, /^xpmn: not-trusted: /);
    });

    it('says which device is listed and may not know it, and how to undo that', async () => {
      const running = xpmn(['pair', 'start']);
      await open();
      await attempt(true);
      gateway.window.listing(PEER);
      gateway.window.untold(PEER, PEER, 'Laptop');
      const { status, stderr } = await running;
      assert.notEqual(status, 0);
      assert.match(stderr, /xpmn: connection-lost: Laptop was lost while it was added\. It is listed as net-abcdefgh@xpmn\.local\/laptop-k3fq, and may not know it: .*`xpmn remove laptop-k3fq`/);
    });

    it('says that it is too late to end it, when a device is being listed', async () => {
      const signal = new AbortController();
      const running = xpmn(['pair', 'start'], { signal: signal.signal });
      await open();
      await attempt(true);
      gateway.window.listing(PEER);
      signal.abort(new XpmnError('aborted', 'Interrupted.'));
      assert.match((await running).stderr, /Too late: net-abcdefgh@xpmn\.local\/laptop-k3fq is being listed\. `xpmn devices` shows it/);
      assert.equal(gateway.window.state.state, 'joining');
    });

    it('closes the window when the user has had enough', async () => {
      const signal = new AbortController();
      const running = xpmn(['pair', 'start'], { signal: signal.signal });
      await open();
      signal.abort(new XpmnError('aborted', 'Interrupted.'));
      assert.equal((await running).status, 1);
      assert.deepEqual(gateway.window.state, { state: 'closed', why: 'by-user' });
    });
  });

  describe('join', () => {
    it('takes the only network that waits for a device, says what will happen, and asks for the PIN unseen', async () => {
      networks.push({ ...nas, jid: 'net-other@xpmn.local/x-aaaa', name: 'Neighbour', isOpen: false });
      const terminal = new FakeTerminal();
      terminal.write('418 220\r');
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--name', 'Laptop'], { stdin: terminal });
      assert.equal(status, 0, stderr);
      assert.deepEqual(joined, [{ jid: nas.jid, pin: '418220', name: 'Laptop' }]);
      assert.match(stderr, /NAS \(net-abcdefgh@xpmn\.local\/nas-aaaa\) can take this machine into its media network/);
      assert.ok(!(stdout + stderr).includes('418'));
      assert.match(stdout, /^This machine is net-abcdefgh@xpmn\.local\/laptop-k3fq in the media network n1\.\nThe gateway works with that/);
    });

    it('needs to be told which, where several wait, by any of their names', async () => {
      networks.push({ ...nas, jid: 'net-other123@xpmn.local/desk-bbbb', network: 'cd'.repeat(32), name: 'Desk' });
      const flags = ['--pin-file', await pinFile('418220')];
      assert.match((await xpmn(['pair', 'join', ...flags])).stderr, /xpmn: bad-request: Several could be meant: NAS \(.*nas-aaaa\), Desk \(.*desk-bbbb\)\. Say which/);
      for (const name of ['Desk', 'desk-bbbb', 'net-other123@xpmn.local', 'net-other123@xpmn.local/desk-bbbb', 'cd'.repeat(32)]) await xpmn(['pair', 'join', name, ...flags]);
      assert.deepEqual(joined.map(({ jid }) => jid), Array.from({ length: 5 }, () => 'net-other123@xpmn.local/desk-bbbb'));
      assert.match((await xpmn(['pair', 'join', 'Kitchen', ...flags])).stderr, /xpmn: not-found: Nobody is waiting .*"Kitchen"/);
    });

    it('says what to do where nobody waits', async () => {
      networks = [{ ...nas, isOpen: false }];
      assert.match((await xpmn(['pair', 'join'])).stderr, /xpmn: not-found: Nobody is waiting for this machine on this link: run `xpmn pair start`/);
      networks = [];
      assert.match((await xpmn(['pair', 'join'])).stderr, /xpmn: not-found: No media network is announced on this link: run `xpmn pair start`/);
    });

    it('hints at the account where nobody waits on the link', async () => {
      networks = [];
      assert.match((await xpmn(['pair', 'join'])).stderr, /from elsewhere, name the XMPP account of the network: `xpmn pair join --jid you@example\.org`/);
    });

    it('looks on an account that is named, asks for its password, and passes both on', async () => {
      const terminal = new FakeTerminal();
      terminal.write('sesame\r');
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--jid', 'anna@example.org', '--server', 'box.example:5222', '--pin-file', await pinFile('418220')], { stdin: terminal });
      assert.equal(status, 0, stderr);
      const account = { jid: 'anna@example.org', password: 'sesame', server: { host: 'box.example', port: 5222 } };
      assert.deepEqual(looked, [{ account }]);
      assert.deepEqual(joined, [{ jid: nas.jid, pin: '418220', account }]);
      assert.match(stderr, /Logging in as anna@example\.org, to see which of its machines waits/);
      assert.match(stderr, /The server carries the messages of the two, and can read or change none/);
      assert.ok(!(stdout + stderr).includes('sesame'));
    });

    it('says what to do where no machine of the account waits', async () => {
      networks = [];
      const password = await pinFile('sesame');
      const { stderr } = await xpmn(['pair', 'join', '--jid', 'anna@example.org', '--password-file', password]);
      assert.match(stderr, /xpmn: not-found: Nobody is waiting for this machine on the account anna@example\.org: run `xpmn pair start`/);
    });

    it('takes no options of an account without one, and not two secrets from one place', async () => {
      assert.match((await xpmn(['pair', 'join', '--server', 'box.example:5222'])).stderr, /^xpmn: usage: /);
      assert.match((await xpmn(['pair', 'join', '--jid', 'anna'])).stderr, /^xpmn: usage: "anna" is no account/);
      assert.match((await xpmn(['pair', 'join', '--jid', 'anna@example.org', '--pin-file', '-', '--password-file', '-'])).stderr, /^xpmn: usage: Only one of the two/);
    });

    it('says how the PIN is given where nobody can type', async () => {
      const { status, stderr } = await xpmn(['pair', 'join']);
      assert.equal(status, 2);
      assert.match(stderr, /xpmn: usage: .*The PIN that it shows.*--pin-file FILE/);
    });

    it('tells what a wrong PIN may mean', async () => {
      refusal = new XpmnError('security-failed', 'No.');
      const { status, stderr } = await xpmn(['pair', 'join', '--pin-file', await pinFile('111111')]);
      assert.equal(status, 4);
      assert.match(stderr, /xpmn: security-failed: The PIN was wrong, another device was just being tried, or somebody is in between\. Run this again with the PIN that the other machine shows now/);
    });

    it('works without a daemon, too', async () => {
      await server.close();
      const setup = fakeSetup({ findNetworks: async () => networks, prepareJoin: async (_, options) => async () => (joined.push(options), result) });
      const loadGateway: CliDeps['loadGateway'] = () => Promise.resolve({ createGateway: () => Promise.resolve(gateway), setup });
      const { status, stdout, stderr } = await xpmn(['pair', 'join', '--pin-file', await pinFile('418220')], { loadGateway });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /Next: `xpmn daemon`\.\n$/);
      assert.equal(joined.length, 1);
    });
  });

  describe('remove', () => {
    it('asks first, and takes silence for no', async () => {
      assert.match((await xpmn(['remove', 'nas'], { stdin: new PassThrough().end() })).stderr, /^xpmn: usage: nas leaves the media network for ever/);
      assert.deepEqual(gateway.removed, []);
      const { status, stdout } = await xpmn(['remove', 'nas', '--yes']);
      assert.equal(status, 0);
      assert.match(stdout, /^anna@example\.org\/nas-k3fq is no device of your media network any more/);
      assert.deepEqual(gateway.removed, ['anna@example.org/nas-k3fq']);
      assert.doesNotMatch(stdout, /password/);
    });

    it('says what the machine may know, and what its owner can do about it', async () => {
      const said = async (removal: RemovedDevice): Promise<string> => {
        gateway.removal = removal;
        return (await xpmn(['remove', 'nas', '--yes'])).stdout;
      };
      assert.match(await said({ password: 'likely', isPutOut: false }), /It knows the password of anna@example\.org: change that now, where you have the account, then run `xpmn init --jid anna@example\.org`/);
      assert.match(await said({ password: 'maybe', isPutOut: true }), /\nYour machines have forgotten the password of anna@example\.org\. If that one was ever given it, change it/);
      assert.match(await said({ password: 'maybe', isPutOut: false }), /Its certificate opens anna@example\.org until one of your machines is online there\. Your machines have forgotten/);
    });
  });

  it('keep takes one in again that waits, remove ends that, and neither knows others', async () => {
    const [late, later] = ['late-aaaa', 'later-aaaa'].map((id) => ({ jid: parseJid(`anna@example.org/${id}`), id, name: id })) as [UnlistedDevice, UnlistedDevice];
    gateway.waiting = [late, later];
    const { status, stdout } = await xpmn(['keep', 'late-aaaa']);
    assert.equal(status, 0);
    assert.equal(stdout, 'anna@example.org/late-aaaa is a device of your media network again.\n');
    assert.deepEqual(gateway.waiting, [later]);
    assert.match((await xpmn(['keep', 'nas'])).stderr, /^xpmn: not-found: /);
    assert.equal((await xpmn(['remove', 'later', '--yes'])).status, 0);
    assert.deepEqual(gateway.removed, [later.jid]);
  });
});
