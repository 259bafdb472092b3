/**
 * What this machine says of itself on one link: from messages and time alone, no socket, no timer.
 *
 *                  three probes unanswered          three announcements
 *   hold ─► probing ───────────────────────► announcing ─────────────────► standing
 *              ▲    a lost tie: once more, later   │  ▲ other records           │ │
 *              └───────────────────────────────────┴──┴────────── conflict ────┘ └─► release
 *
 * While it is probed for, a name may turn out to be taken: the caller gives it up and holds another one.
 * @spec RFC 6762 §6, §7.1, §8, §9
 */
import type { Random } from '../../kernel/clock.ts';
import { AnswerQueue, earliest } from './answer-queue.ts';
import { nameKey } from './dns-message.ts';
import type { DnsMessage, DnsName, DnsQuestion, DnsRecord } from './dns-message.ts';
import { packProbes, packResponse } from './dns-packing.ts';
import type { Probe } from './dns-packing.ts';
import { TYPE_LIST, compareRecords, goodbye, recordKey, recordsOf } from './own-records.ts';
import type { Claim } from './own-records.ts';

/** Milliseconds. */
const PROBE_WAIT = 250;
const PROBES = 3;
const LOST_TIE_WAIT = 1_000;
/** Pauses after each announcement; there is one more of them. */
const ANNOUNCE_PAUSES = [1_000, 2_000];
const CHANGE_PAUSE = 1_000;
const ANSWER_WAIT = { shortest: 20, longest: 120, truncated: 400 };

interface Held {
  claim: Claim;
  phase: 'probing' | 'announcing' | 'standing';
  /** Probes or announcements made. */
  step: number;
  due: number;
  announcedAt: number;
}

/** What is said of a name. */
interface Spoken {
  readonly records: DnsRecord[];
  denial: DnsRecord | undefined;
}

export class LinkResponder {
  private readonly random: Random;
  /** Whether an address is one of this machine: then whoever says so is this machine, heard on another link. */
  private readonly isOwnAddress: (address: string) => boolean;
  private readonly held = new Map<string, Held>();
  private readonly answers = new AnswerQueue();
  /** By name; undefined when it has to be gathered anew. */
  private spoken: ReadonlyMap<string, Spoken> | undefined;

  constructor(random: Random, isOwnAddress: (address: string) => boolean) {
    this.random = random;
    this.isOwnAddress = isOwnAddress;
  }

  /** Claims a name, at the earliest at `from`. */
  hold(claim: Claim, from: number): void {
    // Those that begin together probe together.
    const together = [...this.held.values()].find(({ phase, step, due }) => phase === 'probing' && step === 0 && due >= from);
    const due = together?.due ?? from + this.random.fraction() * PROBE_WAIT;
    this.held.set(nameKey(claim.name), { claim, phase: 'probing', step: 0, due, announcedAt: -Infinity });
    this.spoken = undefined;
  }

  /** The same name with other records: announced anew, but no more than once a second. */
  change(claim: Claim, now: number): void {
    const held = this.held.get(nameKey(claim.name));
    if (!held) return;
    this.answers.forget(held.claim.unique);
    held.claim = claim;
    this.spoken = undefined;
    if (held.phase !== 'probing') Object.assign(held, { phase: 'announcing', step: 0, due: Math.max(now, held.announcedAt + CHANGE_PAUSE) });
  }

  /** Gives a name up; what is left to say of it, if it was ever said. */
  release(name: DnsName): readonly DnsRecord[] {
    const held = this.held.get(nameKey(name));
    if (!held) return [];
    this.held.delete(nameKey(name));
    this.spoken = undefined;
    this.answers.forget([...recordsOf(held.claim), held.claim.denial]);
    return held.phase === 'probing' ? [] : goodbye(held.claim);
  }

  /** Somebody asks, by multicast. */
  query(message: DnsMessage, asker: string, now: number): void {
    for (const record of message.answers) this.answers.drop(record, asker);
    const isProbe = message.authorities.length > 0;
    const known = new Map(message.answers.map((record) => [recordKey(record), record.ttl]));
    for (const record of this.answersTo(message.questions)) {
      // RFC 6762 §7.1: not what the asker knows and will know for a while.
      if ((known.get(recordKey(record)) ?? 0) >= record.ttl / 2) continue;
      const wait = record.flush ? 0 : this.answerWait(message.isTruncated);
      this.answers.add(record, now + wait, { asker, isDefence: isProbe });
    }
    for (const held of this.held.values()) if (isProbe && held.phase === 'probing') this.breakTie(held, message.authorities, now);
  }

  /** What answers a question of an older kind of resolver; what it is about comes after it. */
  directAnswers(questions: readonly DnsQuestion[]): { answers: DnsRecord[]; additionals: DnsRecord[] } {
    const answers = this.answersTo(questions);
    return { answers, additionals: this.additionalsOf(answers) };
  }

  /** The instances that are announced, as who browses would know them. */
  pointers(): DnsRecord[] {
    return this.standing().map(({ pointer }) => pointer).filter((pointer) => pointer !== undefined);
  }

  /**
   * Somebody says something, and may mean names of ours.
   * @returns the names that somebody else has
   */
  response(records: readonly DnsRecord[], now: number): DnsName[] {
    const said = new Map<string, DnsRecord[]>();
    for (const record of records) said.set(nameKey(record.name), [...(said.get(nameKey(record.name)) ?? []), record]);
    const taken: DnsName[] = [];
    for (const [key, held] of this.held) {
      if (said.get(key)?.some((record) => this.contradicts(record, held.claim))) {
        if (held.phase === 'probing') taken.push(held.claim.name);
        else Object.assign(held, { phase: 'probing', step: 0, due: now });
        this.spoken = undefined;
      } else if (held.phase !== 'probing') this.correct(said, held.claim, now);
    }
    return taken;
  }

