import type { Input } from '../control/operations.ts';
import type { LibraryPage } from '../gateway-api.ts';
import type { CliContext } from './context.ts';

export interface WantedPages {
  readonly device: string;
  /** The top of the library, without it. */
  readonly container?: string | undefined;
  readonly offset: number;
  /** Entries in all pages together. */
  readonly limit: number;
}

/** What is in a container, page by page, to its end or up to the limit. `hasNext`: there is more in it. @throws XpmnError as `browse` */
export async function* libraryPages(context: CliContext, { device, container, offset, limit }: WantedPages): AsyncGenerator<{ readonly page: LibraryPage; readonly hasNext: boolean }> {
  let count = 0;
  for (let hasNext = true; hasNext && count < limit;) {
    const wanted: Input<'browse'> = { device, offset: offset + count, ...(container === undefined ? {} : { container }), ...(limit === Infinity ? {} : { limit: limit - count }) };
    const page = await context.patiently(() => context.call('browse', wanted));
    count += page.children.length;
    // A library that doesn't know its size ends with an empty page.
    hasNext = page.children.length > 0 && (page.total === undefined || offset + count < page.total);
    yield { page, hasNext };
  }
}
