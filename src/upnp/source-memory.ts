import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { keepNewest } from '../xpmn/kernel/keep-newest.ts';
import type { MediaSource } from '../xpmn/ports/media-source.ts';

export interface SourceMemoryOptions {
  /** Milliseconds that a source is remembered after it was looked up: a player that seeks asks many times within them. */
  readonly lifetime: number;
  /** Sources that are remembered at a time, the latest. */
  readonly sources: number;
}

type LookUp = (signal: AbortSignal) => Promise<MediaSource>;

interface Remembered {
  readonly source: MediaSource;
  readonly until: number;
}

/**
 * What uids named a moment ago, so that not every range of a film costs a question to its server first. What is
 * remembered counts only as long as the same entity is found there; otherwise it is looked up again, unnoticed.
 */
export class SourceMemory {
  private readonly clock: Clock;
  private readonly options: SourceMemoryOptions;
  private readonly remembered = new Map<string, Remembered>();

  constructor(clock: Clock, options: SourceMemoryOptions) {
    this.clock = clock;
    this.options = options;
  }

  async source(uid: string, lookUp: LookUp, signal: AbortSignal): Promise<MediaSource> {
    const known = this.remembered.get(uid);
    if (known && known.until > this.clock.monotonic()) return this.doubted(uid, known, lookUp);
    const source = ofOneEntity(await lookUp(signal));
    this.remembered.delete(uid);
    this.remembered.set(uid, { source, until: this.clock.monotonic() + this.options.lifetime });
    keepNewest(this.remembered, this.options.sources);
    return source;
  }

  private doubted(uid: string, known: Remembered, lookUp: LookUp): MediaSource {
    const attempt = async <T>(signal: AbortSignal, use: (source: MediaSource) => Promise<T>): Promise<T> => {
      try {
        return await use(known.source);
      } catch (error) {
        if (this.remembered.get(uid) === known) this.remembered.delete(uid);
        // Who can't be reached won't answer a question either.
        if (signal.aborted || asXpmnError(error).family === 'unreachable') throw error;
        return use(await this.source(uid, lookUp, signal));
      }
    };
    return {
      open: (how) => attempt(how.signal, (source) => source.open(how)),
      probe: (how) => attempt(how.signal, (source) => source.probe(how)),
    };
  }
}

/** The first entity that is opened is what the source stands for. */
function ofOneEntity(source: MediaSource): MediaSource {
  let first: string | undefined;
  return {
    probe: (how) => source.probe(how),
    async open(how) {
      const media = await source.open(how);
      first ??= media.entity.etag;
      if (media.entity.etag === first) return media;
      media.close();
      throw new XpmnError('entity-changed', 'The media has changed since.');
    },
  };
}
