import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeDevice } from './find-device.ts';
import type { FoundDevice } from './find-device.ts';
import { chooseInterface } from './interfaces.ts';
import { startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { Unrecoverable, waitUntil } from './wait.ts';

export interface GmediarenderOptions {
  /** It serves no loopback interface. */
  readonly netns: string;
  /** The first with an address. */
  readonly interface?: string | undefined;
  readonly name?: string | undefined;
  /** 49152 and up; 49500 by default. */
  readonly port?: number | undefined;
}

export interface Gmediarender extends FoundDevice {
  readonly name: string;
  /** Host and port as in its URLs. */
  readonly authority: string;
  /** UDN without `uuid:`; the same after `restart`. */
  readonly uuid: string;
  readonly process: ManagedProcess;
  /** Ends it (`crash`: without byebye) and starts it again: it knows nothing of what was. */
  restart(options?: { readonly crash?: boolean }): Promise<void>;
  /** Idempotent. */
  stop(options?: { readonly crash?: boolean }): Promise<void>;
}

/** Starts gmediarender, which plays in real time and into nothing, and waits until it is described. */
export async function startGmediarender(options: GmediarenderOptions): Promise<Gmediarender> {
  const home = await mkdtemp(join(tmpdir(), 'xpmn-gmediarender-'));
  try {
    const { name: network, address } = await chooseInterface(options.netns, options.interface);
    const renderer = new RunningGmediarender(home, options.netns, { network, authority: `${address}:${options.port ?? 49_500}`, name: options.name ?? 'Verona GMediaRender' });
    await renderer.launch();
    return renderer;
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

class RunningGmediarender implements Gmediarender {
  readonly name: string;
  readonly authority: string;
  readonly description: string;
  readonly uuid = randomUUID();
  readonly udn = `uuid:${this.uuid}`;
  services: FoundDevice['services'] = {};
  process!: ManagedProcess;
  private readonly home: string;
  private readonly netns: string;
  private readonly network: string;

  constructor(home: string, netns: string, { network, authority, name }: { readonly network: string; readonly authority: string; readonly name: string }) {
    this.home = home;
    this.netns = netns;
    this.network = network;
    this.authority = authority;
    this.name = name;
    this.description = `http://${authority}/description.xml`;
  }

  async launch(): Promise<void> {
    const port = this.authority.split(':')[1] as string;
    // A fakesink by itself swallows a film in a second: as a pipe it can be told to keep the time.
    const sinks = ['audio', 'video'].map((kind) => `--gstout-${kind}pipe=fakesink sync=true`);
    const argv = ['gmediarender', '-f', this.name, '-u', this.uuid, '-I', this.network, '-p', port, ...sinks, `--logfile=${join(this.home, 'log')}`];
    this.process = await startProcess('gmediarender', argv, { netns: this.netns, env: { ...process.env, HOME: this.home, LANG: 'C.UTF-8' } });
    try {
      const { services } = await waitUntil('gmediarender is described', () => this.described());
      this.services = services;
    } catch (cause) {
      await this.process.stop();
      throw new Error(`gmediarender: ${this.process.output()}`, { cause });
    }
  }

  async restart({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    await this.end(crash);
    await this.launch();
  }

  async stop({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    await this.end(crash);
    await rm(this.home, { recursive: true, force: true });
  }

  private async end(crash: boolean): Promise<void> {
    if (crash) this.process.kill('SIGKILL');
    await this.process.stop();
  }

  /** It answers before it has a description. */
  private async described(): Promise<FoundDevice | undefined> {
    if (!this.process.running) throw new Unrecoverable('gmediarender ended');
    const found = await describeDevice(this.netns, this.description);
    return found.udn === this.udn ? found : undefined;
  }
}
