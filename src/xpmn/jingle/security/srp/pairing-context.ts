import { createHash } from 'node:crypto';
import { XpmnError } from '../../../kernel/errors.ts';
import type { Jid } from '../../../model/jid.ts';
import type { Role } from '../../../ports/transport.ts';

/** Of the TLS session's keying material (RFC 5705), with an empty context. */
export const EXPORTER = { label: 'EXPORTER-XPMN-Pairing-v1', length: 32 } as const;

/** Everything that a proof is bound to. The initiator is the TLS client and the SRP client. */
export interface PairingContext {
  readonly exporter: Uint8Array;
  /** SHA-256 of each side's certificate, DER. */
  readonly certificateHashes: Readonly<Record<Role, Uint8Array>>;
  /** Full JIDs. */
  readonly jids: Readonly<Record<Role, Jid>>;
  /** Names of the security methods that each side announced. */
  readonly methods: Readonly<Record<Role, readonly string[]>>;
  /** Of the method that runs. A proof for one is none for another, whatever the secrets are. */
  readonly method?: string;
}

/**
 * `ctx` of PROTOCOL §5: what both ends must have seen alike. Somebody who terminates TLS in the middle has other certificates
 * and another exporter towards each side; a server that rewrites addresses or strikes out methods changes the rest.
 *
 * @throws XpmnError `security-failed`: a field that can't be told from two others
 */
export function contextHash({ exporter, certificateHashes, jids, methods, method = 'srp-cb' }: PairingContext): Buffer {
  const hash = createHash('sha256');
  const fields = [
    Buffer.from(`xpmn-${method}-v1`),
    exporter,
    certificateHashes.initiator,
    certificateHashes.responder,
    Buffer.from(jids.initiator),
    Buffer.from(jids.responder),
    Buffer.from(joined(methods.initiator)),
    Buffer.from(joined(methods.responder)),
  ];
  for (const field of fields) hash.update(lengthOf(field)).update(field);
  return hash.digest();
}

function joined(names: readonly string[]): string {
  // SECURITY: two names made one would read the same.
  if (names.some((name) => name.includes(','))) throw unclear();
  return [...names].sort().join(',');
}

function lengthOf(field: Uint8Array): Buffer {
  if (field.length > 0xffff) throw unclear();
  return Buffer.from([field.length >> 8, field.length & 0xff]);
}

function unclear(): XpmnError {
  return new XpmnError('security-failed', 'What was announced can\'t be bound to a proof.');
}
