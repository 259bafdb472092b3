import type { XmlElement } from '../model/xml.ts';
import type { SecuredStream } from './security.ts';

/**
 * What runs on a secured stream: one per Jingle application namespace. The session negotiates `<description/>`s, gets
 * the stream, and hands it over; a bare Duplex does not fit.
 */
export interface ApplicationMethod<Opened extends OpenApplication = OpenApplication> {
  readonly namespace: string;
  /** The content's name in Jingle, e.g. `xmlstream`. */
  readonly contentName: string;
  /** Our `<description/>`, for an offer or an answer. */
  describe(): XmlElement;
  /**
   * Runs on `secured`, which it owns from here on. `theirs` is the peer's `<description/>`. Resolves when the
   * application is usable; rejects and destroys the stream otherwise.
   */
  open(secured: SecuredStream, theirs: XmlElement, options: { readonly signal: AbortSignal }): Promise<Opened>;
}

export interface OpenApplication {
  /** Ends in order, both ways, within `signal`; then at once. Idempotent. */
  close(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Ends at once; everything under way fails with `error`. Idempotent. */
  destroy(error: Error): void;
  /** Aborts when it has ended; the reason says why, code `aborted` for an orderly end. */
  readonly closed: AbortSignal;
}
