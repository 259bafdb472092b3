import type { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import { brandSecured } from '../../src/xpmn/ports/security.ts';
import type { SecurityContext, SecurityMethod } from '../../src/xpmn/ports/security.ts';

/** `work`; refuse the peer; or wait for ever, silently. */
export type FakeSecurityMode = 'work' | 'fail' | 'stall';

/**
 * A security method without cryptography, for tests of what stands around it: each side sends its "certificate" (the
 * hex text whose announced fingerprint it is) as 40 bytes and its role as one, and judges the other's. Counts what runs.
 */
export class FakeSecurity implements SecurityMethod {
  readonly name: string;
  mode: FakeSecurityMode = 'work';
  /** Handshakes under way. */
  running = 0;
  /** What was asked of it. */
  readonly contexts: SecurityContext[] = [];
  private readonly fingerprint: string;

  constructor(name: string, fingerprint: string) {
    this.name = name;
    this.fingerprint = fingerprint;
  }

  async secure(raw: Duplex, context: SecurityContext): Promise<ReturnType<typeof brandSecured>> {
    this.running += 1;
    this.contexts.push(context);
    raw.on('error', () => undefined);
    const stop = (): unknown => raw.destroy();
    context.signal.addEventListener('abort', stop, { once: true });
    try {
      throwIfAborted(context.signal);
      if (this.mode === 'fail') throw new XpmnError('security-failed', 'The handshake failed.');
      if (this.mode === 'stall') return await abortable(new Promise<never>(() => undefined), context.signal);
      raw.write(this.fingerprint + context.role[0]);
      const hello = (await abortable(exactly(raw, 41), context.signal)).toString();
      const leaf = hello.slice(0, 40);
      // Both ends must agree on who is who, as in TLS.
      if (hello[40] === context.role[0] || leaf !== context.announcedFingerprint) throw new XpmnError('security-failed', 'The peer is somebody else.');
      const peer = await abortable(context.accept(Buffer.from(leaf), context.peer, context.signal, raw), context.signal);
      return brandSecured({ stream: raw, peer, local: context.local, method: this.name, role: context.role, exporter: (_label, length) => Buffer.alloc(length) });
    } catch (error) {
      raw.destroy();
      throw asXpmnError(error, 'security-failed');
    } finally {
      this.running -= 1;
      context.signal.removeEventListener('abort', stop);
    }
  }
}

function exactly(stream: Duplex, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new XpmnError('truncated', 'The stream ended during the handshake.'));
    const onReadable = (): void => {
      const bytes = stream.read(count) as Buffer | null;
      if (!bytes || bytes.length < count) {
        if (stream.readableEnded) onClose();
        return;
      }
      stream.off('readable', onReadable);
      stream.off('close', onClose);
      resolve(bytes);
    };
    stream.on('readable', onReadable);
    stream.once('close', onClose);
    onReadable();
  });
}
