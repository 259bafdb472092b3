import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortable } from '../xpmn/kernel/tasks.ts';
import type { PlayerMedia } from '../xpmn/ports/player-feed.ts';
import type { MprisObserver } from './mpris-observer.ts';
import type { MprisPlayerOptions } from './mpris-options.ts';
import type { MprisRemote, RemoteCall } from './mpris-remote.ts';
import { hasLoaded } from './mpris-state.ts';

/**
 * Gives a player what it is to play, and makes sure that it plays. It is to do so by OpenUri alone; COMPAT: mpv-mpris 0.7 that was
 * started without a file says that it is stopped, until it is paused and played; others only load. So one that has it
 * and does not play is told to play, and one that still says otherwise is paused before.
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

  /** @throws XpmnError `origin-unreachable` if it does not come to have it, `not-acceptable` if it has it and does not play */
  async begin(media: PlayerMedia): Promise<void> {
    const { observer, remote, call } = this;
    observer.told = undefined;
    observer.update({ loaded: { media, phase: 'begun' }, problem: undefined });
    try {
      await remote.tell('OpenUri', call, 's', [media.url]);
      await this.makePlay(media);
    } catch (error) {
      if (observer.state.loaded?.media === media && observer.state.loaded.phase === 'begun') observer.update({ loaded: { media, phase: 'kept' } });
      throw error;
    }
  }

  private async makePlay(media: PlayerMedia): Promise<void> {
    const { observer, options: { startTimeout, nudgeDelay } } = this;
    const { signal } = this.call;
    await abortable(observer.look(true), signal);
    if (!(await observer.until(() => this.isDecided(media) || this.isShown, startTimeout, signal))) throw unreachable();
    const nudges = [[], ['Play'], ['Pause', 'Play']];
    for (const nudge of nudges) {
      if (this.isDecided(media)) break;
      for (const member of nudge) await this.remote.tell(member, this.call);
      await observer.until(() => this.isDecided(media) || !this.isShown, nudgeDelay, signal);
      // What it had and has not any more, it could not play.
      if (!this.isDecided(media) && !this.isShown) throw unreachable();
    }
    const { problem } = observer.state;
    if (problem) throw problem;
    if (!this.isDecided(media)) throw new XpmnError('not-acceptable', 'The player does not play it.');
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
