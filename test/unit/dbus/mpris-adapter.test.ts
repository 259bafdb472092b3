import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMprisAdapter } from '../../../src/dbus/mpris-adapter.ts';
import type { MprisOptions } from '../../../src/dbus/mpris-options.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import type { DeviceSource, MediaDevice } from '../../../src/xpmn/ports/media-device.ts';
import { startBus } from '../../peers/dbus.ts';
import type { Bus } from '../../peers/dbus.ts';
import { run } from '../../peers/process.ts';
import { delay, waitUntil } from '../../peers/wait.ts';
import { connectPeer } from '../../support/bus-peer.ts';
import { ScriptedMpris } from '../../support/scripted-mpris.ts';
import { settings } from '../../support/settings.ts';
import { SteadyClock } from '../../support/steady-clock.ts';
import { TrackedClock } from '../../support/tracked-clock.ts';

const MPRIS = 'org.mpris.MediaPlayer2';
const HYSTERESIS = 400;
const signal = new AbortController().signal;

describe('players of a bus', function () {
  this.timeout(20_000);
  let folder: string;
  let bus: Bus;
  let clock: TrackedClock;
  let adapters: DeviceSource[];
  let peers: { readonly scripted: ScriptedMpris; close(): Promise<void> }[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-sleeper-'));
    bus = await startBus({ sleepers: { [`${MPRIS}.sleeper`]: `touch ${join(folder, 'awake')}` } });
  });

  after(async () => {
    await bus.stop();
    await rm(folder, { recursive: true });
  });

  beforeEach(() => {
    [clock, adapters, peers] = [new TrackedClock(new SteadyClock()), [], []];
  });

  afterEach(async () => {
    await Promise.all(adapters.map((one) => one.stop()));
    for (const { scripted, close } of peers) {
      scripted.close();
      await close();
    }
    assert.equal(clock.pending, 0, 'timers are left');
  });

  interface Running {
    readonly source: DeviceSource;
    readonly said: string[];
    ids(): string[];
  }
  /** Without what all of them have. */
  const short = (id: string): string => id.replace(`${MPRIS}.`, '').replace(/@here$/, '');
  const begin = async (options: Partial<MprisOptions> = {}, isOwnPlayer: (name: string) => boolean = () => false, machine = 'here'): Promise<Running> => {
    const deps = { clock, random: systemRandom, log: silentLogger, env: { DBUS_SESSION_BUS_ADDRESS: bus.address, DBUS_SYSTEM_BUS_ADDRESS: bus.address }, uid: 0, machine, isOwnPlayer };
    const dbus = { ...settings.dbus, backOff: { first: 20, factor: 1, max: 20 } };
    const mpris = { ...settings.mpris, hysteresis: HYSTERESIS, readAgain: { first: 50, max: 50 }, ...options };
    const source = createMprisAdapter(deps, { mpris, dbus });
    const said: string[] = [];
    source.on('deviceAppeared', ({ description: { id } }) => said.push(`+${short(id)}`));
    source.on('deviceGone', (id) => said.push(`-${short(id)}`));
    adapters.push(source);
    await source.start({ signal });
    return { source, said, ids: () => source.devices().map(({ description: { id } }) => short(id)).sort() };
  };
  const player = async (...names: string[]) => {
    const peer = await connectPeer(bus.address);
    const scripted = new ScriptedMpris(peer, clock);
    const one = { scripted, peer, close: () => peer.close() };
    peers.push(one);
    for (const name of names) await peer.own(`${MPRIS}.${name}`);
    return one;
  };
  const shows = ({ ids, said }: Running, ...wanted: string[]): Promise<boolean> =>
    waitUntil(`there are ${wanted.join()}`, () => JSON.stringify(ids()) === JSON.stringify(wanted)).catch((cause: unknown) => {
      throw new Error(`there are ${ids().join()}; ${said.join()}`, { cause });
    });
  const first = ({ source }: Running): MediaDevice => source.devices()[0] as MediaDevice;

  it('are those that are there, and those that come, with what they say they are', async () => {
    await player('one');
    const running = await begin();
    await shows(running, 'one');
    const two = await player();
    two.scripted.root = { Identity: { signature: 's', value: 'Two\u0007 of\nthem' }, DesktopEntry: { signature: 'i', value: 7 } };
    await two.peer.own(`${MPRIS}.two`);
    await shows(running, 'one', 'two');
    const [one, other] = running.source.devices() as [MediaDevice, MediaDevice];
    assert.deepEqual(one.description, { id: `${MPRIS}.one@here`, name: 'Scripted', kind: 'media-player', model: 'scripted' });
    assert.deepEqual([other.description.name, other.description.model, other.library], ['Two of them', undefined, undefined]);
  });

  it('are others than those of another machine, which have the same names', async () => {
    const { scripted, peer } = await player();
    scripted.root = { Identity: { signature: 'i', value: 7 } };
    await peer.own(`${MPRIS}.one`);
    const [one, other] = [await begin(), await begin({}, undefined, 'there')];
    await shows(one, 'one');
    await shows(other, 'one@there');
    assert.deepEqual([one, other].map((running) => first(running).description.name), ['one', 'one']);
  });

  it('are one for each program, whatever names it has', async () => {
    const running = await begin();
    await player('vlc', 'vlc.instance7');
    await player('firefox.instance_1_22', 'firefox');
    await shows(running, 'firefox', 'vlc');
    await delay(HYSTERESIS);
    assert.equal(running.said.length, 2);
  });

  it('keep their suffix where several instances run, and are told apart by it', async () => {
    const running = await begin();
    await player('vlc', 'vlc.instance1');
    await shows(running, 'vlc');
    const second = await player('vlc.instance2');
    await shows(running, 'vlc', 'vlc.instance2');
    await second.close();
    await shows(running, 'vlc');
    assert.deepEqual(running.said, ['+vlc', '+vlc.instance2', '-vlc.instance2']);
  });

  it('are not proxies, not our own, and not those that would have to be started', async () => {
    const running = await begin({}, (name) => name.includes('.xpmn_'));
    await player('playerctld');
    await player('xpmn_living_room');
    await player('real');
    await shows(running, 'real');
    await delay(200);
    assert.deepEqual([running.said, existsSync(join(folder, 'awake'))], [['+real'], false]);
    await run(['dbus-send', `--bus=${bus.address}`, `--dest=${MPRIS}.sleeper`, '/', 'a.b.C']);
    await waitUntil('it would have been started', () => existsSync(join(folder, 'awake')));
  });

  it('stay the same over a restart, and are read anew', async () => {
    const running = await begin();
    const before = await player('one');
    await shows(running, 'one');
    const device = first(running);
    const told: string[] = [];
    device.player?.on('changed', ({ state, problem, volume }) => told.push(problem ? problem.code : `${state} ${volume}`));
    await before.close();
    await waitUntil('it is away', () => told.includes('unreachable'));
    await assert.rejects(device.player?.stop({ signal }) as Promise<void>, { code: 'unreachable' });
    const again = await player();
    again.scripted.volume = 0.8;
    again.scripted.playList([{ url: 'http://127.0.0.1/x', seconds: 100 }]);
    await again.peer.own(`${MPRIS}.one`);
    await waitUntil('it is read', () => told.at(-1) === 'playing 80');
    again.scripted.pause();
    await waitUntil('it is heard', () => told.at(-1) === 'paused 80');
    assert.deepEqual([running.said, first(running) === device], [['+one'], true]);
  });

  it('are gone once they have been away for long', async () => {
    const running = await begin();
    const one = await player('one');
    await shows(running, 'one');
    const device = first(running);
    const began = clock.monotonic();
    await one.close();
    await shows(running);
    assert.ok(clock.monotonic() - began >= HYSTERESIS - 5);
    await player('one');
    await shows(running, 'one');
    assert.deepEqual([running.said, first(running) === device], [['+one', '-one', '+one'], false]);
  });

  it('may take their names before they answer', async () => {
    const running = await begin({ readTimeout: 100 });
    const one = await player();
    one.scripted.isStalled = true;
    await one.peer.own(`${MPRIS}.slow`);
    await delay(250);
    assert.deepEqual(running.ids(), []);
    one.scripted.isStalled = false;
    await shows(running, 'slow');
  });

  it('are followed from one program to the next, when a name moves', async () => {
    const running = await begin();
    const one = await player('one');
    await shows(running, 'one');
    const other = await player();
    other.scripted.volume = 0.1;
    // It waits for the name, and has it the moment that it is free.
    const queued = other.peer.own(`${MPRIS}.one`);
    await one.peer.release(`${MPRIS}.one`);
    await queued;
    await other.peer.own(`${MPRIS}.one`);
    await waitUntil('it is the other', () => first(running)?.player?.snapshot.volume === 10);
    assert.deepEqual(running.said, ['+one']);
  });

  it('are bounded in number, and there is room again', async () => {
    const running = await begin({ players: 2 });
    const one = await player('one');
    await player('two');
    await shows(running, 'one', 'two');
    await player('three');
    await delay(100);
    assert.equal(running.ids().length, 2);
    await one.close();
    await shows(running, 'three', 'two');
  });

  it('leave no match rules behind, however often they come and go', async () => {
    const running = await begin({ hysteresis: 0 });
    for (let time = 0; time < 40; time += 1) {
      const one = await player('one');
      await shows(running, 'one');
      await one.close();
      await shows(running);
    }
    const last = await player('one');
    await shows(running, 'one');
    last.scripted.setVolume(0.9);
    await waitUntil('it is heard', () => first(running).player?.snapshot.volume === 90);
  });

  it('have the label of their bus in their ids, but for the first one; a bus is looked at once', async () => {
    const other = await startBus();
    try {
      const running = await begin({ buses: [...['session', 'system'].map((label) => ({ label, address: label })), { label: 'anna', address: other.address }] });
      await player('one');
      const peer = await connectPeer(other.address);
      const scripted = new ScriptedMpris(peer, clock);
      await peer.own(`${MPRIS}.one`);
      await shows(running, 'one', 'one@anna');
      scripted.close();
      await peer.close();
    } finally {
      await other.stop();
    }
  });

  it('are none without a bus, come with it, and come back', async () => {
    await bus.end();
    // However long a bus takes to be there again.
    const running = await begin({ hysteresis: 60_000 });
    assert.deepEqual(running.ids(), []);
    await bus.begin();
    await player('one');
    await shows(running, 'one');
    const device = first(running);
    await bus.end({ crash: true });
    await waitUntil('it is away', () => device.player?.snapshot.problem?.code === 'unreachable');
    await bus.begin();
    await player('one');
    await waitUntil('it is back', () => device.player?.snapshot.problem === undefined);
    assert.deepEqual(running.said, ['+one']);
  });

  it('are not looked for any more after the end', async () => {
    const running = await begin();
    await player('one');
    await shows(running, 'one');
    await running.source.stop();
    await running.source.stop();
    await running.source.start({ signal });
    await player('two');
    await delay(100);
    assert.deepEqual([running.said, running.ids()], [['+one'], []]);
    await assert.rejects(createMprisAdapter(
      { clock, random: systemRandom, log: silentLogger, env: {}, uid: 0, machine: 'here', isOwnPlayer: () => false }, { mpris: settings.mpris, dbus: settings.dbus },
    ).start({ signal: AbortSignal.abort(new Error('no')) }), /no/);
  });
});
