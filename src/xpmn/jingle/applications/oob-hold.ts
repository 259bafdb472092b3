/** Size of a block: slices below it are not worth keeping by reference, as each may pin much more than itself. */
export const HOLD_BLOCK = 4096;

/**
 * Bytes that must wait, copied together into blocks: however small the pieces they came in, they cost no more than they
 * weigh. The bound is the caller's.
 */
export class HeldBytes {
  private blocks: Buffer[] = [];
  private fill = HOLD_BLOCK;
  private total = 0;

  get length(): number {
    return this.total;
  }

  push(slice: Buffer): void {
    this.total += slice.length;
    for (let at = 0; at < slice.length; ) {
      if (this.fill === HOLD_BLOCK) {
        this.blocks.push(Buffer.allocUnsafeSlow(HOLD_BLOCK));
        this.fill = 0;
      }
      const copied = slice.copy(this.blocks.at(-1) as Buffer, this.fill, at);
      this.fill += copied;
      at += copied;
    }
  }

  /** Everything, in order; nothing is held afterwards. */
  take(): Buffer[] {
    const { blocks, fill } = this;
    const last = blocks.length - 1;
    if (last >= 0) blocks[last] = (blocks[last] as Buffer).subarray(0, fill);
    this.clear();
    return blocks;
  }

  clear(): void {
    this.blocks = [];
    this.fill = HOLD_BLOCK;
    this.total = 0;
  }
}
