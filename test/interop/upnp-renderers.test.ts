import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PlayerSnapshot } from '../../src/xpmn/ports/media-player.ts';
import { httpIn } from '../peers/http-in.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import { createLan } from '../peers/lan.ts';
import type { Lan } from '../peers/lan.ts';
import { run, startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { startRygel } from '../peers/rygel.ts';
import { waitUntil } from '../peers/wait.ts';
import type { FoundDevice } from '../peers/find-device.ts';
import type { AgentCommand } from './renderer-agent.ts';

type Said = Omit<PlayerSnapshot, 'problem'> & { readonly problem?: string };

interface Line {
  readonly at: number;
  readonly n?: number;
  readonly started?: true;
  readonly done?: true;
  readonly failed?: string;
  readonly appeared?: { readonly id: string; readonly name: string; readonly kind: string };
  readonly changed?: Said;
  readonly now?: number;
  readonly ended?: string;
  readonly address?: string;
  readonly counts?: Readonly<Record<string, number>>;
}

const SECONDS = 14;
/** By so many seconds what a device says of its place may have been on its way, on a machine that stands still for a moment. */
const LATE = 2;

/** The adapter in its namespace, and what it has said. */
class Agent {
  readonly lines: Line[] = [];
  private readonly process: ManagedProcess;
  private commands = 0;

  constructor(process: ManagedProcess) {
    this.process = process;
    createInterface({ input: process.child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
  }

  /** Milliseconds that it took. */
  async tell(what: AgentCommand['do'], more: Partial<AgentCommand> = {}): Promise<Line & { readonly took: number }> {
    const n = (this.commands += 1);
    const began = Date.now();
    this.process.child.stdin?.write(`${JSON.stringify({ n, do: what, ...more })}\n`);
    const line = await waitUntil(`the answer to ${what}`, () => this.lines.find((one) => one.n === n), { timeout: 30_000 });
    assert.equal(line.failed, undefined, `${what}: ${line.failed}`);
    return { ...line, took: line.at - began };
  }

  /** The first of what it says from `since` on that fits, and how long after that. */
  async hears(what: string, since: number, fits: (line: Line) => boolean, timeout = 15_000): Promise<Line & { readonly after: number }> {
    const line = await waitUntil(`${what}; it said ${JSON.stringify(this.lines.slice(-3))}`, () => this.lines.find((one) => one.at >= since && fits(one)), { timeout, interval: 10 });
    return { ...line, after: line.at - since };
  }

  becomes(state: PlayerSnapshot['state'], since: number): Promise<Line & { readonly after: number }> {
    return this.hears(state, since, ({ changed }) => changed?.state === state);
  }
}

interface Peer extends FoundDevice {
  stop(): Promise<void>;
}

/** By name: how it is started, and the difference between what volume is set and what it says. */
const PEERS: Readonly<Record<string, (netns: string) => Promise<Peer>>> = {
  gmediarender: (netns) => startGmediarender({ netns }),
  'rygel playbin': (netns) => startRygel({ as: 'renderer', netns }),
};

for (const [name, start] of Object.entries(PEERS)) {
  describe(`UPnP renderer: ${name}`, function () {
    this.timeout(90_000);
    let lan: Lan;
    let folder: string;
    let peer: Peer;
    let agent: Agent;
    let process_: ManagedProcess;
    const measured: string[] = [];
    const url = (file: string): string => `http://${lan.hosts[1]?.address}:8080/${file}`;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'xpmn-tones-'));
      for (const [file, frequency] of [['one.flac', 440], ['two.flac', 660]] as const) {
        await run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', `sine=frequency=${frequency}:duration=${SECONDS}`, join(folder, file)], { timeout: 60_000 });
      }
      lan = await createLan({ hosts: 2 });
      const [there, here] = lan.hosts;
      peer = await start(there?.ns as string);
      const script = fileURLToPath(new URL('./renderer-agent.ts', import.meta.url));
      process_ = await startProcess('renderer-agent', [process.execPath, '--import', 'tsx', script, here?.address as string, folder], { netns: here?.ns, stdin: 'pipe' });
      agent = new Agent(process_);
      await waitUntil('the agent listens', () => agent.lines.some((line) => line.started));
    });

    after(async () => {
      if (measured.length > 0) process.stdout.write(`    ${name}: ${measured.join('; ')}\n`);
      process_?.child.stdin?.end();
      await process_?.stop();
      await peer?.stop();
      await lan?.close();
      await rm(folder, { recursive: true, force: true });
    });

    const playing = async (file = 'one.flac'): Promise<Line & { readonly after: number }> => {
      const began = Date.now();
      await agent.tell('load', { file, seconds: SECONDS });
      await agent.tell('play');
      return agent.hears('it plays', began, ({ changed }) => changed?.state === 'playing' && changed.media?.url === url(file));
    };

    /** By hand, as another control point does. */
    const soap = async (service: string, action: string, args: Readonly<Record<string, string | number>> = {}): Promise<string> => {
      const { type = '', control = '' } = peer.services[service] ?? {};
      const inner = Object.entries({ InstanceID: 0, ...args }).map(([key, value]) => `<${key}>${value}</${key}>`).join('');
      const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${type}">${inner}</u:${action}></s:Body></s:Envelope>`;
      const answer = await httpIn(lan.hosts[1]?.ns, control, { method: 'POST', headers: { 'SOAPACTION': `"${type}#${action}"`, 'Content-Type': 'text/xml; charset="utf-8"' }, body });
      assert.equal(answer.status, 200, `${action}: ${answer.body}`);
      return answer.body;
    };

    /** In whole seconds, as it says itself. */
    const devicePosition = async (): Promise<number> => {
      const [, minutes, seconds] = /<RelTime>0?0:(\d\d):(\d\d)/.exec(await soap('AVTransport', 'GetPositionInfo')) ?? [];
      return Number(minutes) * 60 + Number(seconds);
    };

    it('is found, as a player without a library', async () => {
      const { appeared } = await agent.hears('it appears', 0, (line) => line.appeared !== undefined);
      assert.deepEqual([appeared?.id, appeared?.kind], [peer.udn.toLowerCase(), 'media-player']);
      // Rygel is there twice, by IPv4 and by IPv6, and falls over where it is told by one to fetch from the other.
      await waitUntil('it is spoken to by IPv4', async () => (await agent.tell('address')).address === lan.hosts[0]?.address);
      await agent.tell('watch');
    });

    it('plays, and its position goes on, without being asked all the time', async () => {
      const { after, changed, now } = await playing();
      measured.push(`plays ${after} ms after load`);
      const { counts: before } = await agent.tell('counts');
      const since = agent.lines.find((line) => line.now === now)?.at ?? 0;
      const expected = (): number => (changed?.position ?? NaN) + (Date.now() - since) / 1000;
      const { position, from, to } = await waitUntil('the device has played on', async () => {
        const from = expected();
        const position = await devicePosition();
        return position >= 4 ? { position, from, to: expected() } : undefined;
      }, { timeout: 20_000 });
      assert.ok(position > from - 1.6 - LATE && position < to + 1.6 + LATE, `the device is at ${position}, we think ${from} to ${to}`);
      const { counts } = await agent.tell('counts');
      const asked = (counts?.GetPositionInfo ?? 0) - (before?.GetPositionInfo ?? 0);
      measured.push(`asked ${asked} times where it is until it was at ${position} s`);
      assert.ok(asked < position, `asked ${asked} times`);
      assert.equal(changed?.media?.title, 'The <one.flac> & more');
    });

    it('pauses, goes on, and goes to another place', async () => {
      const paused = await agent.tell('pause');
      measured.push(`paused in ${(await agent.becomes('paused', paused.at - paused.took)).after} ms`);
      const again = await agent.tell('play');
      await agent.becomes('playing', again.at - again.took);
      const seek = await agent.tell('seek', { value: 9 });
      await agent.hears('it is there', seek.at - seek.took, ({ changed }) => (changed?.position ?? 0) > 7.5);
      const there = await waitUntil('the device is there', async () => await devicePosition().then((seconds) => (seconds >= 9 ? seconds : undefined)));
      measured.push(`sought in ${seek.took} ms, to ${there} s`);
    });

    it('tells when it has come to its end, once', async () => {
      const { ended, at } = await agent.hears('the end', 0, (line) => line.ended !== undefined, 30_000);
      assert.equal(ended, url('one.flac'));
      const since = agent.lines.findLast((line) => line.changed?.state === 'playing');
      measured.push(`ended ${at - (since?.at ?? 0)} ms after it was last news that it plays`);
      // That it says so once is seen by whatever comes after this.
      assert.equal(agent.lines.findLast((line) => line.changed)?.changed?.state, 'stopped');
    });

    it('plays again what has ended, and stops without an end', async () => {
      const began = Date.now();
      await agent.tell('play');
      await agent.becomes('playing', began);
      const stop = await agent.tell('stop');
      measured.push(`stopped in ${(await agent.becomes('stopped', stop.at - stop.took)).after} ms`);
      assert.equal(agent.lines.filter((line) => line.ended !== undefined).length, 1);
    });

    it('is set louder, quieter and mute', async () => {
      for (const value of [30, 42]) {
        const { at, took } = await agent.tell('setVolume', { value });
        await agent.hears(`volume ${value}`, at - took, ({ changed }) => changed?.volume === value);
        const said = Number(/<CurrentVolume>(\d+)</.exec(await soap('RenderingControl', 'GetVolume', { Channel: 'Master' }))?.[1]);
        measured.push(`volume ${value} is ${said}`);
        assert.ok(Math.abs(said - value) <= 1, String(said));
      }
      for (const value of [true, false]) {
        const { at, took } = await agent.tell('setMute', { value });
        await agent.hears(`mute ${value}`, at - took, ({ changed }) => changed?.mute === value);
        assert.match(await soap('RenderingControl', 'GetMute', { Channel: 'Master' }), value ? /<CurrentMute>(1|true)/i : /<CurrentMute>(0|false)/i);
      }
    });

    it('shows what somebody else does, by event', async () => {
      await playing('two.flac');
      let since = Date.now();
      await soap('AVTransport', 'Pause');
      measured.push(`another's pause is seen in ${(await agent.becomes('paused', since)).after} ms`);
      since = Date.now();
      await soap('RenderingControl', 'SetVolume', { Channel: 'Master', DesiredVolume: 77 });
      const louder = await agent.hears('the volume', since, ({ changed }) => Math.abs((changed?.volume ?? 0) - 77) <= 1);
      measured.push(`another's volume in ${louder.after} ms`);
      const volumes = agent.lines.filter(({ at }) => at < louder.at).flatMap(({ changed }) => changed?.volume ?? []);
      const ours = volumes.slice(volumes.indexOf(42));
      assert.deepEqual([...new Set(ours)], [42], 'the device\'s echo of ours is no news');
      since = Date.now();
      await soap('AVTransport', 'Stop');
      measured.push(`another's stop in ${(await agent.hears('it has stopped', since, ({ changed }) => changed?.state === 'stopped')).after} ms`);
      assert.equal(agent.lines.filter((line) => line.ended !== undefined).length, 1, 'stopped is not ended');
    });

    it('plays something else in the middle', async () => {
      await playing('one.flac');
      const { after } = await playing('two.flac');
      measured.push(`replaced in ${after} ms`);
      assert.equal(agent.lines.filter((line) => line.ended !== undefined).length, 1);
    });

    it('says that it can\'t play what is not there', async () => {
      const began = Date.now();
      // Rygel looks at once; gmediarender says for ever that it plays.
      const failure = await agent.tell('load', { file: 'missing.flac', seconds: SECONDS }).then(() => agent.tell('play')).then(() => undefined, (error: Error) => error.message.split('\n')[0]);
      if (failure === undefined) {
        const { changed, after } = await agent.hears('the problem', began, (line) => line.changed?.problem !== undefined, 30_000);
        measured.push(`what is not there: ${changed?.problem} after ${after} ms`);
        assert.equal(changed?.problem, 'origin-unreachable');
      } else {
        measured.push(`what is not there: ${failure}`);
        assert.match(failure, /origin-unreachable|unsupported-type/);
      }
    });

    it('goes on without an end where it understands what comes next', async () => {
      const began = Date.now();
      await playing('one.flac');
      await agent.tell('preload', { file: 'two.flac', seconds: SECONDS });
      await agent.tell('seek', { value: SECONDS - 3 });
      const line = await agent.hears('the second, or the end', began, ({ changed, ended }) => changed?.media?.url === url('two.flac') || (ended === url('one.flac')), 30_000);
      measured.push(line.ended === undefined ? 'it goes on by itself' : 'it does not go on by itself');
    });
  });
}
