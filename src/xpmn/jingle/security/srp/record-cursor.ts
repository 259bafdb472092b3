/** RFC 5246 §6.2.1: type, version, length. */
const HEADER = 5;
const BEFORE_LENGTH = 3;

/** The type of a record that carries an alert. */
export const ALERT = 21;

/**
 * Where the records of a TLS stream begin and end, by their headers alone. It follows the bytes as they pass and keeps
 * none of them; nonsense is for TLS itself to find.
 */
export class RecordCursor {
  private headerSeen = 0;
  private left = 0;

  /** The next byte is the type of a record. */
  get isAtStart(): boolean {
    return this.headerSeen === 0;
  }

  /** How many of these next bytes may pass until the record ends, or its length is known. */
  reach(bytes: Uint8Array): number {
    return Math.min(bytes.length, this.headerSeen < HEADER ? HEADER - this.headerSeen : this.left);
  }

  /** These have passed: not more than `reach` said. */
  pass(bytes: Uint8Array): void {
    if (this.headerSeen === HEADER) this.left -= bytes.length;
    else for (const byte of bytes) this.readHeader(byte);
    if (this.headerSeen === HEADER && this.left === 0) this.headerSeen = 0;
  }

  private readHeader(byte: number): void {
    if (this.headerSeen >= BEFORE_LENGTH) this.left = this.left * 256 + byte;
    this.headerSeen += 1;
  }
}
