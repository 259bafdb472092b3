import { XpmnError } from '../kernel/errors.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { SecuredStream } from '../ports/security.ts';

/** The secured streams of one device, from the verdict on: who was accepted may be a stranger by now. */
export class AcceptedStreams {
  private readonly open = new Set<SecuredStream>();
  private reason: XpmnError | undefined;

  get size(): number {
    return this.open.size;
  }

  /** @throws XpmnError why no more are taken; the stream is destroyed then */
  add(secured: SecuredStream): void {
    const { stream } = secured;
    if (this.reason) stream.destroy();
    if (this.reason) throw this.reason;
    this.open.add(secured);
    stream.once('close', () => this.open.delete(secured));
    if (stream.closed) this.open.delete(secured);
  }

  /** Ends at once those whose peer `predicate` picks. */
  end(predicate: (peer: PeerIdentity) => boolean, error = new XpmnError('not-trusted', 'The peer is not trusted any more.')): void {
    for (const { peer, stream } of [...this.open]) if (predicate(peer)) stream.destroy(error);
  }

  /** Ends all, and whatever comes later. */
  close(): void {
    this.reason = new XpmnError('not-running', 'The device is closing.');
    this.end(() => true, this.reason);
  }
}
