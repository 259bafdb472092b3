import { USUAL_RANGE } from '../mapping/rendering-control.ts';
import type { RenderingFacts, VolumeRange } from '../mapping/rendering-control.ts';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { RendererServices } from './renderer-services.ts';
import type { RendererTracker } from './renderer-tracker.ts';
import { VolumeEcho } from './volume-echo.ts';

export interface VolumeOptions {
  /** Milliseconds within which it may repeat what volume we have set. */
  readonly echo: number;
}

export interface VolumeDeps {
  readonly clock: Clock;
  readonly services: Pick<RendererServices, 'has' | 'model' | 'call'>;
  readonly tracker: Pick<RendererTracker, 'state' | 'set'>;
}

/** How loud a renderer is, volume and mute: what it is told, and what its words about that mean. */
export class RendererVolume {
  private readonly deps: VolumeDeps;
  private readonly echo: VolumeEcho;
  /** COMPAT: it has told volume 0 when it was muted; some don't find back from there. */
  private losesVolume = false;

  constructor(deps: VolumeDeps, { echo }: VolumeOptions) {
    this.deps = deps;
    this.echo = new VolumeEcho(echo);
  }

  /** Milliseconds after which what did not count can be asked for again. */
  get window(): number {
    return this.echo.window;
  }

  /** Whether all of it counted: false for an echo of what was replaced since. */
  heard({ volume: value, mute = this.deps.tracker.state.mute }: RenderingFacts): boolean {
    const { range, deps: { clock, tracker } } = this;
    const { state } = tracker;
    // COMPAT: muted is told as volume 0 as well; how loud it will be is what counts.
    const isMuted = mute === true && value === range.min;
    if (isMuted && (state.volume ?? 0) > 0) this.losesVolume = true;
    const volume = value === undefined || (isMuted && state.volume !== undefined) ? state.volume : this.echo.heard(value, range, clock.monotonic());
    tracker.set({ ...state, mute, volume: volume ?? state.volume });
    return volume !== undefined || value === undefined;
  }

  /** 0 to 100. @throws XpmnError `not-supported`, or as RendererServices.call */
  async setVolume(volume: number, signal: AbortSignal): Promise<void> {
    const { range, deps: { clock, services, tracker } } = this;
    if (!services.has('RenderingControl', 'SetVolume')) throw new XpmnError('not-supported', 'The player has no volume.');
    const DesiredVolume = this.echo.set(volume, range, clock.monotonic());
    try {
      await services.call('RenderingControl', 'SetVolume', { Channel: 'Master', DesiredVolume }, { signal, idempotent: true });
    } catch (error) {
      this.echo.takeBack();
      throw error;
    }
    tracker.set({ ...tracker.state, volume });
  }

  /** @throws XpmnError as setVolume */
  async setMute(mute: boolean, signal: AbortSignal): Promise<void> {
    const { services, tracker } = this.deps;
    if (!services.has('RenderingControl', 'SetMute')) throw new XpmnError('not-supported', 'The player can\'t be muted.');
    await services.call('RenderingControl', 'SetMute', { Channel: 'Master', DesiredMute: mute ? 1 : 0 }, { signal, idempotent: true });
    tracker.set({ ...tracker.state, mute });
    const { volume } = tracker.state;
    if (!mute && this.losesVolume && volume !== undefined && volume > 0) await this.setVolume(volume, signal);
  }

  private get range(): VolumeRange {
    return this.deps.services.model('RenderingControl')?.volume ?? USUAL_RANGE;
  }
}
