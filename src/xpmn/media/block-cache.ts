import type { ByteRange } from '../ports/media-source.ts';

export interface BlockCacheOptions {
  /** Bytes in all, and of one entity. Blocks count whole. */
  readonly bytes: number;
  readonly bytesPerItem: number;
  readonly blockSize: number;
}

/** A stretch of an entity: what is valid of `bytes` is from `start` up to `end`, both within the block. */
interface Block {
  readonly bytes: Buffer;
  start: number;
  end: number;
  /** Somebody may still read what was read out of it. */
  lent: boolean;
}

interface Item {
  readonly etag: string;
  /** By number, the one unused for longest first. */
  readonly blocks: Map<number, Block>;
}

/**
 * A small memory of stretches of entities, by key and tag: bytes of two tags are never in it together under one key. What was read
 * out stays valid whatever is noted later: bytes are added to a block, never changed.
 */
export class BlockCache {
  private readonly options: BlockCacheOptions;
  /** The one unused for longest first. */
  private readonly items = new Map<string, Item>();
  private blocks = 0;
  /** Of the block dropped last that nobody was lent. Most of what is noted is never asked for: without it each probe would make the collector work. */
  private spare: Buffer | undefined;

  constructor(options: BlockCacheOptions) {
    this.options = options;
  }

  /** Bytes that are held. */
  get size(): number {
    return this.blocks * this.options.blockSize;
  }

  /** That is what the key stands for now: whatever was known under another tag is forgotten. */
  use(key: string, etag: string): void {
    if (this.items.get(key)?.etag === etag) return;
    this.forget(key);
    this.items.set(key, { etag, blocks: new Map() });
    // Not more of them than there could be blocks.
    if (this.items.size * this.options.blockSize > this.options.bytes) this.forget(this.items.keys().next().value as string);
  }

  forget(key: string): void {
    this.blocks -= this.items.get(key)?.blocks.size ?? 0;
    this.items.delete(key);
  }

  /** Copies `bytes` at `offset`, if that tag is what the key stands for. */
  note(key: string, etag: string, offset: number, bytes: Buffer): void {
    const item = this.items.get(key);
    if (item?.etag !== etag) return;
    const { blockSize } = this.options;
    for (let done = 0; done < bytes.length; ) {
      const [number, start] = [Math.floor((offset + done) / blockSize), (offset + done) % blockSize];
      const part = bytes.subarray(done, done + blockSize - start);
      this.put(item, number, start, part);
      done += part.length;
    }
    this.touch(key, item);
    this.trim(item);
  }

  /** What is known from the start of `range` on, without a gap; the buffers are the cache's own, to be read only. */
  read(key: string, etag: string, { from, to }: ByteRange): Buffer[] {
    const item = this.items.get(key);
    if (item?.etag !== etag) return [];
    const found: Buffer[] = [];
    const { blockSize } = this.options;
    for (let at = from; at <= to; ) {
      const number = Math.floor(at / blockSize);
      const [block, start] = [item.blocks.get(number), at % blockSize];
      if (!block || start < block.start || start >= block.end) break;
      const part = block.bytes.subarray(start, Math.min(block.end, start + to - at + 1));
      found.push(part);
      block.lent = true;
      at += part.length;
      this.renew(item, number, block);
    }
    if (found.length > 0) this.touch(key, item);
    return found;
  }

  private put(item: Item, number: number, start: number, bytes: Buffer): void {
    const known = item.blocks.get(number);
    const end = start + bytes.length;
    if (known && start <= known.end && end >= known.start) {
      if (start < known.start) bytes.copy(known.bytes, start, 0, known.start - start);
      if (end > known.end) bytes.copy(known.bytes, known.end, known.end - start);
      known.start = Math.min(known.start, start);
      known.end = Math.max(known.end, end);
      this.renew(item, number, known);
      return;
    }
    // One stretch a block: of two that don't touch, the newer one. What was read out of the older one stays as it is.
    if (known) this.keepSpare(known);
    else this.blocks += 1;
    const block: Block = { bytes: this.takeSpare() ?? Buffer.allocUnsafeSlow(this.options.blockSize), start, end, lent: false };
    bytes.copy(block.bytes, start);
    this.renew(item, number, block);
  }

  private renew(item: Item, number: number, block: Block): void {
    item.blocks.delete(number);
    item.blocks.set(number, block);
  }

  private touch(key: string, item: Item): void {
    this.items.delete(key);
    this.items.set(key, item);
  }

  private trim(item: Item): void {
    const { bytes, bytesPerItem, blockSize } = this.options;
    while (item.blocks.size * blockSize > bytesPerItem) this.drop(item);
    for (const [key, oldest] of this.items) {
      while (this.size > bytes && oldest.blocks.size > 0) this.drop(oldest);
      if (oldest.blocks.size > 0 || oldest === item) return;
      this.items.delete(key);
    }
  }

  private drop(item: Item): void {
    const [number, block] = item.blocks.entries().next().value as [number, Block];
    item.blocks.delete(number);
    this.blocks -= 1;
    this.keepSpare(block);
  }

  private keepSpare({ bytes, lent }: Block): void {
    if (!lent) this.spare = bytes;
  }

  private takeSpare(): Buffer | undefined {
    const { spare } = this;
    this.spare = undefined;
    return spare;
  }
}
