/**
 * Credit: chunks of the reserved id `credit`, whose payload is whole lines `ID SP HEX CRLF`, each granting that many
 * further payload bytes to a stream.
 */
import { XpmnError } from '../../kernel/errors.ts';
import { frameOf, isStreamId, MAX_HEADER } from './oob-frames.ts';

export const CREDIT_ID = 'credit';
export const READY_ID = 'ready';
/** "Credit above 2^31 is a violation." */
export const MAX_CREDIT = 2 ** 31;

const LINE = /^([A-Za-z0-9._-]{1,64}) ([0-9A-Fa-f]{1,8})\r\n$/;
const LF = 10;

/** Reads the lines of credit chunks, incrementally: nothing but the current line is kept. */
export class CreditLines {
  private readonly line = Buffer.alloc(MAX_HEADER);
  private length = 0;

  /** @throws XpmnError `malformed`; `flow-control` for a grant above 2^31 */
  push(slice: Buffer, grant: (id: string, bytes: number) => void): void {
    for (const byte of slice) {
      if (this.length === MAX_HEADER) throw new XpmnError('malformed', 'A line of credit is too long.');
      this.line[this.length++] = byte;
      if (byte !== LF) continue;
      const parts = LINE.exec(this.line.toString('latin1', 0, this.length));
      this.length = 0;
      if (!parts) throw new XpmnError('malformed', 'A line of credit makes no sense.');
      const bytes = Number.parseInt(parts[2] as string, 16);
      if (bytes > MAX_CREDIT) throw new XpmnError('flow-control', 'More credit was granted than is allowed.');
      grant(parts[1] as string, bytes);
    }
  }

  /** "never split over chunks". @throws XpmnError `malformed` */
  end(): void {
    if (this.length > 0) throw new XpmnError('malformed', 'A line of credit is split over chunks.');
  }
}

/** Grants that wait for room in the socket: one number per stream, however long the wait. */
export class CreditOutbox {
  private readonly grants = new Map<string, number>();

  get isEmpty(): boolean {
    return this.grants.size === 0;
  }

  add(id: string, bytes: number): void {
    this.grants.set(id, (this.grants.get(id) ?? 0) + bytes);
  }

  /** The stream has ended: nothing need be granted. */
  drop(id: string): void {
    this.grants.delete(id);
  }

  /** One frame of at most `maxPayload` bytes (at least one line); what doesn't fit stays. */
  take(maxPayload: number): Buffer {
    let payload = '';
    for (const [id, bytes] of this.grants) {
      const line = formatCredit(id, bytes);
      if (payload !== '' && payload.length + line.length > maxPayload) break;
      payload += line;
      this.grants.delete(id);
    }
    return frameOf(CREDIT_ID, Buffer.from(payload, 'latin1'));
  }
}

export function formatCredit(id: string, bytes: number): string {
  if (!isStreamId(id)) throw new XpmnError('internal', 'Not a stream id.');
  return `${id} ${bytes.toString(16)}\r\n`;
}
