/** What must not be found in anything that the server has handled. */
export interface Secrets {
  /** Titles, names of files and containers. */
  readonly texts: readonly string[];
  /** Contents of files. */
  readonly media: readonly Buffer[];
}

/** Bytes of media that count as a leak: shorter runs occur by chance. */
const BLOCK = 32;
/** From one block that is looked for to the next: a run of this and a block can't be missed. */
const STRIDE = 128;
/** Blocks with fewer different bytes than this are padding, and occur anywhere. */
const DIVERSITY = 12;
const MULTIPLIER = 0x01000193;

/**
 * Looks for secrets in a trace: as they are, with XML's and URLs' escapes undone, with base64 undone (twice: XML in
 * base64 holds base64), and across in-band blocks that follow one another.
 */
export class LeakDetector {
  private readonly needles: readonly { readonly text: string; readonly bytes: Buffer }[];
  private readonly media: BlockIndex;

  constructor({ texts, media }: Secrets) {
    this.needles = texts.flatMap((text) => [...new Set([text, escapeXml(text), encodeURIComponent(text)])].map((form) => ({ text, bytes: Buffer.from(form) })));
    this.media = new BlockIndex(media);
  }

  /** What leaked, each once; media are called `media`. */
  find(trace: Buffer): string[] {
    const leaked = new Set<string>();
    for (const view of viewsOf(trace)) {
      for (const { text, bytes } of this.needles) if (view.includes(bytes)) leaked.add(text);
      if (this.media.occursIn(view)) leaked.add('media');
    }
    return [...leaked];
  }
}

function viewsOf(trace: Buffer): Buffer[] {
  const once = undoBase64(trace);
  return [trace, joinBlocks(trace), once, joinBlocks(once), undoBase64(once)];
}

/** Everything in it that could be base64, undone; what is none gives noise. */
function undoBase64(bytes: Buffer): Buffer {
  const parts = [...bytes.toString('latin1').matchAll(/[A-Za-z0-9+/_-]{12,}={0,2}/g)].map(([text]) => Buffer.from(text, 'base64'));
  return Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')]));
}

/** The payload of all in-band blocks, of one sid after another, in each direction in the order in which they passed. */
function joinBlocks(bytes: Buffer): Buffer {
  const streams = new Map<string, Buffer[]>();
  for (const [line] of bytes.toString('latin1').matchAll(/^(?:in|out) .*http:\/\/jabber\.org\/protocol\/ibb.*$/gm)) {
    const direction = line.slice(0, line.indexOf('<'));
    for (const [, attrs = '', text = ''] of line.matchAll(/<data\b([^>]*)>([^<]*)</g)) {
      const key = `${direction} ${/\bsid=['"]([^'"]*)/.exec(attrs)?.[1] ?? ''}`;
      const blocks = streams.get(key) ?? [];
      streams.set(key, blocks);
      blocks.push(Buffer.from(text, 'base64'));
    }
  }
  return Buffer.concat([...streams.values()].flat());
}

/** Finds any block of the media anywhere in other bytes, by a rolling hash. */
class BlockIndex {
  private readonly blocks = new Map<number, Buffer[]>();

  constructor(media: readonly Buffer[]) {
    for (const file of media) {
      for (let at = 0; at + BLOCK <= file.length; at += STRIDE) {
        const block = file.subarray(at, at + BLOCK);
        if (new Set(block).size < DIVERSITY) continue;
        const hash = hashOf(block, 0);
        const same = this.blocks.get(hash);
        if (same) same.push(block);
        else this.blocks.set(hash, [block]);
      }
    }
  }

  occursIn(bytes: Buffer): boolean {
    let hash = hashOf(bytes, 0);
    for (let end = BLOCK; ; end += 1) {
      const start = end - BLOCK;
      if (this.blocks.get(hash)?.some((block) => bytes.subarray(start, end).equals(block))) return true;
      if (end >= bytes.length) return false;
      hash = (Math.imul(hash - Math.imul(bytes[start] as number, TOP), MULTIPLIER) + (bytes[end] as number)) | 0;
    }
  }
}

/** MULTIPLIER to the power of BLOCK - 1: what the oldest byte of a window weighs. */
const TOP = Array.from({ length: BLOCK - 1 }).reduce<number>((power) => Math.imul(power, MULTIPLIER), 1);

function hashOf(bytes: Buffer, from: number): number {
  let hash = 0;
  for (let at = from; at < from + BLOCK; at += 1) hash = (Math.imul(hash, MULTIPLIER) + (bytes[at] ?? 0)) | 0;
  return hash;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
