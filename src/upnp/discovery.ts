import type { Clock, Random, Timer } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, sleep } from '../xpmn/kernel/tasks.ts';
import { DeviceTracker } from './device-tracker.ts';
import type { TrackerChange, TrackerOptions } from './device-tracker.ts';
import { formatSearch, parseSsdp, sightingOf } from './ssdp.ts';
import type { SsdpCodecOptions } from './ssdp.ts';
import type { SsdpDatagram, SsdpInterface, SsdpSocket } from './ssdp-socket.ts';

export interface DiscoveryOptions {
  readonly codec: SsdpCodecOptions;
  readonly tracker: TrackerOptions;
  /** What is searched for: device types with version. */
  readonly searchTargets: readonly string[];
  /** Seconds (MX). */
  readonly searchWait: number;
  /** Sendings of one search: datagrams get lost. */
  readonly searchRepeats: number;
  /** Milliseconds between the sendings of one search, and between searches. */
  readonly searchSpacing: number;
  readonly searchInterval: number;
  readonly userAgent: string;
}

export interface DiscoveryDeps {
  readonly ssdp: SsdpSocket;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The rim around the tracker: searches, listens, and keeps the time. `onChange` gets its changes, in order. */
export class Discovery {
  private readonly deps: DiscoveryDeps;
  private readonly options: DiscoveryOptions;
  private readonly onChange: (change: TrackerChange) => void;
  private readonly tracker: DeviceTracker;
  private readonly tasks: TaskGroup;
  /** When each doubted device was, or will be, asked; monotonic. */
  private readonly probes = new Map<string, number>();
  private expiry: Timer | undefined;
  private stopped = false;

  constructor(deps: DiscoveryDeps, options: DiscoveryOptions, onChange: (change: TrackerChange) => void) {
    this.deps = deps;
    this.options = options;
    this.onChange = onChange;
    this.tracker = new DeviceTracker(options.tracker);
    this.tasks = new TaskGroup((error) => deps.log.error('Searching for devices failed.', { error: String(error) }));
  }

  /** Resolves when it listens; searching goes on. */
  async start(): Promise<void> {
    await this.deps.ssdp.start({
      datagram: (datagram) => this.received(datagram),
      interfaceUp: (on) => this.search([on], this.options.searchTargets),
    });
    this.tasks.run((signal) => this.searchAgain(signal));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.expiry?.cancel();
    await this.tasks.close();
    await this.deps.ssdp.close();
  }

  /** Searches now, on every interface. */
  rescan(): void {
    this.search(this.deps.ssdp.interfaces(), this.options.searchTargets);
  }

  /** Nothing listens any more where a device was asked: unless it answers now, it is gone. */
  refused(udn: string): void {
    this.apply(this.tracker.refused(udn, this.deps.clock.now()));
  }

  private async searchAgain(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.deps.clock, this.options.searchInterval * (0.9 + 0.2 * this.deps.random.fraction()), signal);
      this.rescan();
    }
  }

  private search(on: readonly SsdpInterface[], targets: readonly string[]): void {
    const { searchRepeats, searchSpacing, searchWait: mx, userAgent } = this.options;
    this.tasks.run(async (signal) => {
      for (let time = 0; time < searchRepeats; time += 1) {
        if (time > 0) await sleep(this.deps.clock, searchSpacing, signal);
        const send = (one: SsdpInterface, target: string): Promise<void> =>
          this.deps.ssdp.multicast(one, (group, port) => formatSearch({ group, port, target, mx, userAgent }));
        await Promise.all(on.flatMap((one) => targets.map((target) => send(one, target))));
      }
    });
  }

  private received({ data, address }: SsdpDatagram): void {
    const message = parseSsdp(data, this.options.codec);
    const sighting = message && sightingOf(message);
    if (sighting) this.apply(this.tracker.sight(sighting, address, this.deps.clock.now()));
  }

  private apply(changes: readonly TrackerChange[]): void {
    for (const change of changes) {
      if (change.kind === 'doubted') this.probe(change.udn);
      if (change.kind === 'gone') this.probes.delete(change.udn);
      if (!this.stopped) this.onChange(change);
    }
    this.keepTime();
  }

  /** Asks the device itself, by its name, and once more if it stays silent: it may have been out of reach. Twice a grace at most, or forged byebyes would make us shout. */
  private probe(udn: string): void {
    const now = this.deps.clock.monotonic();
    const before = this.probes.get(udn) ?? -Infinity;
    if (before > now) return; // one is waiting already
    const at = Math.max(now, before + this.options.tracker.grace / 2);
    this.probes.set(udn, at);
    this.tasks.run(async (signal) => {
      if (at > now) await sleep(this.deps.clock, at - now, signal);
      this.search(this.deps.ssdp.interfaces(), [udn]);
      await sleep(this.deps.clock, this.options.tracker.grace / 2, signal);
      if (this.tracker.isDoubted(udn)) this.probe(udn);
    });
  }

  private keepTime(): void {
    this.expiry?.cancel();
    const due = this.tracker.nextDue();
    if (due === undefined || this.stopped) return;
    const { clock } = this.deps;
    this.expiry = clock.after(Math.max(0, due - clock.now()), () => this.apply(this.tracker.expire(clock.now())));
  }
}
