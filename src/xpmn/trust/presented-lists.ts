import { XpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import { parseXml } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { XmlElement } from '../model/xml.ts';
import { signedIn } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';
import { currentHosts, devicesList, hostedList } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';

/** "Its `devices` and the `hosted` that names it": nobody needs more to show who it is. */
const AT_MOST = 2;

const [START, GREATER, END] = ['<lists', '>', '</lists'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
const AFTER_NAME: ReadonlySet<number> = new Set(Buffer.from(' \t\r\n/>'));
const SLASH = 0x2f;

/** The lists by which the device of ours with that JID shows who it is. */
export function listsNaming(lists: TrustSnapshot, jid: Jid): VerifiedList[] {
  const devices = devicesList(lists, lists.network);
  if (!devices) return [];
  const names = (list: VerifiedList): boolean => list.devices.some((device) => device.jid === jid || device.aliases.includes(jid));
  const hosted = names(devices) ? [] : currentHosts(lists, lists.network).flatMap(({ key }) => hostedList(lists, lists.network, key) ?? []);
  return [devices, ...hosted.filter(names).slice(0, 1)];
}

/** What a stream begins with: lists, or the application's own bytes. `rest` is what was read beyond the lists. */
export type StreamBeginning =
  | { readonly lists: readonly XmlElement[]; readonly rest: Buffer }
  | { readonly lists: undefined; readonly rest: Buffer };

/**
 * Reads `<lists/>` where it is the first thing in a stream, and nothing else: an XML stream begins with `<?xml` or
 * `<stream:stream`, so at most seven bytes tell. Incremental; no byte is looked at twice, and no more are kept than
 * `limits.bytes`. The text ends at its first `</lists`, wherever that stands: whoever hides one inside sends no XML.
 */
export class BeginningReader {
  private readonly limits: XmlLimits;
  private buffer = Buffer.alloc(1024);
  private length = 0;
  /** What is looked for: the `>` of the start tag, then `</lists`, then the `>` of that. */
  private phase: 'start tag' | 'content' | 'end tag' = 'start tag';
  /** Bytes that need not be looked at again. */
  private scanned = START.length;

  constructor(limits: XmlLimits) {
    this.limits = limits;
  }

  /** Undefined while more is needed. Not to be called again after an answer. @throws XpmnError `too-large`, `malformed`, `xml-restricted` */
  read(chunk: Uint8Array): StreamBeginning | undefined {
    this.keep(chunk);
    const bytes = this.buffer.subarray(0, this.length);
    const known = Math.min(bytes.length, START.length);
    if (!bytes.subarray(0, known).equals(START.subarray(0, known))) return { lists: undefined, rest: bytes };
    const next = bytes[START.length];
    if (next === undefined) return undefined;
    if (!AFTER_NAME.has(next)) return { lists: undefined, rest: bytes };
    const isComplete = this.scan(bytes);
    const size = isComplete ? this.scanned : bytes.length;
    if (size > this.limits.bytes) throw new XpmnError('too-large', 'The lists that were shown are too large.');
    return isComplete ? { lists: signedIn(parseXml(bytes.subarray(0, size), this.limits), AT_MOST), rest: bytes.subarray(size) } : undefined;
  }

  /** Whether the element is complete: then `scanned` is where it ends. */
  private scan(bytes: Buffer): boolean {
    if (this.phase === 'start tag' && this.seek(bytes, GREATER)) {
      if (bytes[this.scanned - 2] === SLASH) return true;
      this.phase = 'content';
    }
    if (this.phase === 'content' && this.seek(bytes, END)) this.phase = 'end tag';
    return this.phase === 'end tag' && this.seek(bytes, GREATER);
  }

  private seek(bytes: Buffer, what: Buffer): boolean {
    const at = bytes.indexOf(what, this.scanned);
    this.scanned = at < 0 ? Math.max(this.scanned, bytes.length - what.length + 1) : at + what.length;
    return at >= 0;
  }

  /** Grows by doubling: many small chunks cost no more than a few large ones. */
  private keep(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(length, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    this.buffer.set(chunk, this.length);
    this.length = length;
  }
}
