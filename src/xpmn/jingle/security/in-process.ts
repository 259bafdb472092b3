import { hkdfSync } from 'node:crypto';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Random } from '../../kernel/clock.ts';
import type { PeerIdentity } from '../../model/identity.ts';
import { brandSecured } from '../../ports/security.ts';
import type { SecuredStream } from '../../ports/security.ts';

export interface InProcessOptions {
  /** Bytes that may wait on each side, each way, before it says "full". */
  readonly highWaterMark: number;
}

/**
 * A secured stream between two devices of one process: nothing leaves it, so nothing is encrypted. `initiator` and
 * `responder` are the two devices as the acceptance function sees them from the other side.
 */
export function createInProcessPair(
  { random }: { readonly random: Random },
  { initiator, responder }: { readonly initiator: PeerIdentity; readonly responder: PeerIdentity },
  { highWaterMark }: InProcessOptions,
): { readonly initiator: SecuredStream; readonly responder: SecuredStream } {
  const [near, far] = duplexPair({ highWaterMark, allowHalfOpen: false });
  dieTogether(near, far);
  dieTogether(far, near);
  const secret = random.bytes(32);
  const common = {
    method: 'in-process',
    exporter: (label: string, length: number): Buffer => Buffer.from(hkdfSync('sha256', secret, '', label, length)),
  };
  return {
    initiator: brandSecured({ ...common, stream: near, local: initiator.jid, peer: responder, role: 'initiator' }),
    responder: brandSecured({ ...common, stream: far, local: responder.jid, peer: initiator, role: 'responder' }),
  };
}

/** The two ends of a pair do not know of one another's destruction: an end that is gone without an end takes the other along. */
function dieTogether(one: Duplex, other: Duplex): void {
  one.on('error', () => undefined);
  one.on('close', () => {
    if (!one.writableFinished) other.destroy();
  });
}
