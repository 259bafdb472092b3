import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { ButtonView } from '../../../../src/app/pairing-desk.ts';
import type { SetupResult } from '../../../../src/app/setup-api.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import type { KeyName } from '../../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import type { ButtonState, Presser } from '../../../../src/xpmn/pairing/button-state.ts';
import { commitmentTo } from '../../../../src/xpmn/pairing/comparison.ts';
import { FakeGateway } from '../../../fakes/fake-gateway.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { settings } from '../../../support/settings.ts';

const PEER = parseJid('net-abcdefgh@xpmn.local/laptop-k3fq');
const NONCE = 'ab'.repeat(16);
const result: SetupResult = { network: 'n1', jid: PEER, isChecked: false, number: '418220' };
const presser = (says: Presser['says'], instance = 'one'): Presser =>
  ({ instance, jid: parseJid('net-zzzzzzzz@xpmn.local/nas-aaaa'), network: 'ff'.repeat(32) as KeyName, name: 'NAS\u001b', says, targets: [] });

describe('pair button', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;
  let names: (string | undefined)[];
  let refusal: XpmnError | undefined;

  const xpmn = (argv: readonly string[] = [], signal?: AbortSignal): Promise<CliResult> => cli(['pair', 'button', ...argv, '--home', home], signal ? { signal } : {});
  /** Somebody waits for what comes now, and gets to see it. */
  const seen = (state: ButtonState['state']): Promise<unknown> => waitUntil(state, () => gateway.pressed.state.state === state && gateway.pressed.listenerCount('changed') > 1);

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-button-'));
    gateway = new FakeGateway();
    [names, refusal] = [[], undefined];
    const joinByButton = async ({ name }: { readonly name?: string }): Promise<SetupResult> => {
      if (refusal) throw refusal;
      names.push(name);
      return result;
    };
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway, joinByButton }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  it('where the network is in use: warns, tells what it means, who has called, the number, and who was added', async () => {
    const running = xpmn();
    await seen('hosting');
    gateway.pressed.begin(PEER)?.done(true);
    gateway.pressed.proven(PEER, Buffer.alloc(32));
    gateway.pressed.compare(PEER, commitmentTo(NONCE));
    const admitted = gateway.pressed.admission(PEER, NONCE, new AbortController().signal);
    await seen('proven');
    await gateway.clock.advance(settings.pairing.buttonLook + settings.pairing.buttonDoubt);
    await admitted;
    await seen('joining');
    gateway.pressed.complete(PEER, PEER, 'Laptop');
    const { status, stdout, stderr } = await running;
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^Nobody is checked here but by being the only one/);
    assert.match(stdout, /^Whoever runs `xpmn pair button` on this local network until \d\d:\d\d, if it is the only one, becomes a device of your media network; with it goes the password/);
    assert.match(stdout, /laptop-k3fq has called, and is added unless another one shows\. Both machines show the number \d{3} \d{3}, unless somebody is in between/);
    assert.match(stdout, /Laptop is a device of your media network now: net-abcdefgh@xpmn\.local\/laptop-k3fq\nIf it shows another number than \d{3} \d{3}, it is not the one you mean: `xpmn remove laptop-k3fq`\.\n$/);
  });

  it('on a new machine: tells whom it has found, and becomes a device of that one\'s network', async () => {
    gateway.isUsed = false;
    const running = xpmn(['--name', 'Laptop']);
    await seen('looking');
    gateway.pressed.look([presser('button')]);
    await seen('found');
    await gateway.clock.advance(settings.pairing.buttonLook);
    const { status, stdout, stderr } = await running;
    assert.equal(status, 0, stderr);
    assert.deepEqual(names, ['Laptop']);
    assert.match(stdout, /NAS\S* \(net-zzzzzzzz@xpmn\.local\/nas-aaaa\) was found\. It is asked to take this machine into its media network, unless another one shows/);
    assert.ok(!stdout.includes('\u001b'));
    assert.match(stdout, /This machine is net-abcdefgh@xpmn\.local\/laptop-k3fq in the media network n1\.\nBoth machines show the number 418 220/);
  });

  it('says why nobody was added', async () => {
    for (const [act, status, message] of [
      [() => gateway.pressed.look([presser('looking'), presser('looking', 'two')]), 1, /^xpmn: conflict: More than two machines on this network are waiting for each other/m],
      [() => gateway.pressed.look([presser('button')]), 1, /^xpmn: already-initialised: Both machines are part of a media network already/m],
      [() => void gateway.clock.advance(settings.pairing.buttonTime), 3, /^xpmn: timeout: Nobody has pressed the other button in time/m],
    ] as const) {
      const running = xpmn();
      await seen('hosting');
      act();
      const answer = await running;
      assert.equal(answer.status, status);
      assert.match(answer.stderr, message);
    }
    gateway.isUsed = false;
    refusal = new XpmnError('conflict', 'There was a third one.');
    const running = xpmn();
    await seen('looking');
    gateway.pressed.look([presser('button')]);
    await gateway.clock.advance(settings.pairing.buttonLook);
    assert.match((await running).stderr, /^xpmn: conflict: There was a third one/m);
  });

  it('takes the button back when the user has had enough', async () => {
    const signal = new AbortController();
    const running = xpmn([], signal.signal);
    await seen('hosting');
    signal.abort(new XpmnError('aborted', 'Interrupted.'));
    assert.equal((await running).status, 1);
    assert.deepEqual(gateway.pressed.state, { state: 'closed', why: 'by-user' });
  });

  it('prints a line of JSON for each thing that happens', async () => {
    const running = xpmn(['--json']);
    await seen('hosting');
    gateway.pressed.look([presser('crowded')]);
    const { stdout } = await running;
    assert.deepEqual(stdout.trim().split('\n').map((line) => (JSON.parse(line) as ButtonView).state), ['hosting', 'refused']);
  });
});
