import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../xpmn/kernel/clock.ts';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { abortable, throwIfAborted, withDeadline } from '../../xpmn/kernel/tasks.ts';
import type { ByteRange, Lease, MediaEntity, OpenMedia } from '../../xpmn/ports/media-source.ts';

/** What of a body belongs to what was asked for: `skip` come first, the rest after `length` is not read. */
interface Portion {
  readonly skip: number;
  readonly length: number | undefined;
}

interface BodyDeps {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly stallTimeout: number;
}

/** The body of an answer, copied into what is lent: for what comes over the web a copy costs little. */
export class OpenBody implements OpenMedia {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  private readonly message: IncomingMessage;
  private readonly portion: Portion;
  private readonly deps: BodyDeps;

  constructor(message: IncomingMessage, { entity, range, portion }: { readonly entity: MediaEntity; readonly range: ByteRange | undefined; readonly portion: Portion }, deps: BodyDeps) {
    this.message = message;
    this.entity = entity;
    this.range = range;
    this.portion = portion;
    this.deps = deps;
    // It may break while nobody reads; whoever reads then is told.
    message.on('error', () => undefined);
  }

  async read(lease: Lease, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    let { skip } = this.portion;
    let left = this.portion.length ?? Infinity;
    const chunks = this.message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    try {
      throwIfAborted(signal);
      while (left > 0) {
        const chunk = await this.next(chunks, signal);
        if (!chunk) break;
        const wanted = chunk.subarray(skip, skip + left);
        skip -= Math.min(skip, chunk.length);
        left -= wanted.length;
        await hand(wanted, lease, signal);
      }
      if (left > 0 && left < Infinity) throw new XpmnError('truncated', 'The web server ended the file too early.');
    } finally {
      this.message.destroy();
    }
  }

  close(): void {
    this.message.destroy();
  }

  /** Time counts only while we wait for the server, never while the receiver keeps us waiting. */
  private async next(chunks: AsyncIterator<Buffer>, signal: AbortSignal): Promise<Buffer | undefined> {
    const { clock, stallTimeout } = this.deps;
    try {
      const { value, done } = await withDeadline({ clock, signal, delay: stallTimeout, what: 'The web server\'s next byte' }, () => chunks.next());
      return done ? undefined : (value as Buffer);
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof XpmnError) throw new XpmnError('origin-unreachable', 'The web server stopped sending.', { cause: error });
      throw new XpmnError('truncated', 'The web server broke off.', { cause: error });
    }
  }
}

async function hand(bytes: Buffer, lease: Lease, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const buffer = lease.buffer();
    const count = bytes.copy(buffer, 0, at);
    at += count;
    const wait = lease.filled(count);
    if (wait) await abortable(wait, signal);
  }
}
