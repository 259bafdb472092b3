import { ipBytes } from '../../src/xpmn/kernel/ip-address.ts';
import type { FoundService } from '../../src/xpmn/ports/service-discovery.ts';

/** Record types of DNS, and the bit that marks a unique record. */
export const TYPE = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, NSEC: 47, ANY: 255 } as const;
export const FLUSH = 0x8000;
const RESPONSE = 0x8400;

/** Labels to their wire form, never compressed: written for the tests alone, so that no bug is on both sides. */
export function wireName(...labels: readonly string[]): Buffer {
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)])), Buffer.from([0])]);
}

export function wireRecord(name: Buffer, type: number, data: Buffer, { ttl = 120, flush = false } = {}): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1 | (flush ? FLUSH : 0), 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, head, data]);
}

export function wireSrv(port: number, target: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(port, 4);
  return Buffer.concat([head, target]);
}

export function wireTxt(txt: Readonly<Record<string, string>>): Buffer {
  const strings = Object.entries(txt).map(([key, value]) => Buffer.from(value === '' ? key : `${key}=${value}`));
  return Buffer.concat(strings.length === 0 ? [Buffer.from([0])] : strings.flatMap((text) => [Buffer.from([text.length]), text]));
}

export function wireQuestion(name: Buffer, type: number): Buffer {
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(1, 2);
  return Buffer.concat([name, tail]);
}

/** A whole message; the counts are those of the lists. */
export function wireMessage(
  { flags = RESPONSE, questions = [], answers = [], authorities = [] }: Partial<Record<'questions' | 'answers' | 'authorities', readonly Buffer[]>> & { flags?: number },
): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(flags, 2);
  for (const [index, list] of [questions, answers, authorities].entries()) head.writeUInt16BE(list.length, 4 + 2 * index);
  return Buffer.concat([head, ...questions, ...answers, ...authorities]);
}

export const SERVICE = wireName('_presence', '_tcp', 'local');

export function instanceName(instance: string): Buffer {
  return wireName(instance, '_presence', '_tcp', 'local');
}

/** All records of one instance, whose host has a name of its own. */
export function recordsOf({ instance, port, txt, addresses }: FoundService, ttl = 120): Buffer[] {
  const name = instanceName(instance);
  const host = wireName(`host-of-${Buffer.from(instance).toString('hex').slice(0, 40)}`, 'local');
  const unique = { ttl, flush: true };
  return [
    wireRecord(SERVICE, TYPE.PTR, name, { ttl }),
    wireRecord(name, TYPE.SRV, wireSrv(port, host), unique),
    wireRecord(name, TYPE.TXT, wireTxt(txt), unique),
    ...addresses.map((address) => {
      const bytes = ipBytes(address, { mapped: true }) as Buffer;
      return wireRecord(host, bytes.length === 4 ? TYPE.A : TYPE.AAAA, bytes, unique);
    }),
  ];
}

/** A responder of the simplest kind: says everything on any question, and heeds nothing. */
export class DnsStranger {
  private readonly services = new Map<string, FoundService>();
  private readonly send: (packet: Buffer) => Promise<void>;

  constructor(send: (packet: Buffer) => Promise<void>) {
    this.send = send;
  }

  /** What is on the link comes in here. */
  async heard(packet: Buffer): Promise<void> {
    const isQuestion = packet.length >= 12 && (packet.readUInt16BE(2) & 0x8000) === 0 && packet.readUInt16BE(4) > 0;
    if (isQuestion) for (const service of this.services.values()) await this.send(wireMessage({ answers: recordsOf(service) }));
  }

  async say(service: FoundService): Promise<void> {
    this.services.set(service.instance, service);
    await this.send(wireMessage({ answers: recordsOf(service) }));
  }

  async goodbye(instance: string): Promise<void> {
    this.services.delete(instance);
    await this.send(wireMessage({ answers: [wireRecord(SERVICE, TYPE.PTR, instanceName(instance), { ttl: 0 })] }));
  }

  async vanish(instance: string): Promise<void> {
    this.services.delete(instance);
  }
}
