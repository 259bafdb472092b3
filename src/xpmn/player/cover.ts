import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import type { Logger } from '../kernel/log.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { pictureUri } from '../model/picture.ts';
import type { Picture } from '../model/picture.ts';
import type { CurrentMedia, MediaPlayer } from '../ports/media-player.ts';

export interface CoverOptions {
  readonly pictures: {
    /** Of one player: those of what it played last. */
    readonly kept: number;
    /** Milliseconds for one to be had. */
    readonly timeout: number;
  };
}

export interface CoverDeps {
  readonly player: MediaPlayer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  /** One has come. */
  changed(): void;
}

interface Kept {
  readonly uri: string;
  readonly picture: Picture;
}

/** The pictures of what a player plays. Each is looked for once, when the player shows that it has one; one that can't be had is none. */
export class Cover {
  private readonly deps: CoverDeps;
  private readonly options: CoverOptions['pictures'];
  /** By the player's names for them; the newest last. */
  private readonly kept = new Map<string, Kept>();
  private wanted: { readonly name: string; readonly abort: AbortController } | undefined;

  constructor(deps: CoverDeps, { pictures }: CoverOptions) {
    [this.deps, this.options] = [deps, pictures];
  }

  /** Whoever looks at the player wants to see it. */
  look(): void {
    const { player, tasks } = this.deps;
    const name = player.snapshot.media?.picture;
    if (name === this.wanted?.name) return;
    this.wanted?.abort.abort(new XpmnError('aborted', 'It plays something else.'));
    this.wanted = name === undefined ? undefined : { name, abort: new AbortController() };
    if (!this.wanted || this.uriOf({ picture: name })) return;
    const { wanted: { name: one, abort } } = this;
    tasks.run((signal) => this.load(one, AbortSignal.any([signal, abort.signal])));
  }

  /** What the picture of that is called, as far as it has come. */
  uriOf(media: Pick<CurrentMedia, 'picture'> | undefined): string | undefined {
    return media?.picture === undefined ? undefined : this.kept.get(media.picture)?.uri;
  }

  picture(uri: string): Picture | undefined {
    return [...this.kept.values()].find((kept) => kept.uri === uri)?.picture;
  }

  private async load(name: string, signal: AbortSignal): Promise<void> {
    const picture = await this.fetched(name, signal);
    if (!picture) return;
    this.kept.set(name, { picture, uri: pictureUri(picture.bytes) });
    keepNewest(this.kept, this.options.kept);
    this.deps.changed();
  }

  private async fetched(name: string, signal: AbortSignal): Promise<Picture | undefined> {
    const { player, clock, log } = this.deps;
    try {
      return await withDeadline({ clock, signal, delay: this.options.timeout, what: 'The picture' }, async (within) => player.picture?.(name, { signal: within }));
    } catch (error) {
      // Not where it lies: that is the player's.
      if (!signal.aborted) log.debug('a picture can\'t be had', { code: asXpmnError(error).code });
      return undefined;
    }
  }
}