  /** What is to be multicast now. */
  due(now: number): Buffer[] {
    const packets = this.probesDue(now);
    const answers = new Map(this.answers.take(now).map((record) => [recordKey(record), record]));
    for (const held of this.held.values()) {
      if (held.phase !== 'announcing' || held.due > now) continue;
      for (const record of recordsOf(held.claim)) answers.set(recordKey(record), record);
      const pause = ANNOUNCE_PAUSES[held.step];
      Object.assign(held, { announcedAt: now }, pause === undefined ? { phase: 'standing' } : { step: held.step + 1, due: now + pause });
    }
    if (answers.size === 0) return packets;
    const said = [...answers.values()];
    const more = this.additionalsOf(said).filter((record) => !this.answers.wasSaid(record, now));
    this.answers.note([...said, ...more], now);
    return [...packets, ...packResponse(said, more)];
  }

  nextDue(): number | undefined {
    const waiting = [...this.held.values()].filter(({ phase }) => phase !== 'standing');
    return earliest([this.answers.nextDue(), ...waiting.map(({ due }) => due)]);
  }

  private probesDue(now: number): Buffer[] {
    const due = [...this.held.values()].filter((held) => held.phase === 'probing' && held.due <= now);
    for (const held of due) {
      if (held.step < PROBES) Object.assign(held, { step: held.step + 1, due: now + PROBE_WAIT });
      else Object.assign(held, { phase: 'announcing', step: 0, due: now });
    }
    if (due.length > 0) this.spoken = undefined;
    const probes = due.filter(({ phase }) => phase === 'probing').map(({ claim: { name, unique } }): Probe => {
      const records = unique.map((record) => ({ ...record, flush: false }));
      return { question: { name, type: 'ANY' }, records };
    });
    return packProbes(probes);
  }

  private answerWait(isTruncated: boolean): number {
    const { shortest, longest, truncated } = ANSWER_WAIT;
    return (isTruncated ? truncated : shortest) + this.random.fraction() * (longest - shortest);
  }

  /** Only names that nobody disputes are spoken of. */
  private standing(): Claim[] {
    return [...this.held.values()].filter(({ phase }) => phase !== 'probing').map(({ claim }) => claim);
  }

  private index(): ReadonlyMap<string, Spoken> {
    if (this.spoken) return this.spoken;
    const index = new Map<string, Spoken>();
    const at = (name: DnsName): Spoken => {
      const spoken = index.get(nameKey(name)) ?? { records: [], denial: undefined };
      index.set(nameKey(name), spoken);
      return spoken;
    };
    for (const claim of this.standing()) {
      at(claim.name).denial = claim.denial;
      for (const record of recordsOf(claim)) {
        const { records } = at(record.name);
        if (!records.some((one) => recordKey(one) === recordKey(record))) records.push(record);
      }
    }
    this.spoken = index;
    return index;
  }

  private answersTo(questions: readonly DnsQuestion[]): DnsRecord[] {
    const distinct = new Map(questions.map((question) => [`${question.type} ${nameKey(question.name)}`, question]));
    return [...new Set([...distinct.values()].flatMap((question) => this.recordsFor(question)))];
  }

  private recordsFor({ name, type }: DnsQuestion): DnsRecord[] {
    const spoken = this.index().get(nameKey(name));
    const records = (spoken?.records ?? []).filter(({ data }) => type === 'ANY' || type === data.type);
    return records.length === 0 && spoken?.denial ? [spoken.denial] : records;
  }

  /** What whoever got these records will ask next. @spec RFC 6763 §12 */
  private additionalsOf(answers: readonly DnsRecord[]): DnsRecord[] {
    const more = new Set<DnsRecord>();
    const follow = ({ name, data }: DnsRecord): void => {
      if (!('target' in data) || nameKey(name) === nameKey(TYPE_LIST)) return;
      for (const record of this.index().get(nameKey(data.target))?.records ?? []) {
        if (more.has(record)) continue;
        more.add(record);
        follow(record);
      }
    };
    answers.forEach(follow);
    const said = new Set(answers.map(recordKey));
    return [...more].filter((record) => !said.has(recordKey(record)));
  }

  /** @spec RFC 6762 §8.2 */
  private breakTie(held: Held, proposed: readonly DnsRecord[], now: number): void {
    const theirs = proposed.filter(({ name }) => nameKey(name) === nameKey(held.claim.name));
    if (theirs.length === 0 || theirs.every((record) => this.isOwn(record))) return;
    if (compareRecords(held.claim.unique, theirs) < 0) Object.assign(held, { step: 0, due: now + LOST_TIE_WAIT });
  }

  private contradicts(record: DnsRecord, { unique }: Claim): boolean {
    return record.ttl > 0 && !this.isOwn(record) && !unique.some((own) => recordKey(own) === recordKey(record));
  }

  private isOwn({ data }: DnsRecord): boolean {
    return 'address' in data && this.isOwnAddress(data.address);
  }

  /** Somebody lets go of a record of ours, or will soon forget it: it is said again. @spec RFC 6762 §6.6 */
  private correct(said: ReadonlyMap<string, readonly DnsRecord[]>, { unique, pointer }: Claim, now: number): void {
    for (const own of [...unique, ...(pointer ? [pointer] : [])]) {
      const same = said.get(nameKey(own.name))?.find((record) => recordKey(record) === recordKey(own));
      if (same && same.ttl < own.ttl / 2) this.answers.add(own, now);
    }
  }
}
