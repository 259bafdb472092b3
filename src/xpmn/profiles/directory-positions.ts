import { XpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import type { MediaObject, MediaPage } from '../model/media.ts';
import type { MediaLibrary } from '../ports/media-device.ts';

export interface PositionsOptions {
  /** Positions remembered, so that paging by id finds its place at once. */
  readonly rememberedPositions: number;
  /** Children asked for at a time, when a place must be looked for. */
  readonly maxPage: number;
}

interface Wanted {
  readonly container: string;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * Pages "after this id", of a library that only knows positions. Where listings ended is remembered, and checked: a library
 * changes between two pages. What is not remembered, or not there any more, is looked for. Bounded; the oldest are forgotten.
 */
export class DirectoryPositions {
  private readonly library: MediaLibrary;
  private readonly options: PositionsOptions;
  private readonly known = new Map<string, number>();

  constructor(library: MediaLibrary, options: PositionsOptions) {
    this.library = library;
    this.options = options;
  }

  /** Notes where the last object of a page lies. */
  remember({ container, children, offset }: MediaPage): void {
    const last = children.at(-1);
    if (!last) return;
    const key = keyOf(container.id, last.id);
    this.known.delete(key);
    this.known.set(key, offset + children.length - 1);
    keepNewest(this.known, this.options.rememberedPositions);
  }

  /** The page that begins after the child `id`. @throws XpmnError `not-found` if the container has no such child */
  async after(id: string, { container, limit, signal }: Wanted): Promise<MediaPage> {
    const position = this.known.get(keyOf(container, id));
    if (position !== undefined) {
      const page = await this.library.browse(container, { offset: position, limit: limit + 1, signal });
      if (page.offset === position && page.children[0]?.id === id) return this.rest(page, 1, { container, limit, signal });
    }
    return this.search(id, { container, limit, signal });
  }

  private async search(id: string, wanted: Wanted): Promise<MediaPage> {
    for (let offset = 0; ; ) {
      const page = await this.library.browse(wanted.container, { offset, limit: this.options.maxPage, signal: wanted.signal });
      const found = page.children.findIndex((object) => object.id === id);
      if (found >= 0) return this.rest(page, found + 1, wanted);
      if (page.children.length === 0) throw new XpmnError('not-found', 'There is no such object to go on after.');
      offset = page.offset + page.children.length;
    }
  }

  /** What `page` has from its child `from` on; a page that ends there does not mean that the container does. */
  private async rest(page: MediaPage, from: number, { container, limit, signal }: Wanted): Promise<MediaPage> {
    const children: readonly MediaObject[] = page.children.slice(from, from + limit);
    const offset = page.offset + from;
    if (children.length > 0) return { ...page, children, offset };
    return this.library.browse(container, { offset, limit, signal });
  }
}

function keyOf(container: string, id: string): string {
  return JSON.stringify([container, id]);
}
