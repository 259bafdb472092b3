export interface RequestLimits {
  readonly inProgress: number;
  readonly inProgressInAll: number;
}

/**
 * How many requests of one channel wait for their answer, and whose they are. Some answers are held back on purpose (an
 * in-band block, until its reader has room): one sender's must not keep the others out.
 */
export class RequestsInProgress {
  private readonly limits: RequestLimits;
  private readonly bySender = new Map<string, number>();
  private all = 0;

  constructor(limits: RequestLimits) {
    this.limits = limits;
  }

  get total(): number {
    return this.all;
  }

  hasRoom(sender: string): boolean {
    return this.all < this.limits.inProgressInAll && (this.bySender.get(sender) ?? 0) < this.limits.inProgress;
  }

  begin(sender: string): void {
    this.all += 1;
    this.bySender.set(sender, (this.bySender.get(sender) ?? 0) + 1);
  }

  end(sender: string): void {
    this.all -= 1;
    const left = (this.bySender.get(sender) ?? 1) - 1;
    if (left > 0) this.bySender.set(sender, left);
    else this.bySender.delete(sender);
  }
}
