import { ipBytes } from '../../kernel/ip-address.ts';
import { DNS_TYPES } from './dns-message.ts';
import type { DnsData, DnsMessage, DnsName, DnsQuestion, DnsRecord, RecordType } from './dns-message.ts';

const CLASS_IN = 1;
const FLUSH = 0x8000;
const RESPONSE = 0x8400;
const TRUNCATED = 0x0200;
/** Offsets that a pointer can hold. */
const MAX_POINTER = 0x3fff;

export function writeMessage(message: DnsMessage): Buffer {
  const writer = new DnsWriter();
  const { questions, answers, authorities, additionals } = message;
  writer.uint16(message.id);
  writer.uint16((message.isResponse ? RESPONSE : 0) | (message.isTruncated ? TRUNCATED : 0));
  for (const { length } of [questions, answers, authorities, additionals]) writer.uint16(length);
  for (const question of questions) writer.question(question);
  for (const record of [...answers, ...authorities, ...additionals]) writer.record(record);
  return writer.bytes();
}

/** The data alone, no name in it shortened: what RFC 6762 §8.2 compares. */
export function rawData(data: DnsData): Buffer {
  const writer = new DnsWriter(false);
  writer.data(data);
  return writer.bytes();
}

class DnsWriter {
  private readonly isShortening: boolean;
  private parts: Buffer[] = [];
  private length = 0;
  /** Where each ending of a name stands. */
  private readonly offsets = new Map<string, number>();

  constructor(isShortening = true) {
    this.isShortening = isShortening;
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts, this.length);
  }

  uint16(value: number): void {
    this.put(Buffer.from([value >> 8, value & 0xff]));
  }

  question({ name, type }: DnsQuestion): void {
    this.name(name);
    this.uint16(DNS_TYPES[type]);
    this.uint16(CLASS_IN);
  }

  record({ name, ttl, flush, data }: DnsRecord): void {
    this.name(name);
    this.uint16(DNS_TYPES[data.type]);
    this.uint16(CLASS_IN | (flush ? FLUSH : 0));
    this.uint16(Math.floor(ttl / 0x10000));
    this.uint16(ttl % 0x10000);
    const length = Buffer.alloc(2);
    this.put(length);
    const from = this.length;
    this.data(data);
    length.writeUInt16BE(this.length - from);
  }

  data(data: DnsData): void {
    switch (data.type) {
      case 'A':
      case 'AAAA':
        return this.put(ipBytes(data.address, { mapped: data.type === 'AAAA' }) as Buffer);
      case 'PTR':
        return this.name(data.target);
      case 'SRV':
        for (const value of [data.priority, data.weight, data.port]) this.uint16(value);
        return this.name(data.target);
      case 'TXT':
        // An empty TXT record is one empty string (RFC 6763 §6.1).
        for (const text of data.strings.length > 0 ? data.strings : [Buffer.alloc(0)]) this.put(Buffer.from([text.length]), text);
        return;
      case 'NSEC':
        this.name(data.next);
        return this.put(typeBitmap(data.types));
    }
  }

  /** Shortened by a pointer to where the same ending stood before; in multicast DNS in SRV, too (RFC 6762 §18.14). */
  private name(labels: DnsName): void {
    for (let index = 0; index < labels.length; index += 1) {
      const key = JSON.stringify(labels.slice(index));
      const known = this.isShortening ? this.offsets.get(key) : undefined;
      if (known !== undefined) return this.uint16(0xc000 | known);
      if (this.length <= MAX_POINTER) this.offsets.set(key, this.length);
      const text = Buffer.from(labels[index] as string);
      this.put(Buffer.from([text.length]), text);
    }
    this.put(Buffer.from([0]));
  }

  private put(...parts: readonly Buffer[]): void {
    for (const part of parts) {
      this.parts.push(part);
      this.length += part.length;
    }
  }
}

/** @spec RFC 4034 §4.1.2 */
function typeBitmap(types: readonly RecordType[]): Buffer {
  const codes = types.map((type) => DNS_TYPES[type]);
  const bits = Buffer.alloc(1 + (Math.max(...codes) >> 3));
  for (const code of codes) bits[code >> 3] = (bits[code >> 3] as number) | (0x80 >> (code & 7));
  return Buffer.concat([Buffer.from([0, bits.length]), bits]);
}
