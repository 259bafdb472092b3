import type { OpenApplication } from '../ports/application.ts';
import type { Opened, Path } from './dialer.ts';

/** Best first: new requests take the first that is open. */
const PREFERENCE: readonly Path[] = ['in-process', 'link-local', 'direct', 'in-band'];

/**
 * Applications that are open, best path first, the newest first among equals. They leave by themselves when they end.
 * The same one may be added twice: when both sides call at once, the winner's session comes as ours and as theirs.
 */
export class OpenSet<T extends OpenApplication> {
  private readonly entries: Opened<T>[] = [];

  get size(): number {
    return this.entries.length;
  }

  get all(): T[] {
    return this.entries.map(({ application }) => application);
  }

  get best(): T | undefined {
    return this.entries[0]?.application;
  }

  get bestPath(): Path | undefined {
    return this.entries[0]?.path;
  }

  on(path: Path): T[] {
    return this.entries.filter((entry) => entry.path === path).map(({ application }) => application);
  }

  /** False if it is there already, or has ended. */
  add(opened: Opened<T>, onEmpty: () => void): boolean {
    const { closed } = opened.application;
    if (closed.aborted || this.entries.some(({ application }) => application === opened.application)) return false;
    this.entries.unshift(opened);
    this.entries.sort((a, b) => PREFERENCE.indexOf(a.path) - PREFERENCE.indexOf(b.path));
    closed.addEventListener('abort', () => {
      this.entries.splice(this.entries.indexOf(opened), 1);
      if (this.entries.length === 0) onEmpty();
    }, { once: true });
    return true;
  }
}
