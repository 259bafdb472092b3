import type { Jid } from '../model/jid.ts';

/**
 * Where a PIN-based security method gets the PIN, one guess at a time. A run of the protocol is one attempt: a PIN that
 * could have been guessed at once is spent, whatever came of it.
 */
export interface PairingPin {
  /**
   * Begins an attempt with `peer`. Undefined: no pairing window is open for it, another attempt is under way, or all
   * attempts are burnt. The peer must not be able to tell these apart from a wrong PIN. One that is under way and not burnt
   * may give way to another: its `burn` is refused then.
   */
  begin(peer: Jid): PinAttempt | undefined;
}

export interface PinAttempt {
  /** As typed or shown; digits unless the user chose otherwise. Never logged. */
  readonly pin: string;
  /**
   * The point of no return: from here on the peer could test one guess. Resolves when the attempt is counted as failed, durably.
   * @throws XpmnError `storage-failed`; `not-allowed`: it counts for nothing any more. Then nothing that could be tested may be sent
   */
  burn(): Promise<void>;
  /**
   * Called once when the run is over: whether both sides have proven that they know the PIN. When a run is aborted that may
   * be while `burn` is under way.
   * @throws XpmnError `not-allowed`: the pairing has ended before it was `proven`; then no stream comes of it
   */
  done(proven: boolean): void;
  /** Called when the stream is gone on which the PIN was proven. */
  lost(): void;
}
