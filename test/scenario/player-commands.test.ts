import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../src/app/control/server.ts';
import type { Gateway } from '../../src/app/gateway-api.ts';
import { playersControl } from '../../src/app/players-control.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { PlayerView } from '../../src/xpmn/model/playback.ts';
import { FakeGateway, fakeDevice } from '../fakes/fake-gateway.ts';
import { fakeControlled } from '../fakes/fake-setup.ts';
import { waitUntil } from '../peers/wait.ts';
import { cli } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { ControllerRig, PlayerRig } from '../support/player-rig.ts';
import { settings } from '../support/settings.ts';

/** The commands, a gateway's view of players, the profiles on the wire, and a player in memory at the end of it. */
describe('commands and a player elsewhere', () => {
  let home: string;
  let rig: PlayerRig;
  let controller: ControllerRig;
  let server: ControlServer;

  const xpmn = (...argv: string[]): Promise<CliResult> => cli([...argv, '--home', home], { clock: rig.clock });
  /** `--watch` into a list of what is written. */
  const watch = (...flags: string[]): { written: string[]; end: () => Promise<CliResult> } => {
    const [written, ending] = [[] as string[], new AbortController()];
    const running = cli(['now', '--watch', '--home', home, ...flags], { clock: rig.clock, signal: ending.signal, stdout: { write: (text: unknown) => written.push(String(text)) > 0 } });
    return { written, end: () => (ending.abort(new XpmnError('aborted', 'Interrupted.')), running) };
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-players-'));
    rig = new PlayerRig();
    controller = new ControllerRig(rig);
    const { jid } = rig.provider;
    const gateway: Gateway = Object.assign(new FakeGateway(), { players: playersControl(controller.side), devices: () => [fakeDevice('player', 'Player', { jid, services: ['playback', 'rendering'] })] });
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    controller.side.stop();
    await rig.end();
    await rm(home, { recursive: true });
    assert.deepEqual(rig.failures, []);
  });

  it('open what is asked for, and do with it what is told', async () => {
    const uris = ['a', 'b', 'c'].map((uid) => `xmpp:me@home.test/nas?transfer;uid=${uid}`);
    assert.deepEqual(await xpmn('play', ...uris, '--from', '1:30'), { status: 0, stdout: 'playing Track 0 on Player (1 of 3)\n', stderr: '' });
    for (const argv of [['pause'], ['resume'], ['seek', '-10'], ['volume', '+5'], ['mute', 'on'], ['next'], ['stop']]) assert.equal((await xpmn(...argv)).status, 0, argv.join(' '));
    const calls = ['open 3 true 90', 'pause', 'play', 'seek {"offset":-10}', 'set volume=45', 'set mute=true', 'next', 'stop'];
    assert.deepEqual(rig.control.calls, calls.map((call) => `${call} by me@home.test/gateway`));
    assert.equal((await xpmn('now')).stdout, 'Track 0\nstate       stopped 1:30 / 1:40\nlist        1 of 3\nvolume      45, muted\nopened by   gateway\ndevice      Player (player)\n');
  });

  it('tell what the player refused', async () => {
    rig.control.failure = new XpmnError('not-seekable', 'One can\'t go to another place of that.');
    const { status, stderr } = await xpmn('seek', '10');
    assert.equal(status, 1);
    assert.match(stderr, /^xpmn: not-seekable: [^\n]+\n$/);
    const noOther = 'There is no title after the last one.';
    rig.control.failure = new XpmnError('unexpected-request', noOther);
    assert.equal((await xpmn('next')).stderr, `xpmn: unexpected-request: Player says: ${noOther} \`xpmn now\` shows what it does.\n`);
    rig.control.failure = new XpmnError('unexpected-request', noOther);
    assert.equal((await xpmn('resume', '--on', 'Pl')).stderr, `xpmn: unexpected-request: Player says: ${noOther} \`xpmn play ITEM --on Pl\` opens something there.\n`);
    // What comes from behind the player's gateway is not told.
    rig.control.failure = new XpmnError('unexpected-request', noOther, { cause: new Error('192.0.2.7') });
    assert.equal((await xpmn('next')).stderr, 'xpmn: unexpected-request: Player can\'t do that now. `xpmn now` shows what it does.\n');
    rig.control.failure = new XpmnError('unreachable', 'The player does not answer.');
    assert.deepEqual(await xpmn('next'), { status: 3, stdout: '', stderr: 'xpmn: unreachable: Player does not answer its gateway: is it switched on?\n' });
    rig.control.failure = new XpmnError('origin-unreachable', 'The device that has the item can\'t be reached.');
    assert.match((await xpmn('play', 'xmpp:me@home.test/nas?transfer;uid=a')).stderr, /^xpmn: origin-unreachable: Player can't fetch the item, or can't play it\. `xpmn get` tries/);
    rig.control.failure = new XpmnError('conflict', '');
    assert.equal((await xpmn('next')).stderr, 'xpmn: conflict: Player refuses that (conflict).\n');
    rig.control.controls = [];
    rig.control.failure = new XpmnError('not-found', 'This player has no volume.');
    assert.match((await xpmn('volume', '10')).stderr, /^xpmn: not-supported: Player has no volume that can be reached from here/);
  });

  it('show whole views from the first line on, each once, also when the player was lost in between', async () => {
    rig.control.say({ state: 'playing', position: 10, duration: 100, session: 's0', index: 0, count: 2 });
    rig.control.show({ item: { kind: 'item', id: 'x', parent: undefined, title: 'Nemo', type: 'audio', uid: undefined }, uri: undefined });
    const [text, json] = [watch(), watch('--json')];
    const line = (state: string): string => `${state}  0:10 / 1:40  1 of 2  volume 40  Nemo\n`;
    await waitUntil('both show it', () => text.written.length === 1 && json.written.length === 1);
    rig.control.say({ state: 'paused' });
    await waitUntil('both show it', () => text.written.length === 2 && json.written.length === 2);
    controller.isReachable = false;
    controller.lose();
    await waitUntil('it is lost', () => text.written.length === 3 && json.written.length === 3);
    controller.isReachable = true;
    controller.presence(true);
    await rig.clock.advance(settings.watch.questions.pace);
    await waitUntil('it is back', () => text.written.length === 4 && json.written.length === 4);
    assert.equal((await text.end()).status, 0);
    assert.equal((await json.end()).status, 0);
    assert.deepEqual(text.written, [line('playing'), line('paused'), 'Player can\'t be reached: waiting for it …\n', line('paused')]);
    assert.deepEqual(json.written.map((one) => JSON.parse(one) as PlayerView).map(({ reach, status, volume }) => [reach, status?.state, volume]), [['there', 'playing', 40], ['there', 'paused', 40], ['lost', 'paused', 40], ['there', 'paused', 40]]);
  });
});
