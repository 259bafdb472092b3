import { isSameUrl } from '../mapping/mpris.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { abortable } from '../xpmn/kernel/tasks.ts';
import type { PlayerMedia } from '../xpmn/ports/player-feed.ts';
import type { MprisObserver } from './mpris-observer.ts';
import type { MprisPlayerOptions } from './mpris-options.ts';
import type { MprisRemote, RemoteCall } from './mpris-remote.ts';
import { hasLoaded } from './mpris-state.ts';

/** How often it is told once more. */
const NUDGES = 3;

/**
 * Gives a player what it is to play, and makes sure that it plays. It is to do so by OpenUri alone; COMPAT: mpv-mpris 0.7 that was
 * started without a file says that it is stopped, until it is paused and played; others only load. So one that has it
 * and does not play is told to play, and one that still says otherwise is paused before. One that was paused may stay so (mpv).
 */
export class MprisStart {
  private readonly observer: MprisObserver;
  private readonly remote: MprisRemote;
  private readonly options: MprisPlayerOptions;
  private readonly call: RemoteCall;

  constructor(observer: MprisObserver, remote: MprisRemote, options: MprisPlayerOptions, call: RemoteCall) {
    this.observer = observer;
    this.remote = remote;
    this.options = options;
    this.call = call;
  }

  /** @throws XpmnError `origin-unreachable` if it does not come to have it, or to play it */
  async begin(media: PlayerMedia): Promise<void> {
    const { observer } = this;
    const isHeld = observer.state.reading.status === 'paused' && !isSameUrl(observer.state.reading.track.url, media.url);
    observer.told = undefined;
    observer.wasSighted = false;
    observer.update({ loaded: { media, phase: 'begun' }, problem: undefined });
    try {
      await this.open(media.url);
      await this.makePlay(media, isHeld);
    } catch (error) {
      if (observer.state.loaded?.media === media && observer.state.loaded.phase === 'begun') observer.update({ loaded: observer.opensNothing ? undefined : { media, phase: 'kept' } });
      throw error;
    }
  }

  /** COMPAT: some name schemes, have no OpenUri, and do not say so. */
  private async open(url: string): Promise<void> {
    try {
      await this.remote.tell('OpenUri', this.call, 's', [url]);
    } catch (error) {
      this.observer.opensNothing = asXpmnError(error).code === 'not-supported';
      throw error;
    }
  }

  /** @param isHeld it was paused, with something else: it is not waited for that it plays by itself */
  private async makePlay(media: PlayerMedia, isHeld: boolean): Promise<void> {
    const { observer, options: { startTimeout, nudgeDelay } } = this;
    const { signal } = this.call;
    await abortable(observer.look(true), signal);
    const end = observer.clock.monotonic() + startTimeout;
    const left = (): number => end - observer.clock.monotonic();
    if (!(await observer.until(() => this.isDecided(media) || this.isShown || observer.wasSighted, startTimeout, signal))) throw unreachable();
    await abortable(observer.look(true), signal);
    if (isHeld && this.isShown && observer.state.reading.status === 'paused') await this.remote.tell('Play', this.call);
    const patience = (): number => Math.min(nudgeDelay, left());
    for (let round = 1; !this.isDecided(media) && left() > 0; round += 1) {
      if (await observer.until(() => this.isDecided(media) || !this.isShown, patience(), signal)) {
        // What it had and has not any more, it could not play. COMPAT: that it has nothing, mpv says of what it had before, too, when it has this already.
        if (!(await observer.until(() => this.isDecided(media) || this.isShown, patience(), signal))) throw unreachable();
      } else if (round <= NUDGES) await this.nudge(round);
    }
    const { problem } = observer.state;
    if (problem) throw problem;
    if (!this.isDecided(media)) throw new XpmnError('origin-unreachable', 'The player has it, and does not play it.');
  }

  /** While it fetches, it needs none; one that is on its way already only says that it is not. */
  private async nudge(round: number): Promise<void> {
    const { remote, call } = this;
    const isOnItsWay = ((await remote.position(call).catch(() => undefined)) ?? 0) > 0;
    if (isOnItsWay || round > 1) await remote.tell('Pause', call);
    await remote.tell('Play', call);
  }

  /** It plays, or did, or somebody wants something else. */
  private isDecided(media: PlayerMedia): boolean {
    const { loaded } = this.observer.state;
    return loaded?.media !== media || loaded.phase !== 'begun';
  }

  private get isShown(): boolean {
    const { state } = this.observer;
    return state.reading.track.url !== undefined && hasLoaded(state);
  }
}

function unreachable(): XpmnError {
  return new XpmnError('origin-unreachable', 'The player could not get it.');
}
