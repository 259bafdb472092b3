import { writeMessage } from './dns-writer.ts';
import type { DnsMessage, DnsQuestion, DnsRecord } from './dns-message.ts';

/** What fits on any link in one frame, with the headers of IPv6 and UDP; a larger record set goes alone (RFC 6762 §17). */
const MAX_MESSAGE = 1_400;
const HEADER = 12;
/** Seconds. */
const DIRECT_TTL = 10;

/** A name that is asked for, and what its records are to be if nobody has it. */
export interface Probe {
  readonly question: DnsQuestion;
  readonly records: readonly DnsRecord[];
}

type Part = Partial<Pick<DnsMessage, 'questions' | 'answers' | 'authorities' | 'additionals'>>;

const EMPTY: DnsMessage = { id: 0, isResponse: false, isTruncated: false, questions: [], answers: [], authorities: [], additionals: [] };

/** Answers, and what the asker will want to know next, in as few packets as they take. */
export function packResponse(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): Buffer[] {
  const parts = [...answers.map((record): Part => ({ answers: [record] })), ...additionals.map((record): Part => ({ additionals: [record] }))];
  return pack(parts).map((part) => writeMessage({ ...EMPTY, isResponse: true, ...part }));
}

/**
 * Questions, and what is known of the answers to the last one: too many known answers go on in packets of their own.
 * @spec RFC 6762 §7.2
 */
export function packQuery(questions: readonly DnsQuestion[], known: readonly DnsRecord[]): Buffer[] {
  if (questions.length === 0) return [];
  const parts = pack([...questions.map((question): Part => ({ questions: [question] })), ...known.map((record): Part => ({ answers: [record] }))]);
  return parts.map((part, index) => writeMessage({ ...EMPTY, ...part, isTruncated: parts[index + 1]?.questions?.length === 0 }));
}

/** @spec RFC 6762 §8.1 */
export function packProbes(probes: readonly Probe[]): Buffer[] {
  const parts = pack(probes.map(({ question, records }): Part => ({ questions: [question], authorities: records })));
  return parts.map((part) => writeMessage({ ...EMPTY, ...part }));
}

/**
 * One packet for somebody who asked as the ordinary DNS is asked: with the question again, and nothing to be kept for
 * long; what does not fit is left out.
 * @spec RFC 6762 §6.7
 */
export function packDirect(id: number, questions: readonly DnsQuestion[], answers: readonly DnsRecord[], additionals: readonly DnsRecord[]): Buffer {
  const brief = (record: DnsRecord): DnsRecord => ({ ...record, flush: false, ttl: Math.min(record.ttl, DIRECT_TTL) });
  const parts = pack([
    { questions }, ...answers.map((record): Part => ({ answers: [brief(record)] })), ...additionals.map((record): Part => ({ additionals: [brief(record)] })),
  ]);
  const isTruncated = (parts[0]?.answers?.length ?? 0) < answers.length;
  return writeMessage({ ...EMPTY, ...parts[0], id, isResponse: true, isTruncated });
}

/** Joins neighbours while they fit. Sizes are those that each part would have alone: names in common only make it smaller. */
function pack(parts: readonly Part[]): Part[] {
  const packed: (Part & { size: number })[] = [];
  for (const part of parts) {
    const size = writeMessage({ ...EMPTY, ...part }).length - HEADER;
    const last = packed.at(-1);
    if (last && last.size + size <= MAX_MESSAGE) packed[packed.length - 1] = { ...join(last, part), size: last.size + size };
    else packed.push({ ...join({}, part), size: HEADER + size });
  }
  return packed;
}

function join(a: Part, b: Part): Required<Part> {
  const both = <K extends keyof Part>(key: K) => [...(a[key] ?? []), ...(b[key] ?? [])];
  return {
    questions: both('questions') as DnsQuestion[],
    answers: both('answers') as DnsRecord[],
    authorities: both('authorities') as DnsRecord[],
    additionals: both('additionals') as DnsRecord[],
  };
}
