import { SEQUENCE_SPACE } from './ibb-codec.ts';

export interface BlockSenderDeps {
  /** Resolves when the peer has acknowledged the block. Blocks go out in the order of the calls. */
  transmit(seq: number, block: Buffer): Promise<void>;
  onFailure(error: unknown): void;
}

/** Cuts bytes into blocks, and keeps at most `window` of them unacknowledged. */
export class BlockSender {
  blockSize: number;
  private readonly deps: BlockSenderDeps;
  private readonly window: number;
  private seq = 0;
  private outstanding = 0;
  private rest: Buffer | undefined;
  private onTaken: (() => void) | undefined;
  private onIdle: (() => void) | undefined;

  constructor(deps: BlockSenderDeps, { blockSize, window }: { readonly blockSize: number; readonly window: number }) {
    this.deps = deps;
    this.blockSize = blockSize;
    this.window = window;
  }

  /** Whether bytes are here that no block has carried yet. */
  get hasUnsent(): boolean {
    return this.rest !== undefined;
  }

  /** `taken` is called when the last byte went out; not before may more be sent. */
  send(bytes: Buffer, taken: () => void): void {
    this.rest = bytes;
    this.onTaken = taken;
    this.pump();
  }

  /** `idle` is called when every block is acknowledged. */
  whenIdle(idle: () => void): void {
    this.onIdle = idle;
    this.settle();
  }

  /** Sends nothing any more; the acknowledgements of what was sent are still counted. */
  stop(): void {
    this.rest = undefined;
    this.onTaken = undefined;
  }

  private pump(): void {
    while (this.rest && this.rest.length > 0 && this.outstanding < this.window) {
      const block = this.rest.subarray(0, this.blockSize);
      this.rest = this.rest.subarray(block.length);
      this.transmit(block);
    }
    if (this.rest?.length !== 0) return;
    const taken = this.onTaken;
    this.stop();
    taken?.();
  }

  private transmit(block: Buffer): void {
    const seq = this.seq;
    this.seq = (seq + 1) % SEQUENCE_SPACE;
    this.outstanding += 1;
    this.deps.transmit(seq, block).then(() => this.acknowledged(), (error: unknown) => {
      this.deps.onFailure(error);
      this.acknowledged();
    });
  }

  private acknowledged(): void {
    this.outstanding -= 1;
    this.pump();
    this.settle();
  }

  private settle(): void {
    if (this.outstanding > 0 || this.rest) return;
    const idle = this.onIdle;
    this.onIdle = undefined;
    idle?.();
  }
}
