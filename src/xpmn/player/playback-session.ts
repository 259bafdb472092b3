import { EventEmitter } from 'node:events';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import { TaskGroup } from '../kernel/tasks.ts';
import type { Picture } from '../model/picture.ts';
import type { ControlName, ControlVariable, PlaybackStatus, PlayingItem, SeekTarget } from '../model/playback.ts';
import type { MediaPlayer } from '../ports/media-player.ts';
import type { OpenRequest, OpenedList, PlaybackCall, PlaybackControl, PlaybackEvents } from '../ports/playback-control.ts';
import type { PlayerFeed } from '../ports/player-feed.ts';
import { Announcer } from './announcer.ts';
import { controlNames, controlValues, setControls } from './control-variables.ts';
import { Cover } from './cover.ts';
import type { CoverOptions } from './cover.ts';
import { Follower } from './follower.ts';
import type { FollowerOptions } from './follower.ts';
import { Jobs } from './jobs.ts';
import type { JobKind } from './jobs.ts';
import { GOES_ON, decide } from './machine.ts';
import type { PlaybackCommand } from './machine.ts';
import { Mover } from './mover.ts';
import type { Goal } from './mover.ts';
import type { Opened } from './opened.ts';
import { atIndex, playListOf } from './play-list.ts';
import { PlayerCalls } from './player-calls.ts';
import type { PlayerCallsOptions } from './player-calls.ts';
import { listedItem } from './player-view.ts';
import { isPlayableUri } from './playlist-entry.ts';
import { PlayerNews } from './player-news.ts';
import type { PlayerNewsOptions } from './player-news.ts';
import { seekPosition } from './seek-target.ts';
import { shown } from './shown.ts';
import { Stage } from './stage.ts';
import type { TellerOptions } from './status-teller.ts';
import { TitleFinder } from './title-finder.ts';
import type { TitleFinderOptions } from './title-finder.ts';

export interface PlaybackDeps {
  readonly player: MediaPlayer;
  readonly feed: PlayerFeed;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface PlaybackOptions extends PlayerCallsOptions, TitleFinderOptions, TellerOptions, FollowerOptions, PlayerNewsOptions, CoverOptions {
  /** Milliseconds in which a player shows what it has been told; then it is believed. */
  readonly settleTimeout: number;
  /** Items that the answer to `open` names. */
  readonly itemsTold: number;
}

const TITLES: readonly JobKind[] = ['open', 'go', 'advance'];

/** One player as the profiles see it. `end()` lets go of the player, which goes on with what it does. */
export function createPlaybackControl(deps: PlaybackDeps, options: PlaybackOptions): PlaybackSession {
  return new PlaybackSession(deps, options);
}

/**
 * A list of items, played one after another on a player that others may use, too. Commands are done one after another. What ends
 * the wait for a title (`open`, `stop`, `close`) does so at once; volume and mute wait for the player only.
 */
export class PlaybackSession extends EventEmitter<PlaybackEvents> implements PlaybackControl {
  private readonly deps: PlaybackDeps;
  private readonly options: PlaybackOptions;
  private readonly cover: Cover;
  private readonly stage: Stage;
  private readonly calls: PlayerCalls;
  private readonly finder: TitleFinder;
  private readonly mover: Mover;
  private readonly follower: Follower;
  private readonly announcer: Announcer;
  private readonly jobs = new Jobs();
  private readonly tasks: TaskGroup;
  private readonly news: PlayerNews;

  constructor(deps: PlaybackDeps, options: PlaybackOptions) {
    super();
    [this.deps, this.options] = [deps, options];
    const { player, clock, log } = deps;
    this.tasks = new TaskGroup((error) => log.debug('a title was not played', { error }));
    this.cover = new Cover({ player, clock, log, tasks: this.tasks, changed: () => this.news.refresh() }, options);
    this.stage = new Stage(player, clock, this.cover);
    this.calls = new PlayerCalls(clock, options);
    this.finder = new TitleFinder(deps, options);
    const parts = { stage: this.stage, calls: this.calls, finder: this.finder, refresh: () => this.news.refresh() };
    this.mover = new Mover(parts, options);
    this.follower = new Follower({ ...parts, tasks: this.tasks }, options);
    this.announcer = new Announcer(this.stage, this, options);
    this.news = new PlayerNews({ stage: this.stage, cover: this.cover, announcer: this.announcer, follower: this.follower, hears: () => this.isHeard, isGoing: () => this.jobs.has(TITLES), advance: (list) => this.advance(list), goOn: (to) => this.goOn(to) }, options);
    // It tells of a new listener before it has it, and is not typed for that.
    (this as EventEmitter).on('newListener', () => queueMicrotask(() => this.news.watch())).on('removeListener', () => this.news.watch());
  }

