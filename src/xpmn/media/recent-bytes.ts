/** The last bytes that were delivered, at least `keep` of them: what a resumed transfer is compared with. No copies. */
export class RecentBytes {
  private readonly keep: number;
  private readonly slices: Buffer[] = [];
  private total = 0;

  constructor(keep: number) {
    this.keep = keep;
  }

  push(slice: Buffer): void {
    this.slices.push(slice);
    this.total += slice.length;
    while (this.total - (this.slices[0] as Buffer).length >= this.keep) this.total -= (this.slices.shift() as Buffer).length;
  }

  /** The last `keep` bytes, or all there are. */
  tail(): Buffer {
    const all = Buffer.concat(this.slices);
    return all.subarray(Math.max(0, all.length - this.keep));
  }
}
