import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, sleep } from '../xpmn/kernel/tasks.ts';
import { rankOf } from './device-tracker.ts';
import type { DeviceLocation } from './device-tracker.ts';

export interface DescriberOptions {
  /** Milliseconds between attempts to describe a device. */
  readonly first: number;
  readonly factor: number;
  readonly max: number;
}

export interface DescriberDeps<T> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly udn: string;
  /** Rejects where there is nothing that makes sense. */
  fetch(location: DeviceLocation, signal: AbortSignal): Promise<T>;
  described(description: T): void;
}

/**
 * Keeps a device's description: fetched by one task at a time, again and again with growing pauses until it makes sense, and anew when
 * the device has moved away from where it came from, or may have started anew, also while it was being fetched.
 */
export class Describer<T extends { readonly location: DeviceLocation }> {
  current: T | undefined;
  private readonly deps: DescriberDeps<T>;
  private readonly options: DescriberOptions;
  private readonly tasks: TaskGroup;
  private locations: readonly DeviceLocation[] = [];
  /** Since the last attempt began. */
  private hasReturned = false;
  private describing = false;
  /** Ends the pause between two attempts. */
  private nap: AbortController | undefined;

  constructor(deps: DescriberDeps<T>, options: DescriberOptions) {
    this.deps = deps;
    this.options = options;
    this.tasks = new TaskGroup((error) => deps.log.error('Describing a device failed.', { udn: deps.udn, error: String(error) }));
  }

  /**
   * The tracker's word on where the device is, the best first. What we use stays in use as long as it is among them, and none is of a better kind:
   * on each network a device may be another one, with states of its own. COMPAT: Rygel ends by a signal when it is told by IPv6 to fetch media by IPv4.
   */
  moved(locations: readonly DeviceLocation[]): void {
    this.locations = locations;
    this.nap?.abort();
    if (!this.isWellPlaced) this.describeOnce();
  }

  /** It may have started anew: what we know of it is used until it has been described again. */
  returned(locations: readonly DeviceLocation[]): void {
    this.locations = locations;
    this.hasReturned = true;
    this.nap?.abort();
    this.describeOnce();
  }

  async close(): Promise<void> {
    await this.tasks.close();
  }

  private get isWellPlaced(): boolean {
    const used = this.locations.find(({ url }) => url.href === this.current?.location.url.href);
    const [best] = this.locations;
    return used !== undefined && best !== undefined && rankOf(best) >= rankOf(used);
  }

  private describeOnce(): void {
    if (this.describing) return;
    this.describing = true;
    this.tasks.run((signal) => this.describe(signal).finally(() => (this.describing = false)));
  }

  private async describe(signal: AbortSignal): Promise<void> {
    const { first, factor, max } = this.options;
    for (let pause = first; ; pause = Math.min(max, pause * factor)) {
      const asked = this.locations;
      this.hasReturned = false;
      const description = await this.tryLocations(asked, signal);
      signal.throwIfAborted();
      const isNews = this.locations !== asked;
      if (description) {
        this.current = description;
        this.deps.described(description);
        if (!isNews || (this.isWellPlaced && !this.hasReturned)) return;
      }
      if (isNews || await this.rest(pause * (0.75 + 0.5 * this.deps.random.fraction()), signal)) pause = first / factor;
    }
  }

  /** Pauses; true if news of the device came meanwhile. */
  private async rest(delay: number, signal: AbortSignal): Promise<boolean> {
    const nap = new AbortController();
    this.nap = nap;
    try {
      await sleep(this.deps.clock, delay, AbortSignal.any([signal, nap.signal]));
    } catch {
      signal.throwIfAborted();
    } finally {
      this.nap = undefined;
    }
    return nap.signal.aborted;
  }

  private async tryLocations(locations: readonly DeviceLocation[], signal: AbortSignal): Promise<T | undefined> {
    for (const location of locations) {
      try {
        return await this.deps.fetch(location, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.deps.log.debug('A device could not be described.', { udn: this.deps.udn, location: location.url.href, error: String(error) });
      }
    }
    return undefined;
  }
}

