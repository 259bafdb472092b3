import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBus } from './dbus.ts';
import type { Bus } from './dbus.ts';
import { findDevice } from './find-device.ts';
import type { FoundDevice } from './find-device.ts';
import { chooseInterface } from './interfaces.ts';
import { startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { Unrecoverable, waitUntil } from './wait.ts';

export interface RygelOptions {
  /** `server` shares `media`; `renderer` plays in real time, into nothing. */
  readonly as: 'server' | 'renderer';
  /** Directory with music, pictures and films, mixed as they are. */
  readonly media?: string | undefined;
  readonly netns: string;
  /** The first with an address. */
  readonly interface?: string | undefined;
  readonly name?: string | undefined;
}

export interface Rygel extends FoundDevice {
  readonly name: string;
  readonly process: ManagedProcess;
  /** Says byebye, ends, and removes its state; `crash`: without byebye. Idempotent. */
  stop(options?: { readonly crash?: boolean }): Promise<void>;
}

/** Starts Rygel with one plug-in on a bus of its own, and waits until it is found. */
export async function startRygel(options: RygelOptions): Promise<Rygel> {
  const home = await mkdtemp(join(tmpdir(), 'xpmn-rygel-'));
  const bus = await startBus();
  const { netns, as } = options;
  let rygel: ManagedProcess | undefined;
  const end = async ({ crash = false } = {}): Promise<void> => {
    if (crash) rygel?.kill('SIGKILL');
    await rygel?.stop();
    await bus.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const { name: network, address } = await chooseInterface(netns, options.interface);
    const name = options.name ?? `Verona Rygel ${as}`;
    await writeConfig(home, { as, network, name, media: options.media });
    const started = (rygel = await startProcess('rygel', ['rygel', '--log-level=*:4'], { netns, env: environment(home, bus) }));
    const type = `urn:schemas-upnp-org:device:${as === 'server' ? 'MediaServer' : 'MediaRenderer'}:1`;
    const found = await waitUntil('rygel is found', () => {
      if (!started.running) throw new Unrecoverable('rygel ended');
      return findDevice(netns, { address, type, name });
    }, { timeout: 30_000 });
    return { ...found, name, process: started, stop: end };
  } catch (cause) {
    const said = rygel?.output() ?? '';
    await end();
    throw new Error(`rygel: ${said.slice(-2_000)}`, { cause });
  }
}

/** It reads its configuration from its home only, whatever the command line says. */
async function writeConfig(home: string, { as, network, name, media }: { readonly as: string; readonly network: string; readonly name: string; readonly media: string | undefined }): Promise<void> {
  await mkdir(join(home, '.config'));
  await mkdir(join(home, 'run'), { mode: 0o700 });
  const off = ['MPRIS', 'External', 'Tracker', 'Tracker3', 'GstLaunch', 'LMS', 'Ruih'].map((plugin) => `[${plugin}]\nenabled=false`);
  const lines = [
    '[general]', `interface=${network}`, 'port=0', 'upnp-enabled=true', 'enable-transcoding=false', 'acl-fallback-policy=true', 'strict-sharing=false',
    '[MediaExport]', `enabled=${as === 'server'}`, `title=${name}`, `uris=${media ?? ''}`, 'extract-metadata=true', 'monitor-changes=true', 'monitor-grace-timeout=1', 'virtual-folders=true',
    '[Playbin]', `enabled=${as === 'renderer'}`, `title=${name}`, 'audio-sink=fakesink sync=true', 'video-sink=fakesink sync=true',
    ...off,
  ];
  await writeFile(join(home, '.config', 'rygel.conf'), `${lines.join('\n')}\n`);
}

function environment(home: string, bus: Bus): NodeJS.ProcessEnv {
  const { DISPLAY: _, ...rest } = process.env;
  return {
    ...rest, HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), XDG_CACHE_HOME: join(home, '.cache'), XDG_CONFIG_HOME: join(home, '.config'),
    DBUS_SESSION_BUS_ADDRESS: bus.address, GSETTINGS_BACKEND: 'memory', LANG: 'C.UTF-8',
  };
}
