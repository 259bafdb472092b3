/** Time and randomness come in by argument, so that a whole home fits in one process with a fake clock. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Milliseconds that only ever grow; for measuring. */
  monotonic(): number;
  /** Runs `callback` once after `delay` ms unless cancelled. A pending timer never keeps the process alive. */
  after(delay: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  bytes(count: number): Buffer;
  /** A number in [0, 1), for jitter; not for secrets. */
  fraction(): number;
}
