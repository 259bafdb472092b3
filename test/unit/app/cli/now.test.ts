import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlServer } from '../../../../src/app/control/server.ts';
import type { CliDeps } from '../../../../src/app/cli/io.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import type { PlayerView } from '../../../../src/xpmn/model/playback.ts';
import { FakeGateway, fakeDevice } from '../../../fakes/fake-gateway.ts';
import { playbackStatus, playingItem } from '../../../fakes/fake-players.ts';
import { fakeControlled } from '../../../fakes/fake-setup.ts';
import { waitUntil } from '../../../peers/wait.ts';
import { cli } from '../../../support/cli.ts';
import type { CliResult } from '../../../support/cli.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

describe('xpmn now', () => {
  let home: string;
  let gateway: FakeGateway;
  let server: ControlServer;
  let clock: FakeClock;
  let ending: AbortController;
  let stdout: { written: string[]; isTTY: boolean; columns?: number | undefined; write(text: unknown): boolean };

  const xpmn = (argv: readonly string[], deps: Partial<CliDeps> = {}): Promise<CliResult> => cli([...argv, '--home', home], { clock, signal: ending.signal, stdout, ...deps });
  const text = (): string => stdout.written.join('');
  /** Runs it until it waits for news for the first time. */
  const watched = async (...flags: string[]): Promise<{ readonly running: Promise<CliResult> }> => {
    const running = xpmn(['now', '--on', 'living', '--watch', ...flags]);
    await waits();
    return { running };
  };
  const waits = (after = gateway.players.view.revision): Promise<boolean> => waitUntil('news are waited for', () => gateway.players.waitingAfter === after);
  const changed = async (changes: Partial<PlayerView>): Promise<void> => {
    const before = stdout.written.length;
    gateway.players.change(changes);
    await waitUntil('it is shown', () => stdout.written.length > before);
    await waits();
  };
  const interrupt = (): void => ending.abort(new XpmnError('aborted', 'Interrupted.'));

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'xpmn-now-'));
    gateway = new FakeGateway();
    [clock, ending] = [new FakeClock(), new AbortController()];
    stdout = { written: [], isTTY: true, columns: 100, write: (said) => (stdout.written.push(String(said)), true) };
    gateway.list.push(fakeDevice('living-aaaa', 'Living room', { kind: 'media-player', services: ['playback', 'rendering'] }));
    server = await ControlServer.open(join(home, 'control.sock'), { controlled: fakeControlled({ gateway: () => gateway }), log: silentLogger }, settings.control);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  it('shows once what plays, with a bar where it is a terminal', async () => {
    const shown = (time: string): string => `Nemo\nNightwish - Once\nstate       playing ${time}\nlist        2 of 12\nvolume      35\ndevice      Living room (living-aaaa)\n`;
    await clock.advance(4000);
    assert.deepEqual(await xpmn(['now']), { status: 0, stdout: '', stderr: '' });
    assert.equal(stdout.written.splice(0).join(''), shown('1:06 / 4:36  [#####---------------]'));
    stdout.isTTY = false;
    await xpmn(['now', '--on', 'living']);
    assert.equal(text(), shown('1:06 / 4:36'));
  });

  it('gives programs one document', async () => {
    await xpmn(['now', '--json']);
    assert.deepEqual(JSON.parse(text()), JSON.parse(JSON.stringify({ device: 'anna@example.org/living-aaaa', name: 'Living room', ...gateway.players.view })));
  });

  it('fails as others do, and where nothing was heard yet', async () => {
    const fails = async (...argv: string[]): Promise<string> => {
      const { status, stderr } = await xpmn(['now', ...argv]);
      assert.equal(text(), '');
      return `${status} ${stderr}`;
    };
    assert.match(await fails('--on', 'nas'), /^1 xpmn: not-supported: NAS of Anna \(nas-k3fq\) is no player/);
    assert.match(await fails('--on', 'nas', '--watch'), /^1 xpmn: not-supported: NAS of Anna \(nas-k3fq\) is no player/);
    gateway.players.change({ reach: 'connecting', status: undefined });
    assert.match(await fails(), /^3 xpmn: peer-unavailable: Living room has not said what it does yet: try again in a moment, or wait for it with --watch\.\n$/);
    gateway.players.failure = new XpmnError('peer-unavailable', 'It is not there.');
    assert.match(await fails('--watch'), /^3 xpmn: peer-unavailable: Living room can't be reached now: is it switched on\? `xpmn devices` shows what can be reached\.\n$/);
  });

  describe('--watch', () => {
    it('on a terminal keeps one line that moves on by itself, without asking', async () => {
      const { running } = await watched();
      let asked = 0;
      const { now, wait } = gateway.players;
      gateway.players.now = (...call) => ((asked += 1), now.apply(gateway.players, call));
      gateway.players.wait = (...call) => ((asked += 1), wait.apply(gateway.players, call));
      await clock.advance(2500);
      const line = (time: string, bar = '#####---------------'): string => `\rplaying  ${time} / 4:36  [${bar}]  2 of 12  volume 35  Nightwish: Nemo\u001b[K`;
      assert.deepEqual(stdout.written, [line('1:02', '####----------------'), line('1:03'), line('1:04')]);
      assert.equal(asked, 0);
      interrupt();
      assert.deepEqual(await running, { status: 0, stdout: '', stderr: '' });
      assert.equal(stdout.written.at(-1), '\n');
      assert.equal(clock.pending, 0);
    });

    it('shows each change at once, and stands still while nothing plays', async () => {
      const { running } = await watched();
      await changed({ status: playbackStatus({ state: 'paused', position: 70 }), heard: clock.now() });
      assert.match(stdout.written.at(-1) as string, /^\rpaused {2}1:10 \/ 4:36 /);
      assert.equal(clock.pending, 0);
      await changed({ status: playbackStatus({ position: 10, index: 2 }), item: playingItem('Planet Hell'), heard: clock.now() });
      assert.equal(clock.pending, 1);
      await clock.advance(1000);
      assert.match(stdout.written.at(-1) as string, /^\rplaying {2}0:11 \/ 4:36 [^\n]* 3 of 12 {2}volume 35 {2}Planet Hell\u001b\[K$/);
      interrupt();
      assert.equal((await running).status, 0);
    });

    it('says that a device is lost, and goes on when it is back', async () => {
      const { running } = await watched();
      await changed({ reach: 'lost' });
      assert.equal(stdout.written.at(-1), '\rLiving room can\'t be reached: waiting for it …\u001b[K');
      assert.equal(clock.pending, 0);
      await changed({ reach: 'there' });
      assert.match(stdout.written.at(-1) as string, /^\rplaying /);
      interrupt();
      assert.equal((await running).status, 0);
    });

    it('never writes more than a terminal has room for in a line', async () => {
      for (const columns of [20, undefined, 0]) {
        [stdout.columns, ending] = [columns, new AbortController()];
        gateway.players.change({ item: playingItem('夜'.repeat(200)) });
        const { running } = await watched();
        interrupt();
        await running;
        await waitUntil('nobody waits', () => gateway.players.waiting === 0);
        assert.equal(stdout.written.length, 2);
        assert.match(stdout.written[0] as string, /playing/);
        assert.ok(stdout.written.splice(0).every((line) => [...line.replace(/\r|\n|\u001b\[K/g, '')].length < (columns || 80)));
      }
    });

    it('elsewhere writes a line for each change', async () => {
      stdout.isTTY = false;
      const { running } = await watched();
      await clock.advance(5000);
      await changed({ reach: 'lost' });
      // It is news for programs alone.
      gateway.players.change({ volume: 30 });
      await waits(gateway.players.view.revision);
      await changed({ reach: 'there', volume: 20, mute: true, heard: clock.now() });
      interrupt();
      assert.deepEqual(await running, { status: 0, stdout: '', stderr: '' });
      assert.equal(text(), 'playing  1:02 / 4:36  2 of 12  volume 35  Nightwish: Nemo\nLiving room can\'t be reached: waiting for it …\nplaying  1:02 / 4:36  2 of 12  volume 20, muted  Nightwish: Nemo\n');
    });

    it('writes none for what is told again, and one for a jump', async () => {
      stdout.isTTY = false;
      const { running } = await watched();
      const told = async (passed: number, position: number): Promise<void> => {
        await clock.advance(passed);
        gateway.players.change({ status: playbackStatus({ position }), heard: clock.now() });
        await waits(gateway.players.view.revision);
      };
      await told(0, 62);
      await told(10_000, 73);
      assert.equal(stdout.written.length, 1);
      await told(1000, 100);
      await told(1000, 50);
      assert.deepEqual(stdout.written.slice(1).map((line) => line.split('  ')[1]), ['1:40 / 4:36', '0:50 / 4:36']);
      interrupt();
      await running;
    });

    it('listens before it asks, so that nothing is missed in between', async () => {
      const order: string[] = [];
      const { now, wait } = gateway.players;
      gateway.players.now = (...call) => (order.push('now'), now.apply(gateway.players, call));
      gateway.players.wait = (...call) => (order.push(`wait ${call[1]}`), wait.apply(gateway.players, call));
      const { running } = await watched();
      assert.deepEqual(order, ['wait -1', 'now', 'wait 1']);
      interrupt();
      await running;
    });

    it('gives programs a line of JSON for each change, also on a terminal', async () => {
      const { running } = await watched('--json');
      await changed({ volume: 20 });
      interrupt();
      assert.equal((await running).status, 0);
      const views = text().trimEnd().split('\n').map((line) => JSON.parse(line) as PlayerView);
      assert.deepEqual(views.map(({ revision, volume }) => [revision, volume]), [[1, 35], [2, 20]]);
    });

    it('ends with the gateway, and leaves the line', async () => {
      const { running } = await watched();
      const closing = server.close();
      const { status, stderr } = await running;
      assert.deepEqual([status, stderr], [3, 'xpmn: not-running: The gateway stops.\n']);
      assert.equal(stdout.written.at(-1), '\n');
      assert.equal(clock.pending, 0);
      await closing;
    });

    it('is over at once where it was ended before anything was heard', async () => {
      interrupt();
      assert.deepEqual(await xpmn(['now', '--watch']), { status: 0, stdout: '', stderr: '' });
      assert.equal(text(), '');
    });
  });
});
