/** What must not be found in anything that the server has handled. */
export interface Secrets {
  /** Titles, names of files and containers. */
  readonly texts: readonly string[];
  /** Contents of files. */
  readonly media: readonly Buffer[];
}

/** Bytes of media that count as a leak: shorter runs occur by chance. */
const BLOCK = 32;
/** Blocks with fewer different bytes than this are padding, and occur anywhere. */
const DIVERSITY = 12;
const MULTIPLIER = 0x01000193;

/**
 * Looks for secrets in a trace: as they are, with XML's and URLs' escapes undone, with base64 undone (twice: XML in
 * base64 holds base64), and across in-band blocks that follow one another. Gives what leaked, each once.
 */
export function findLeaks(trace: Buffer, { texts, media }: Secrets): string[] {
  const needles = texts.flatMap((text) => [text, escapeXml(text), encodeURIComponent(text)].map((form) => ({ text, bytes: Buffer.from(form) })));
  const index = new BlockIndex(media);
  const leaked = new Set<string>();
  for (const view of viewsOf(trace)) {
    for (const { text, bytes } of needles) if (view.includes(bytes)) leaked.add(text);
    if (index.occursIn(view)) leaked.add('media');
  }
  return [...leaked];
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
      for (let at = 0; at + BLOCK <= file.length; at += BLOCK) {
        const block = file.subarray(at, at + BLOCK);
        if (new Set(block).size < DIVERSITY) continue;
        const hash = hashOf(block);
        const same = this.blocks.get(hash);
        if (same) same.push(block);
        else this.blocks.set(hash, [block]);
      }
    }
  }

  occursIn(bytes: Buffer): boolean {
    let hash = hashOf(bytes.subarray(0, BLOCK));
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

function hashOf(block: Buffer): number {
  return block.reduce((hash, byte) => (Math.imul(hash, MULTIPLIER) + byte) | 0, 0);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