  get status(): PlaybackStatus {
    return this.stage.status;
  }

  get item(): PlayingItem | undefined {
    return this.stage.item;
  }

  picture(uri: string): Picture | undefined {
    return this.cover.picture(uri);
  }

  get variables(): readonly ControlVariable[] {
    return controlValues(this.deps.player.snapshot);
  }

  get controls(): readonly ControlName[] {
    return controlNames(this.deps.player.snapshot);
  }

  async open({ uris, autoplay, position }: OpenRequest, { by, signal }: PlaybackCall): Promise<OpenedList> {
    checkOpen(uris, position, this.options.playlist.items);
    if (this.deps.player.takesNothing) throw new XpmnError('not-supported', 'The player can\'t be told what to play.');
    return this.job('open', TITLES, signal, async (within) => {
      const session = randomId(this.deps.random);
      await this.mover.go({ session, controller: by, list: playListOf(uris), startAt: position || undefined, plays: autoplay, step: 1, failures: 0 }, within);
      return this.told(session);
    });
  }

  play(call: PlaybackCall): Promise<void> {
    return this.command('play', call, (signal, action) => (action === 'begin' ? this.begin(signal) : this.calls.run(signal, (told) => this.deps.player.play(told))));
  }

  pause(call: PlaybackCall): Promise<void> {
    return this.command('pause', call, (signal) => this.calls.run(signal, (told) => this.deps.player.pause(told)));
  }

  stop(call: PlaybackCall): Promise<void> {
    return this.command('stop', call, async (signal) => {
      await this.halt(signal);
      if (this.stage.opened) this.stage.opened = { ...this.stage.opened, phase: 'stopped', startAt: undefined, error: undefined };
    });
  }

  seek(target: SeekTarget, call: PlaybackCall): Promise<void> {
    return this.command('seek', call, async (signal, action) => {
      const position = seekPosition(target, this.status);
      if (action === 'note') this.note(position);
      else await this.calls.run(signal, (told) => this.deps.player.seek(position, told));
      if (action === 'seek' && this.stage.opened) this.stage.opened = { ...this.stage.opened, startAt: undefined };
    });
  }

  next(call: PlaybackCall): Promise<void> {
    return this.command('next', call, (signal) => this.step(1, signal));
  }

  previous(call: PlaybackCall): Promise<void> {
    return this.command('previous', call, (signal) => this.step(-1, signal));
  }

  jump(index: number, call: PlaybackCall): Promise<void> {
    return this.command('jump', call, (signal) => {
      const { opened } = this.stage;
      if (!opened) throw new XpmnError('unexpected-request', 'Nothing was opened here.');
      return this.mover.go(this.goal(opened, { list: atIndex(opened.list, index) }), signal);
    });
  }

  close(call: PlaybackCall): Promise<void> {
    return this.command('close', call, async (signal) => {
      const { player } = this.deps;
      await this.halt(signal);
      if (this.stage.opened?.following) await this.calls.run(signal, async (told) => player.preload?.(undefined, told)).catch(() => undefined);
      this.finder.forget();
      this.stage.clear();
    });
  }

  setVariables(variables: readonly ControlVariable[], { signal }: PlaybackCall): Promise<void> {
    return setControls(this.deps.player, this.calls, variables, AbortSignal.any([signal, this.tasks.signal]));
  }

  /** Ends what is under way, and follows the player no more; the player goes on. Commands reject from then on. */
  async end(): Promise<void> {
    this.news.end();
    this.follower.forget();
    await this.tasks.close();
    await this.jobs.idle();
    this.removeAllListeners();
  }

  private get isHeard(): boolean {
    return (['status', 'item', 'variable'] as const).some((name) => this.listenerCount(name) > 0);
  }

  /** Decides by how it is when its turn comes. */
  private command(name: PlaybackCommand, { signal }: PlaybackCall, act: (signal: AbortSignal, action: ReturnType<typeof decide>) => Promise<void>): Promise<void> {
    const isOther = name === 'next' || name === 'previous' || name === 'jump';
    const ends: readonly JobKind[] = name === 'stop' || name === 'close' ? TITLES : isOther ? ['advance'] : [];
    // To be played, a title may have to be looked for again.
    return this.job(isOther || name === 'play' ? 'go' : 'command', ends, signal, async (within) => {
      const action = decide(this.status, name);
      if (action !== 'done') await act(within, action);
    });
  }

  private async job<T>(kind: JobKind, ends: readonly JobKind[], signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await this.jobs.run({ kind, ends, signal: AbortSignal.any([signal, this.tasks.signal]) }, work);
    } finally {
      this.news.refresh();
    }
  }

