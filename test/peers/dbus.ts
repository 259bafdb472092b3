import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { waitUntil } from './wait.ts';

/** A message bus of its own on which everybody may own and call everything; reached from every network namespace. */
export interface Bus {
  readonly address: string;
  readonly process: ManagedProcess;
  /** Ends it (`crash`: by KILL); the address stays. */
  end(options?: { readonly crash?: boolean }): Promise<void>;
  /** Starts it again, at the same address. */
  begin(): Promise<void>;
  /** Ends it and removes its state. Idempotent. */
  stop(): Promise<void>;
}

/** @param sleepers programs that the bus starts for whoever calls them: shell commands by name */
export async function startBus({ sleepers = {} }: { readonly sleepers?: Readonly<Record<string, string>> } = {}): Promise<Bus> {
  const state = await mkdtemp(join(tmpdir(), 'xpmn-bus-'));
  await chmod(state, 0o755);
  const bus = new RunningBus(state);
  try {
    for (const [name, command] of Object.entries(sleepers)) {
      await writeFile(join(state, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=/bin/sh -c "${command}"\n`);
    }
    await bus.begin();
    return bus;
  } catch (error) {
    await rm(state, { recursive: true, force: true });
    throw error;
  }
}

class RunningBus implements Bus {
  readonly address: string;
  process!: ManagedProcess;
  private readonly state: string;

  constructor(state: string) {
    this.state = state;
    this.address = `unix:path=${join(state, 'bus')}`;
  }

  async begin(): Promise<void> {
    const config = join(this.state, 'bus.conf');
    await writeFile(config, CONFIG.replace('ADDRESS', this.address).replace('FOLDER', this.state));
    await rm(join(this.state, 'bus'), { force: true });
    this.process = await startProcess('dbus-daemon', ['dbus-daemon', `--config-file=${config}`, '--nofork', '--nopidfile', '--print-address']);
    await this.process.said(/unix:path=/);
    const ask = ['dbus-send', `--bus=${this.address}`, '--print-reply', '--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.ListNames'];
    await waitUntil('the bus answers', () => run(ask));
  }

  async end({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    if (crash) this.process.kill('SIGKILL');
    await this.process.stop();
  }

  async stop(): Promise<void> {
    await this.end();
    await rm(this.state, { recursive: true, force: true });
  }
}

const CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <keep_umask/>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <servicedir>FOLDER</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
  <limit name="max_match_rules_per_connection">64</limit>
</busconfig>
`;
