/**
 * Small durable state: named documents, each written as a whole. A document is either absent or exactly what some `put`
 * gave: a crash in the middle leaves the old one. Names are lower-case letters, digits, `-` and `/` between parts.
 * Writes to one name happen in the order of the calls. Nothing is readable by other users of the machine.
 */
export interface Storage {
  /** The document, or undefined. @throws XpmnError `storage-failed` */
  get(name: string): Promise<Buffer | undefined>;
  /** Durable when it resolves. @throws XpmnError `storage-failed` (full disk, read-only state); the old one stays */
  put(name: string, content: Uint8Array): Promise<void>;
  delete(name: string): Promise<void>;
  /** Names that begin with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
}