  private told(session: string): OpenedList {
    const { opened, status } = this.stage;
    if (opened?.session !== session) throw new XpmnError('aborted', 'Somebody else plays something there.');
    const { list } = opened;
    const titles = list.titles.slice(0, Math.max(this.options.itemsTold, list.index + 1));
    const items = titles.map((title, index) => (index === list.index && this.item) || listedItem(title, index));
    return { session, seekable: status.seekable, pausable: status.pausable, items };
  }

  /** From its beginning, or where it was told to begin. */
  private async begin(signal: AbortSignal): Promise<void> {
    const { opened } = this.stage;
    const { player } = this.deps;
    if (!opened) return this.calls.run(signal, (told) => player.play(told));
    const { state, media } = player.snapshot;
    const isThere = opened.phase === 'opened' || (opened.phase !== 'failed' && state === 'stopped' && (media?.url === undefined || media.url === opened.media?.url));
    return this.mover.go(this.goal(opened, { plays: true, startAt: opened.startAt, loaded: isThere ? opened.media : undefined }), signal);
  }

  /** In the list, or in the player's own. */
  private step(step: 1 | -1, signal: AbortSignal): Promise<void> {
    const { opened } = this.stage;
    const { player } = this.deps;
    if (opened) return this.mover.go(this.goal(opened, { list: atIndex(opened.list, opened.list.index + step), step }), signal);
    const { next, previous } = player.snapshot.abilities;
    if (!(step > 0 ? next : previous)) throw new XpmnError('unexpected-request', step > 0 ? 'There is no next title.' : 'There is no title before this one.');
    return this.calls.run(signal, (told) => (step > 0 ? player.next(told) : player.previous(told)));
  }

  private goal({ session, controller, list }: Opened, other: Partial<Goal>): Goal {
    return { session, controller, list, startAt: undefined, plays: GOES_ON[this.status.state], step: 1, failures: 0, ...other };
  }

  private note(startAt: number): void {
    const { opened } = this.stage;
    if (!opened) throw new XpmnError('unexpected-request', 'That is possible only while it plays.');
    this.announcer.jumped();
    this.stage.opened = { ...opened, startAt, phase: opened.phase === 'opened' ? 'opened' : 'stopped' };
  }

  private async halt(signal: AbortSignal): Promise<void> {
    const { player, clock } = this.deps;
    this.stage.isHalting = true;
    try {
      await this.calls.run(signal, (told) => player.stop(told));
      await shown(player, { clock, delay: this.options.settleTimeout, signal }, ({ state }) => state === 'stopped' || state === 'idle');
    } finally {
      this.stage.isHalting = false;
    }
  }

  /** By itself, to a place of the list. */
  private advance(opened: Opened): void {
    this.tasks.run((signal) => this.job('advance', ['advance'], signal, async (within) => {
      const now = this.stage.opened;
      // Somebody may have stopped it meanwhile.
      if (now?.session === opened.session && (now.phase === 'starting' || now.phase === 'failed')) await this.mover.go(this.goal(opened, { plays: true, failures: opened.failures }), within);
    }));
  }

  /** It plays, and was to begin somewhere else. */
  private goOn({ session, media, startAt }: Opened): void {
    const { player, clock } = this.deps;
    const isSo = (opened: Opened | undefined): opened is Opened => opened?.session === session && opened.media === media && opened.startAt === startAt;
    this.tasks.run((signal) => this.job('advance', [], signal, async (within) => {
      if (startAt === undefined || !isSo(this.stage.opened)) return;
      try {
        await this.calls.run(within, (told) => player.seek(startAt, told));
        await shown(player, { clock, delay: this.options.settleTimeout, signal: within }, ({ position }) => position !== undefined && position >= startAt - 1);
      } finally {
        if (isSo(this.stage.opened)) this.stage.opened = { ...this.stage.opened, startAt: undefined };
      }
    }));
  }
}

function checkOpen(uris: readonly string[], position: number | undefined, items: number): void {
  if (uris.length === 0 || uris.length > items) throw new XpmnError('bad-request', `One opens 1 to ${items} items.`);
  if (position !== undefined && !Number.isFinite(position)) throw new XpmnError('bad-request', 'That is no position.');
  if (position !== undefined && position < 0) throw new XpmnError('not-acceptable', 'That position lies outside the item.');
  // SECURITY: before anything is begun for it (PROTOCOL §7).
  if (!uris.every(isPlayableUri)) throw new XpmnError('unsupported-type', 'Players are given media items of the network, and http(s) URLs.');
}
