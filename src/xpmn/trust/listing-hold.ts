/**
 * While a device is being listed, nothing else ends the window in which it is added: whatever would have, counts afterwards,
 * if the device is not listed after all.
 */
export class ListingHold<Ending> {
  private isHeld = false;
  private ending: Ending | undefined;

  /** A device is to be added: what was before counts for nothing. */
  reset(): void {
    this.isHeld = false;
    this.ending = undefined;
  }

  hold(): void {
    this.isHeld = true;
  }

  /** Whether an end has to wait; the first one counts. */
  defers(why: Ending): boolean {
    if (this.isHeld) this.ending ??= why;
    return this.isHeld;
  }

  /** The device was not listed: what has waited, if anything has. */
  release(): Ending | undefined {
    this.isHeld = false;
    return this.ending;
  }
}
