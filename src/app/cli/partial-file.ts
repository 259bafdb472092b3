import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { saying } from '../storage/file-storage.ts';

/** What the bytes of an unfinished file are the beginning of. */
export interface PartialOf {
  readonly uri: string;
  /** Of the entity; an empty one says nothing, and then nothing can be resumed. */
  readonly etag: string;
  /** First byte of the wanted range, and its last; null for the end of something whose size is unknown. */
  readonly from: number;
  readonly to: number | null;
}

/** FILE.part with what came so far, and FILE.part.json that says of what; FILE only ever holds all of it. */
export class PartialFile {
  readonly path: string;
  private readonly file: string;
  private readonly memo: string;

  constructor(file: string) {
    this.file = file;
    this.path = `${file}.part`;
    this.memo = `${file}.part.json`;
  }

  /** How many bytes of exactly this are there; `other` if there are some of something else. */
  async kept(wanted: PartialOf): Promise<number | 'other'> {
    const size = await stat(this.path).then((found) => found.size, () => 0);
    if (size === 0) return 0;
    const known = await readFile(this.memo, 'utf8').then(parse, () => undefined);
    return wanted.etag !== '' && JSON.stringify(known) === JSON.stringify(memoOf(wanted)) ? size : 'other';
  }

  /** Begins anew. */
  async reset(wanted: PartialOf): Promise<void> {
    await saying(`${this.path} can't be written`, async () => {
      await rm(this.memo, { force: true });
      await writeFile(this.path, '');
      await writeFile(this.memo, JSON.stringify(memoOf(wanted)));
    });
  }

  /** After a failure: whether there is anything to go on from; if not, nothing is left. */
  async leave(): Promise<boolean> {
    if (await stat(this.path).then(({ size }) => size > 0, () => false)) return true;
    for (const path of [this.path, this.memo]) await rm(path, { force: true }).catch(() => undefined);
    return false;
  }

  /** All is there: it gets its name. */
  async finish(): Promise<void> {
    await saying(`${this.file} can't be written`, async () => {
      const handle = await open(this.path, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(this.path, this.file);
      await rm(this.memo, { force: true });
    });
  }
}

function memoOf({ uri, etag, from, to }: PartialOf): PartialOf {
  return { uri, etag, from, to };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
