import type { DnsRecord } from './dns-message.ts';
import { recordKey } from './own-records.ts';

/** A record is multicast once in this time, in milliseconds; when a name is defended, sooner. @spec RFC 6762 §6 */
const SPACING = 1_000;
const DEFENCE_SPACING = 250;

interface Waiting {
  readonly record: DnsRecord;
  due: number;
  /** Whoever asked, while it is only one. */
  asker: string | undefined;
}

/** Answers that wait for their time, and when each record was said last. Keeps nothing but what is answered with. */
export class AnswerQueue {
  private readonly waiting = new Map<string, Waiting>();
  private readonly said = new Map<string, number>();

  add(record: DnsRecord, wanted: number, { asker, isDefence = false }: { readonly asker?: string; readonly isDefence?: boolean } = {}): void {
    const key = recordKey(record);
    const last = this.said.get(key);
    const due = last === undefined ? wanted : Math.max(wanted, last + (isDefence ? DEFENCE_SPACING : SPACING));
    const known = this.waiting.get(key);
    if (!known) this.waiting.set(key, { record, due, asker });
    else {
      known.due = Math.min(known.due, due);
      if (known.asker !== asker) known.asker = undefined;
    }
  }

  /** The only one who asked has it already. */
  drop(record: DnsRecord, asker: string): void {
    const key = recordKey(record);
    if (this.waiting.get(key)?.asker === asker) this.waiting.delete(key);
  }

  /** Takes out what is due. */
  take(now: number): DnsRecord[] {
    const due = [...this.waiting].filter(([, waiting]) => waiting.due <= now);
    for (const [key] of due) this.waiting.delete(key);
    return due.map(([, { record }]) => record);
  }

  nextDue(): number | undefined {
    return earliest([...this.waiting.values()].map(({ due }) => due));
  }

  /** These records were just multicast, for whatever reason. */
  note(records: readonly DnsRecord[], now: number): void {
    for (const record of records) this.said.set(recordKey(record), now);
  }

  /** Whether everybody heard it just now. */
  wasSaid(record: DnsRecord, now: number): boolean {
    return now < (this.said.get(recordKey(record)) ?? -Infinity) + SPACING;
  }

  /** These are not said any more. */
  forget(records: readonly DnsRecord[]): void {
    for (const record of records) {
      this.waiting.delete(recordKey(record));
      this.said.delete(recordKey(record));
    }
  }
}

export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
