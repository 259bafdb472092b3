import type { Random } from '../../kernel/clock.ts';
import { earliest } from './answer-queue.ts';
import { nameKey } from './dns-message.ts';
import type { DnsQuestion } from './dns-message.ts';

/** Milliseconds. @spec RFC 6762 §5.2 */
const FIRST = { shortest: 20, longest: 120 };
const LONGEST_PAUSE = 3_600_000;
/** Between two packets of questions, whatever there is to ask: others may not make us shout. */
const SPACING = 250;
/** What is missing may come by itself in the next packet. */
const MISSING_WAIT = 50;
const LONGEST_MISSING_PAUSE = 600_000;

interface Missing {
  readonly question: DnsQuestion;
  tries: number;
  due: number;
}

/** When the service is asked for, and when what is missing of an instance: less and less often. */
export class QuestionPlan {
  private readonly random: Random;
  private readonly wanted = new Map<string, Missing>();
  private browseAt = 0;
  private pause = 0;
  private free = -Infinity;

  constructor(random: Random, now: number) {
    this.random = random;
    this.startAgain(now);
  }

  startAgain(now: number): void {
    this.browseAt = now + FIRST.shortest + this.random.fraction() * (FIRST.longest - FIRST.shortest);
    this.pause = 1_000;
  }

  /** What is missing now, all of it; what is no more is forgotten. */
  want(questions: readonly DnsQuestion[], now: number): void {
    const keys = new Map(questions.map((question) => [`${question.type} ${nameKey(question.name)}`, question]));
    for (const key of this.wanted.keys()) if (!keys.has(key)) this.wanted.delete(key);
    for (const [key, question] of keys) if (!this.wanted.has(key)) this.wanted.set(key, { question, tries: 0, due: now + MISSING_WAIT });
  }

  /** Whether the service is to be asked for; if so, it is later the next time. */
  browse(now: number): boolean {
    if (this.browseAt > now) return false;
    this.browseAt = now + this.pause;
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    return true;
  }

  /** What is missing and to be asked for. */
  missing(now: number): DnsQuestion[] {
    const due = [...this.wanted.values()].filter((one) => one.due <= now);
    for (const one of due) {
      one.due = now + Math.min(1_000 * 2 ** one.tries, LONGEST_MISSING_PAUSE);
      one.tries += 1;
    }
    return due.map(({ question }) => question);
  }

  mayAsk(now: number): boolean {
    return this.free <= now;
  }

  noteAsked(now: number): void {
    this.free = now + SPACING;
  }

  /** When something that is due at `time` may be asked. */
  freeFrom(time: number): number {
    return Math.max(time, this.free);
  }

  nextDue(): number | undefined {
    return earliest([this.browseAt, ...[...this.wanted.values()].map(({ due }) => due)]);
  }
}
