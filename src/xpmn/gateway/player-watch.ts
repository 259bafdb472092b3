import type { Clock, Timer } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { Retry } from '../kernel/retry.ts';
import type { RetryOptions } from '../kernel/retry.ts';
import { abortable, deferred, sleep } from '../kernel/tasks.ts';
import type { Deferred, TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { PlayerView } from '../model/playback.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { statusOfPlayer } from '../profiles/playback-controller.ts';
import type { PlaybackControllerOptions } from '../profiles/playback-controller.ts';
import { METADATA_NODE, STATUS_NODE, controlNode } from '../profiles/player-nodes.ts';
import { parseEvent } from '../xmpp/pubsub-codec.ts';
import { newsIn } from './player-news.ts';
import type { PlayerNews } from './player-news.ts';
import { subscribe, unsubscribe } from './subscriptions.ts';

export interface PlayerWatchOptions {
  /** Milliseconds that a player is given to tell how it is, before it is asked. */
  readonly patience: number;
  /** Milliseconds for which it goes on after nobody waits any more. */
  readonly linger: number;
  /** Milliseconds for taking leave. */
  readonly farewell: number;
  /** Pauses between attempts to reach it again. */
  readonly questions: RetryOptions;
}

export interface PlayerWatchDeps {
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  readonly device: Jid;
  /** A stream to it. @throws XpmnError could not reach; `not-trusted` */
  connect(signal: AbortSignal): Promise<StanzaChannel>;
  /** The best stream to it that is open. */
  open(): StanzaChannel | undefined;
  /** Grows with each call; `last`: what it gave last. */
  readonly revisions: { readonly last: number; next(): number };
  /** It is at its end: nobody has waited for long, or there is nothing to be seen there (then whoever waited has been told). */
  ended(): void;
  /** Another one has taken its place. */
  isReplaced(): boolean;
}

const NODES = [STATUS_NODE, METADATA_NODE];
/** Not every player has these. */
const MORE_NODES = [controlNode('volume'), controlNode('mute')];

interface Waiter {
  readonly after: number;
  readonly view: Deferred<PlayerView>;
}

/**
 * One player elsewhere, as somebody here looks at it. It is subscribed to, and tells; when its stream ends it is reached
 * again, at once where there is a reason to think that this works, and else less and less often. Nothing is polled.
 */
export class PlayerWatch {
  private readonly deps: PlayerWatchDeps;
  private readonly options: PlayerWatchOptions & PlaybackControllerOptions;
  private readonly attempt: Retry;
  private readonly waiting = new Set<Waiter>();
  /** By part of the view: the revision of what it has told itself. */
  private readonly told = new Map<string, number>();
  private current: PlayerView;
  private isAttempting = false;
  private isOver = false;
  private isHere = false;
  /** Resolves when it has told its status, since the last attempt began. */
  private firstWord = deferred();
  private hasSpoken = false;
  private timer: Timer | undefined;

  constructor(deps: PlayerWatchDeps, options: PlayerWatchOptions & PlaybackControllerOptions) {
    const { clock, tasks, device, revisions } = deps;
    this.deps = deps;
    this.options = options;
    this.current = { revision: revisions.last, device, reach: 'connecting', status: undefined, heard: 0, item: undefined, volume: undefined, mute: undefined };
    this.attempt = new Retry({ clock, tasks, failed: (error) => this.failed(error) }, options.questions, (signal) => this.follow(signal));
  }

  get view(): PlayerView {
    return this.current;
  }

  /** Whether anybody waits for something to happen. */
  get isWatched(): boolean {
    return this.waiting.size > 0;
  }

  start(): void {
    this.linger();
    this.attempt.begin();
  }

  /** The view, as soon as it is newer than `after`. @throws XpmnError as the device refuses; the signal's reason */
  async wait(after: number, signal: AbortSignal): Promise<PlayerView> {
    if (this.current.revision > after) {
      this.linger();
      return this.current;
    }
    const waiter = { after, view: deferred<PlayerView>() };
    this.waiting.add(waiter);
    this.timer?.cancel();
    try {
      return await abortable(waiter.view.promise, signal);
    } finally {
      this.waiting.delete(waiter);
      if (this.waiting.size === 0) this.linger();
    }
  }

  /** It may be reached now: it has called, or is there again. */
  news(): void {
    if (this.current.reach !== 'there' && !this.isAttempting) this.attempt.begin();
  }

  /** Whether the server, or the link, says that it is there; that it has come is news. */
  presence(isHere: boolean): void {
    const hasCome = isHere && !this.isHere;
    this.isHere = isHere;
    if (hasCome) this.news();
  }

  /** Takes a message of the device, over an end-to-end stream. */
  received(message: XmlElement): void {
    const event = parseEvent(message);
    if (!event) return;
    if (event.node === STATUS_NODE && event.cleared === 'delete') return this.lost();
    const news = newsIn(event);
    if (news.status) this.speak();
    if (Object.keys(news).length > 0) this.learnt(news);
    for (const part of Object.keys(news)) this.told.set(part, this.current.revision);
  }

  /**
   * Takes an answer to a question that was asked at revision `asked`. What the device has told since then stands: it tells each change, so that
   * is right in the end, and the answer may be older.
   */
  answered(news: PlayerNews & { readonly reach?: PlayerView['reach'] }, { asked, heard }: { readonly asked: number; readonly heard?: number }): void {
    this.learnt(Object.fromEntries(Object.entries(news).filter(([part]) => (this.told.get(part) ?? 0) <= asked)), heard);
  }

  private learnt(news: PlayerNews & { readonly reach?: PlayerView['reach'] }, heard = this.deps.clock.now()): void {
    if (this.isOver) return;
    this.current = { ...this.current, ...news, ...(news.status && { heard }), revision: this.deps.revisions.next() };
    for (const { after, view } of [...this.waiting]) if (this.current.revision > after) view.resolve(this.current);
  }

  /** For good: it is not looked at any more, and told so. Who waits is told why. */
  end(reason: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer?.cancel();
    this.attempt.stop();
    this.firstWord.resolve();
    for (const { view } of [...this.waiting]) view.reject(reason);
    const channel = this.deps.open();
    if (channel && this.current.reach === 'there') this.leave(channel);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    this.isAttempting = true;
    try {
      [this.firstWord, this.hasSpoken] = [deferred(), false];
      const channel = await this.deps.connect(signal);
      if (this.isOver) return;
      await this.listen(channel, signal);
      if (this.isOver) return this.leave(channel);
      if (channel.closed.aborted) throw new XpmnError('connection-lost', 'The connection to the device was lost.');
      channel.closed.addEventListener('abort', this.onClosed, { once: true });
      if (this.current.reach !== 'there') this.learnt({ reach: 'there' });
      await this.hear(channel, signal);
    } finally {
      this.isAttempting = false;
    }
  }

  private async listen(channel: StanzaChannel, signal: AbortSignal): Promise<void> {
    const timeout = this.options.answerTimeout;
    const optional = (error: unknown): void => {
      if (asXpmnError(error).family !== 'refused') throw error;
    };
    await Promise.all([
      ...NODES.map((node) => subscribe(channel, node, { signal, timeout })),
      ...MORE_NODES.map((node) => subscribe(channel, node, { signal, timeout }).catch(optional)),
    ]);
  }

  /** Who is subscribed is told how things are. One that does not do so is asked, once. */
  private async hear(channel: StanzaChannel, signal: AbortSignal): Promise<void> {
    const patience = new AbortController();
    await Promise.race([this.firstWord.promise, sleep(this.deps.clock, this.options.patience, AbortSignal.any([signal, patience.signal]))]).finally(() => patience.abort());
    if (this.isOver || this.hasSpoken) return;
    const asked = this.deps.revisions.last;
    this.answered({ status: await statusOfPlayer(channel, { options: this.options, signal }) }, { asked });
  }

  private speak(): void {
    this.hasSpoken = true;
    this.firstWord.resolve();
  }

  private readonly onClosed = (): void => {
    // Of several streams one may end: the others serve, and it is told again what may have been lost.
    if (this.deps.open()) this.attempt.begin();
    else this.lost();
  };

  private lost(): void {
    if (this.isOver) return;
    if (this.current.reach !== 'lost') this.learnt({ reach: 'lost' });
    this.attempt.begin();
  }

  /** Where nothing has ever been seen, and the device says no, there is nothing to wait for. */
  private failed(error: unknown): void {
    const { log, device, ended } = this.deps;
    log.debug('a player can\'t be watched', { device, error });
    if (this.isOver) return;
    if (this.current.status || asXpmnError(error).family !== 'refused') {
      if (this.current.reach !== 'lost') this.learnt({ reach: 'lost' });
      return;
    }
    this.end(asXpmnError(error));
    ended();
  }

  private linger(): void {
    this.timer?.cancel();
    if (this.isOver || this.waiting.size > 0) return;
    this.timer = this.deps.clock.after(this.options.linger, () => {
      this.end(new XpmnError('aborted', 'Nobody looks at the player any more.'));
      this.deps.ended();
    });
  }

  /** Takes leave, if nobody has come in the meantime who wants to stay. */
  private leave(channel: StanzaChannel): void {
    if (this.deps.isReplaced()) return;
    this.deps.tasks.run(async (signal) => {
      const options = { signal, timeout: this.options.farewell };
      // One that has none of these nodes, or is gone, has nothing to forget.
      await Promise.all([...NODES, ...MORE_NODES].map((node) => unsubscribe(channel, node, options).catch(() => undefined)));
    });
  }
}
