import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import type { MediaItem } from '../../src/xpmn/model/media.ts';
import type { FeedTarget, PlayerFeed, PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';
import { playerMedia } from '../support/media-players.ts';

export function createFakePlayerFeed(): FakePlayerFeed {
  return new FakePlayerFeed();
}

/** What there is to play, by URI; served by nobody. */
export class FakePlayerFeed implements PlayerFeed {
  /** URIs that were asked for, in order. */
  readonly asked: string[] = [];
  private readonly titles = new Map<string, PlayerMedia>();
  private readonly texts = new Map<string, { readonly body: string; readonly mimeType: string }>();
  private readonly failures = new Map<string, XpmnError>();
  private readonly broken = new Map<string, XpmnError>();
  private readonly held = new Map<string, Promise<void>>();

  /** From now on there is a title of so many seconds; of no length if it is live. Answers the URL that a player is given. */
  title(uri: string, seconds: number | undefined, more: Partial<MediaItem> = {}): string {
    const media = playerMedia(`http://192.0.2.1/m/${encodeURIComponent(uri)}.mp3`, seconds, { id: uri, title: `Title of ${uri}`, ...more });
    this.titles.set(uri, { ...media, failure: () => this.broken.get(uri) });
    return media.url;
  }

  playlist(uri: string, body: string, mimeType = 'audio/x-mpegurl'): void {
    this.titles.set(uri, { ...playerMedia(`http://192.0.2.1/m/${encodeURIComponent(uri)}`, undefined, { id: uri, title: uri }), mimeType });
    this.texts.set(uri, { body, mimeType });
  }

  /** From now on it can't be had; with no code, it can again. */
  fail(uri: string, code: ErrorCode | undefined): void {
    if (code) this.failures.set(uri, new XpmnError(code, 'It can\'t be had.'));
    else this.failures.delete(uri);
  }

  /** From now on its bytes do not come, as a player that asks for them finds out; with no code, they come again. */
  breakOff(uri: string, code: ErrorCode | undefined): void {
    if (code) this.broken.set(uri, new XpmnError(code, 'Its bytes do not come.'));
    else this.broken.delete(uri);
  }

  /** It is not answered before the returned function is called. */
  hold(uri: string): () => void {
    let release!: () => void;
    this.held.set(uri, new Promise((resolve) => (release = resolve)));
    return release;
  }

  async media(uri: string, _target: FeedTarget, { signal }: { readonly signal: AbortSignal }): Promise<PlayerMedia> {
    throwIfAborted(signal);
    this.asked.push(uri);
    await abortable(this.held.get(uri) ?? Promise.resolve(), signal);
    return this.known(uri, this.titles);
  }

  async text(uri: string, { limit, signal }: { readonly limit: number; readonly signal: AbortSignal }): Promise<{ readonly body: string; readonly mimeType: string }> {
    throwIfAborted(signal);
    const text = this.known(uri, this.texts);
    if (Buffer.byteLength(text.body) > limit) throw new XpmnError('too-large', 'The playlist is too large.');
    return text;
  }

  private known<T>(uri: string, things: ReadonlyMap<string, T>): T {
    const failure = this.failures.get(uri);
    if (failure) throw failure;
    const thing = things.get(uri);
    if (!thing) throw new XpmnError('not-found', 'There is no such item.');
    return thing;
  }
}
