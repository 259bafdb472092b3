/** The last bytes that were delivered, at least `keep` of them: what a resumed transfer is compared with. No copies. */
export class RecentBytes {
  private readonly keep: number;
  private readonly slices: Buffer[] = [];
  private total = 0;

  constructor(keep: number) {
    this.keep = keep;
  }

  /** Bytes that are kept now: less than one slice more than asked for. */
  get held(): number {
    return this.total;
  }

  push(slice: Buffer): void {
    this.slices.push(slice);
    this.total += slice.length;
    for (let oldest = this.slices[0]; oldest && this.total - oldest.length >= this.keep; oldest = this.slices[0]) {
      this.slices.shift();
      this.total -= oldest.length;
    }
  }

  /** The last `keep` bytes, or all there are. */
  tail(): Buffer {
    const all = Buffer.concat(this.slices);
    return all.subarray(Math.max(0, all.length - this.keep));
  }
}
