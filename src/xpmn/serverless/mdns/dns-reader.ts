import { XpmnError } from '../../kernel/errors.ts';
import { ipText } from '../../kernel/ip-address.ts';
import { textOf } from '../../model/service-entry.ts';
import { DNS_TYPES } from './dns-message.ts';
import type { DnsData, DnsMessage, DnsName, DnsQuestion, DnsRecord, QuestionType } from './dns-message.ts';

export interface DnsLimits {
  readonly packetBytes: number;
  /** Questions and records together. */
  readonly records: number;
}

const HEADER = 12;
const MAX_NAME = 255;
const POINTER = 0xc0;
const CLASS_IN = 1;
const TOP_BIT = 0x8000;
const TYPE_NAMES = new Map<number, QuestionType>(Object.entries(DNS_TYPES).map(([name, code]) => [code, name as QuestionType]));

/**
 * Reads one packet. Records of types or classes that are not of use here, or whose data make no sense, are left out, so
 * that one of them costs nothing but itself.
 * @throws XpmnError `too-large` over the limits, `malformed` where the packet itself can't be read, or is no plain query or
 *   response
 */
export function readMessage(packet: Buffer, limits: DnsLimits): DnsMessage {
  if (packet.length > limits.packetBytes) throw new XpmnError('too-large', 'A DNS packet is too long.');
  if (packet.length < HEADER) throw malformed();
  const flags = packet.readUInt16BE(2);
  // RFC 6762 §18.3, §18.11: anything but opcode 0 and code 0 is ignored.
  if ((flags & 0x780f) !== 0) throw malformed();
  const counts = [4, 6, 8, 10].map((at) => packet.readUInt16BE(at)) as [number, number, number, number];
  if (counts.reduce((sum, count) => sum + count) > limits.records) throw new XpmnError('too-large', 'A DNS packet has too many records.');
  const reader = new DnsReader(packet, HEADER);
  const [questions, answers, authorities, additionals] = counts;
  return {
    id: packet.readUInt16BE(0),
    isResponse: (flags & TOP_BIT) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    questions: collect(questions, () => reader.question()),
    answers: collect(answers, () => reader.record()),
    authorities: collect(authorities, () => reader.record()),
    additionals: collect(additionals, () => reader.record()),
  };
}

class DnsReader {
  private readonly packet: Buffer;
  private at: number;

  constructor(packet: Buffer, at: number) {
    this.packet = packet;
    this.at = at;
  }

  question(): DnsQuestion | undefined {
    const name = this.name();
    const type = TYPE_NAMES.get(this.uint16());
    // The top bit asks for an answer by unicast; ours come by multicast, where everybody can use them.
    const isInternet = [CLASS_IN, 0xff].includes(this.uint16() & ~TOP_BIT);
    return name && type && isInternet ? { name, type } : undefined;
  }

  record(): DnsRecord | undefined {
    const name = this.name();
    const type = TYPE_NAMES.get(this.uint16());
    const classAndFlush = this.uint16();
    const ttl = this.uint16() * 0x10000 + this.uint16();
    const end = this.at + 2 + this.uint16();
    if (end > this.packet.length) throw malformed();
    const data = name && type && (classAndFlush & ~TOP_BIT) === CLASS_IN ? this.data(type, end) : undefined;
    this.at = end;
    return name && data && { name, ttl, flush: (classAndFlush & TOP_BIT) !== 0, data };
  }

  /** The data up to `end`, or undefined if they are not exactly what the type has. */
  private data(type: QuestionType, end: number): DnsData | undefined {
    const length = end - this.at;
    if (type === 'A' || type === 'AAAA') {
      return length === (type === 'A' ? 4 : 16) ? { type, address: ipText(this.packet.subarray(this.at, end)) } : undefined;
    }
    if (type === 'TXT') return this.strings(end);
    if (type === 'PTR') return this.ending(end, (target) => ({ type, target }));
    if (type !== 'SRV' || length < 7) return undefined;
    const [priority, weight, port] = [this.uint16(), this.uint16(), this.uint16()];
    return this.ending(end, (target) => ({ type, priority, weight, port, target }));
  }

  /** Data that end in a name. */
  private ending(end: number, make: (name: DnsName) => DnsData): DnsData | undefined {
    const name = this.at < end ? this.name() : undefined;
    return name && this.at === end ? make(name) : undefined;
  }

  private strings(end: number): DnsData | undefined {
    const strings: Buffer[] = [];
    while (this.at < end) {
      const from = this.at + 1;
      this.at = from + (this.packet[this.at] as number);
      if (this.at > end) return undefined;
      // A copy: what is kept of a packet must not keep all of it.
      if (this.at > from) strings.push(Buffer.from(this.packet.subarray(from, this.at)));
    }
    return { type: 'TXT', strings };
  }

  /**
   * A name, or undefined for one that is no text. Pointers lead strictly backwards, so that there is no loop.
   * @spec RFC 1035 §4.1.4
   */
  private name(): DnsName | undefined {
    const labels: (string | undefined)[] = [];
    let { at } = this;
    let before = at;
    let after: number | undefined;
    for (let bytes = 1; ;) {
      const length = this.byte(at);
      if ((length & POINTER) === POINTER) {
        after ??= at + 2;
        const to = ((length & ~POINTER) << 8) | this.byte(at + 1);
        if (to >= before) throw malformed();
        at = before = to;
        continue;
      }
      bytes += length + 1;
      if ((length & POINTER) !== 0 || bytes > MAX_NAME + 1 || at + 1 + length > this.packet.length) throw malformed();
      if (length === 0) break;
      labels.push(textOf(this.packet.subarray(at + 1, at + 1 + length)));
      at += 1 + length;
    }
    this.at = after ?? at + 1;
    return labels.every((label) => label !== undefined) ? labels : undefined;
  }

  private uint16(): number {
    this.at += 2;
    return (this.byte(this.at - 2) << 8) | this.byte(this.at - 1);
  }

  private byte(at: number): number {
    const byte = this.packet[at];
    if (byte === undefined) throw malformed();
    return byte;
  }
}

function collect<T>(count: number, read: () => T | undefined): T[] {
  return Array.from({ length: count }, read).filter((one) => one !== undefined);
}

function malformed(): XpmnError {
  return new XpmnError('malformed', 'A DNS packet makes no sense.');
}
