import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FoundDevice } from '../peers/find-device.ts';
import { startGmediarender } from '../peers/gmediarender.ts';
import type { Gmediarender } from '../peers/gmediarender.ts';
import { httpIn } from '../peers/http-in.ts';
import { createLan } from '../peers/lan.ts';
import type { Lan } from '../peers/lan.ts';
import { startMinidlna } from '../peers/minidlna.ts';
import { startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { startRygel } from '../peers/rygel.ts';
import { waitUntil } from '../peers/wait.ts';

interface Line {
  readonly started?: true;
  readonly name?: string;
  readonly state?: string;
  readonly event?: Readonly<Record<string, string>>;
  readonly closed?: true;
  readonly device?: string;
  readonly log?: string;
  readonly asked?: string;
  readonly status?: number;
  readonly timeout?: string;
}

/** Event subscriptions in a namespace. */
interface Agent {
  readonly process: ManagedProcess;
  readonly lines: Line[];
  tell(command: string): void;
  states(name: string): string[];
  /** Resolves when something like it was said. */
  said(what: string, isIt: (line: Line) => boolean): Promise<Line>;
}

describe('event subscriptions and real devices', function () {
  this.timeout(90_000);
  let lan: Lan;
  let media: string;
  const started: { stop(): Promise<unknown> }[] = [];

  before(async () => {
    media = await mkdtemp(join(tmpdir(), 'xpmn-library-'));
    lan = await createLan({ hosts: 3 });
  });

  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });

  after(async () => {
    await lan?.close();
    await rm(media, { recursive: true, force: true });
  });

  const ns = (host: number): string => lan.hosts[host]?.ns as string;

  async function startAgent(host: number, options: object = {}): Promise<Agent> {
    const script = fileURLToPath(new URL('./gena-agent.ts', import.meta.url));
    const child = await startProcess('gena-agent', [process.execPath, '--import', 'tsx', script, JSON.stringify(options)], { netns: ns(host), stdin: 'pipe' });
    started.unshift(child);
    const lines: Line[] = [];
    createInterface({ input: child.child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(JSON.parse(line) as Line));
    const said = (what: string, isIt: (line: Line) => boolean): Promise<Line> =>
      waitUntil(what, () => lines.find(isIt)).catch((cause: unknown) => {
        throw new Error(child.output(), { cause });
      });
    await said('the agent runs', (line) => line.started === true);
    return {
      process: child, lines, said,
      tell: (command) => void child.child.stdin?.write(`${command}\n`),
      states: (name) => lines.flatMap((line) => (line.name === name && line.state !== undefined ? [line.state] : [])),
    };
  }

  const setVolume = async (device: FoundDevice, volume: number): Promise<void> => {
    const { type, control } = device.services.RenderingControl as FoundDevice['services'][string];
    const body = '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
      `<u:SetVolume xmlns:u="${type}"><InstanceID>0</InstanceID><Channel>Master</Channel><DesiredVolume>${volume}</DesiredVolume></u:SetVolume></s:Body></s:Envelope>`;
    const headers = { 'SOAPAction': `"${type}#SetVolume"`, 'Content-Type': 'text/xml; charset="utf-8"' };
    assert.equal((await httpIn(ns(0), control, { method: 'POST', headers, body })).status, 200);
  };
  const hasVolume = (line: Line, volume: RegExp): boolean => {
    const change = line.name === 'rc' ? (line.event?.LastChange ?? '') : '';
    return volume.test(/<Volume[^>]*?val=["'](\d+)["']/i.exec(change)?.[1] ?? '');
  };

  /** Volumes are what was set, or one less: some round. */
  async function isHeard(device: FoundDevice): Promise<Agent> {
    const agent = await startAgent(0);
    for (const [name, service] of [['rc', 'RenderingControl'], ['avt', 'AVTransport'], ['cm', 'ConnectionManager']] as const) agent.tell(`subscribe ${name} ${device.services[service]?.event}`);
    for (const name of ['rc', 'avt', 'cm']) await agent.said(`${name} is live`, (line) => line.name === name && line.state === 'live');
    for (const [volume, heard] of [[42, /^4[12]$/], [77, /^7[67]$/]] as const) {
      await setVolume(device, volume);
      await agent.said(`volume ${volume}`, (line) => hasVolume(line, heard));
    }
    for (const name of ['rc', 'avt', 'cm']) {
      agent.tell(`close ${name}`);
      await agent.said(`${name} is closed`, (line) => line.name === name && line.closed === true);
      assert.deepEqual(agent.states(name), ['live']);
    }
    assert.deepEqual(agent.lines.flatMap(({ asked, status }) => (asked === 'UNSUBSCRIBE' ? [status] : [])), [200, 200, 200]);
    assert.deepEqual(agent.lines.filter(({ log }) => log !== undefined), []);
    agent.process.child.stdin?.end();
    assert.deepEqual(await agent.process.exited, { code: 0, signal: null });
    return agent;
  }

  it('hear gmediarender', async () => {
    const device = await startGmediarender({ netns: ns(1) });
    started.push(device);
    await isHeard(device);
  });

  it('hear Rygel', async () => {
    const device = await startRygel({ as: 'renderer', netns: ns(1) });
    started.push(device);
    await isHeard(device);
  });

  it('are renewed in time, and taken up again after the device began anew', async () => {
    const device: Gmediarender = await startGmediarender({ netns: ns(1) });
    started.push(device);
    const agent = await startAgent(0, { timeout: 8, minTimeout: 2 });
    const { event } = device.services.RenderingControl as FoundDevice['services'][string];
    agent.tell(`subscribe rc ${event}`);
    await agent.said('it is live', ({ state }) => state === 'live');
    const renewals = (): Line[] => agent.lines.filter(({ asked }) => asked === 'renewal');
    await waitUntil('two lifetimes have passed', () => renewals().length >= 4, { timeout: 40_000 });
    assert.ok(renewals().every(({ status, timeout }) => status === 200 && timeout === 'Second-8'), JSON.stringify(renewals()));
    await setVolume(device, 30);
    await agent.said('it is still heard', (line) => hasVolume(line, /^(29|30)$/));
    assert.deepEqual(agent.states('rc'), ['live']);
    await device.restart({ crash: true });
    await waitUntil('it is live again', () => agent.states('rc').filter((state) => state === 'live').length === 2);
    await setVolume(device, 60);
    await agent.said('it is heard again', (line) => hasVolume(line, /^(59|60)$/));
  });

  it('call minidlna silent: it takes subscriptions, and never tells', async () => {
    const server = await startMinidlna({ media, netns: ns(1) });
    started.push(server);
    const agent = await startAgent(0, { patience: 2000 });
    agent.tell(`subscribe cds http://${server.authority}/evt/ContentDir`);
    await agent.said('it is silent', ({ state }) => state === 'silent');
    agent.tell('close cds');
    await agent.said('it is closed', ({ closed }) => closed === true);
    assert.deepEqual([agent.states('cds'), agent.lines.filter(({ log, event }) => log ?? event)], [['silent'], []]);
  });

  it('come by link-local addresses', async () => {
    const device = await startAgent(1);
    device.tell('device eth0');
    const { device: url } = await device.said('the device', (line) => line.device !== undefined);
    assert.match(url ?? '', /^http:\/\/\[fe80::/);
    const agent = await startAgent(0);
    agent.tell(`subscribe rc ${url} eth0`);
    await agent.said('it is live', ({ state }) => state === 'live');
    device.tell('change 17');
    await agent.said('it is heard', ({ event }) => event?.Volume === '17');
    assert.deepEqual(agent.states('rc'), ['live']);
  });
});
