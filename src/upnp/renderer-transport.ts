import { didlFromMedia } from '../mapping/didl-writer.ts';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { sleep } from '../xpmn/kernel/tasks.ts';
import type { PlayerMedia } from '../xpmn/ports/player-feed.ts';
import type { Learnt } from './learnt.ts';
import type { DeviceQuirks } from './quirks.ts';
import { upnpErrorOf } from './renderer-errors.ts';
import type { RendererServices } from './renderer-services.ts';
import { afterKeep, afterLoad, afterPlay, afterSeek, beforeStop, positionAt } from './renderer-state.ts';
import type { RendererTracker } from './renderer-tracker.ts';
import { isFormatRefusal, seekArguments, seekFormats } from './seek-formats.ts';

/** Times in milliseconds. */
export interface TransportOptions {
  /** How long it may take to stop before something else is set. */
  readonly stopWait: number;
  /** Between two attempts of what is refused for the moment, and how long it is tried. */
  readonly retryInterval: number;
  readonly retryFor: number;
  /** How long the last words of what was there before may come. */
  readonly stale: number;
  /** How long it may take from `play` until the device says so. */
  readonly startPatience: number;
  /** How long it may take to be where it was told to go on. */
  readonly settle: number;
}

export interface TransportDeps {
  readonly clock: Clock;
  readonly services: Pick<RendererServices, 'model' | 'call'>;
  readonly tracker: Pick<RendererTracker, 'state' | 'set'>;
  readonly learnt: Learnt;
  readonly quirks: DeviceQuirks;
  /** Asks it how it is: the tracker knows then. */
  ask(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** The transport of a renderer: how it is told what to do, so that it does. Whether that makes sense is seen to before. All reject as RendererServices.call. */
export class RendererTransport {
  private readonly deps: TransportDeps;
  private readonly options: TransportOptions;

  constructor(deps: TransportDeps, options: TransportOptions) {
    this.deps = deps;
    this.options = options;
  }

  get isOn(): boolean {
    const { phase } = this.deps.tracker.state;
    return phase === 'playing' || phase === 'buffering';
  }

  async load(media: PlayerMedia, signal: AbortSignal): Promise<void> {
    const { clock, tracker, quirks } = this.deps;
    const { phase, following } = tracker.state;
    if ((phase !== 'stopped' && phase !== 'idle') || quirks.stopBeforeLoad === true) await this.halt(signal);
    // It would go on with that one. Where it can't be taken back, setting another item does it.
    if (following) await this.call('SetNextAVTransportURI', { NextURI: '', NextURIMetaData: '' }, signal).catch(() => signal.throwIfAborted());
    if (quirks.playsWhatIsSet === true) tracker.set(afterKeep(tracker.state, media, clock.monotonic(), this.options.stale));
    else await this.setUri(media, signal);
  }

  /** What comes after what it has; undefined takes it back. */
  async follow(media: PlayerMedia | undefined, signal: AbortSignal): Promise<void> {
    const { tracker } = this.deps;
    const { url: NextURI = '' } = media ?? {};
    await this.call('SetNextAVTransportURI', { NextURI, NextURIMetaData: media ? this.metadata(media) : '' }, signal);
    tracker.set({ ...tracker.state, following: media });
  }

  async play(signal: AbortSignal): Promise<void> {
    const { clock, tracker } = this.deps;
    const { own, isKept, phase, uri } = tracker.state;
    // COMPAT: it has forgotten what was set, after its end or when it was stopped.
    if (own && (isKept || phase === 'idle' || (phase === 'stopped' && uri === ''))) await this.setUri(own, signal);
    await this.whileTransitioning(() => this.call('Play', { Speed: '1' }, signal), signal);
    tracker.set(afterPlay(tracker.state, clock.monotonic(), this.options.startPatience));
  }

  pause(signal: AbortSignal): Promise<void> {
    return this.unlessOff(() => this.whileTransitioning(() => this.call('Pause', {}, signal), signal), signal);
  }

  async stop(signal: AbortSignal): Promise<void> {
    const { tracker } = this.deps;
    tracker.set(beforeStop(tracker.state));
    try {
      await this.unlessOff(() => this.call('Stop', {}, signal), signal);
    } catch (error) {
      tracker.set({ ...tracker.state, isStopped: false });
      throw error;
    }
  }

  /** To so many seconds: in whatever way it understands. */
  async seek(position: number, signal: AbortSignal): Promise<void> {
    const { clock, tracker } = this.deps;
    const { began, left } = tracker.state;
    const isEarly = began !== undefined && clock.monotonic() < began.at + this.options.startPatience;
    const go = async (): Promise<void> => {
      await this.seekSomehow(position, signal);
      tracker.set(afterSeek(tracker.state, position, clock.monotonic()));
    };
    await go();
    // COMPAT: some take it before they have opened what they play, and forget it: where they stand then is not there, or where they were left.
    const wasLeftThere = left !== undefined && Math.abs(left - position) <= 2;
    for (const until = clock.monotonic() + this.options.retryFor; isEarly && clock.monotonic() < until; ) {
      await sleep(clock, this.options.settle, signal);
      await this.deps.ask({ signal });
      const isThere = Math.abs((positionAt(tracker.state, clock.monotonic()) ?? position) - position) <= 2;
      if (!this.isOn || (isThere && !(wasLeftThere && tracker.state.began))) return;
      // On their way, they may still tell where they were.
      if (!isThere && tracker.state.phase === 'playing') await go();
    }
  }

  private call(action: string, args: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    return this.deps.services.call('AVTransport', action, args, { signal });
  }

  private async setUri(media: PlayerMedia, signal: AbortSignal): Promise<void> {
    const { clock, tracker } = this.deps;
    const args = { CurrentURI: media.url, CurrentURIMetaData: this.metadata(media) };
    await this.whileTransitioning(() => this.call('SetAVTransportURI', args, signal), signal);
    tracker.set(afterLoad(tracker.state, media, clock.monotonic(), this.options.stale));
  }

  private metadata(media: PlayerMedia): string {
    const { metadata = 'full' } = this.deps.quirks;
    return metadata === 'none' ? '' : didlFromMedia(media, metadata);
  }

  /** Stops, and waits until it has: COMPAT: what is set while it plays is refused, or forgotten. Whoever takes too long is told nevertheless. */
  private async halt(signal: AbortSignal): Promise<void> {
    await this.stop(signal);
    const { clock, ask } = this.deps;
    for (const until = clock.monotonic() + this.options.stopWait; this.isOn && clock.monotonic() < until; ) {
      await ask({ signal });
      if (this.isOn) await sleep(clock, this.options.retryInterval, signal);
    }
  }

  /** 701 while it is on the way to somewhere is no refusal, but too soon. */
  private async whileTransitioning(work: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    const { clock, tracker, ask } = this.deps;
    for (const until = clock.monotonic() + this.options.retryFor; ; ) {
      try {
        await work();
        return;
      } catch (error) {
        if (upnpErrorOf(error) !== 701 || clock.monotonic() >= until) throw error;
        await ask({ signal });
        if (tracker.state.phase !== 'buffering') throw error;
        await sleep(clock, this.options.retryInterval, signal);
      }
    }
  }

  /** 701 because it does not play at all is no refusal, but what was wanted. */
  private async unlessOff(work: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (upnpErrorOf(error) !== 701) throw error;
      await this.deps.ask({ signal });
      if (this.isOn) throw error;
    }
  }

  private async seekSomehow(position: number, signal: AbortSignal): Promise<void> {
    const { learnt, quirks, services } = this.deps;
    const known = learnt.seek ?? quirks.seek;
    const modes = services.model('AVTransport')?.seekModes ?? new Set();
    let refusal: unknown;
    for (const format of seekFormats(position, { known, modes })) {
      try {
        await this.whileTransitioning(() => this.call('Seek', { ...seekArguments(position, format) }, signal), signal);
        learnt.seek = format;
        return;
      } catch (error) {
        refusal ??= error;
        if (!isFormatRefusal(error)) throw error;
      }
    }
    throw refusal;
  }
}
