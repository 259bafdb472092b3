import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { createHash, randomBytes } from 'node:crypto';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';

export interface SecuredPair {
  readonly initiator: SecuredStream;
  readonly responder: SecuredStream;
  /** Bytes that may sit between a writer and a reader that does not read. */
  readonly bound: number;
}

/** What every SecuredStream promises once it is open, however it was made. */
export function describeSecuredStream(name: string, open: () => Promise<SecuredPair>): void {
  describe(`secured stream: ${name}`, () => {
    let pair: SecuredPair;
    beforeEach(async () => (pair = await open()));
    afterEach(() => {
      pair.initiator.stream.destroy();
      pair.responder.stream.destroy();
    });

    it('knows its peer on both ends', () => {
      assert.equal(pair.initiator.peer.jid, pair.responder.local);
      assert.equal(pair.responder.peer.jid, pair.initiator.local);
      assert.equal(pair.initiator.role, 'initiator');
      assert.equal(pair.responder.role, 'responder');
      assert.equal(pair.initiator.method, pair.responder.method);
    });

    it('derives the same keying material on both ends, another per label', () => {
      const ours = pair.initiator.exporter('EXPORTER-test', 32);
      assert.equal(ours.length, 32);
      assert.deepEqual(pair.responder.exporter('EXPORTER-test', 32), ours);
      assert.notDeepEqual(pair.responder.exporter('EXPORTER-other', 32), ours);
    });

    it('derives other keying material in another session', async () => {
      const second = await open();
      assert.notDeepEqual(second.initiator.exporter('EXPORTER-test', 32), pair.initiator.exporter('EXPORTER-test', 32));
      second.initiator.stream.destroy();
      second.responder.stream.destroy();
    });

    it('carries bytes both ways at once, unchanged', async () => {
      const up = randomBytes(3_000_001);
      const down = randomBytes(2_000_003);
      const [gotUp, gotDown] = await Promise.all([
        hashOf(pair.responder.stream, up.length),
        hashOf(pair.initiator.stream, down.length),
        writeAll(pair.initiator.stream, up),
        writeAll(pair.responder.stream, down),
      ]);
      assert.equal(gotUp, sha256(up));
      assert.equal(gotDown, sha256(down));
    });

    it('stops a writer that nobody reads', async () => {
      const piece = Buffer.alloc(16384);
      let taken = 0;
      // A transport below with buffers of its own takes some more until it is full, too: the bound covers them.
      for (let idle = 0; idle < 20; ) {
        if (pair.initiator.stream.write(piece)) {
          taken += piece.length;
          idle = 0;
          assert.ok(taken <= pair.bound, `took ${taken} bytes`);
          continue;
        }
        taken += piece.length;
        const drained = await Promise.race([
          once(pair.initiator.stream, 'drain').then(() => true),
          new Promise<boolean>((resolve) => setTimeout(resolve, 20, false)),
        ]);
        idle = drained ? 0 : idle + 20;
        assert.ok(taken <= pair.bound, `took ${taken} bytes`);
      }
    });

    it('tells the other end when it is destroyed', async () => {
      const closed = once(pair.responder.stream, 'close');
      pair.responder.stream.resume();
      pair.initiator.stream.destroy();
      await closed;
    });

    it('closes on both ends when one ends, after what was written', async () => {
      const sent = randomBytes(300_000);
      const got = hashOf(pair.responder.stream, sent.length);
      const closed = [once(pair.initiator.stream, 'close'), once(pair.responder.stream, 'close')];
      await writeAll(pair.initiator.stream, sent);
      pair.initiator.stream.end();
      assert.equal(await got, sha256(sent));
      pair.initiator.stream.resume();
      pair.responder.stream.resume();
      await Promise.all(closed);
    });

    it('survives being destroyed twice, with an error, while writing', async () => {
      pair.initiator.stream.write(Buffer.alloc(100_000));
      pair.initiator.stream.destroy(new Error('test'));
      pair.initiator.stream.destroy();
      pair.responder.stream.resume();
      await once(pair.responder.stream, 'close');
    });
  });
}

/** SHA-256 of the next `length` bytes; more in the same chunk are a failure. */
async function hashOf(stream: Duplex, length: number): Promise<string> {
  const hash = createHash('sha256');
  let left = length;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    left -= chunk.length;
    if (left <= 0) break;
  }
  assert.equal(left, 0);
  return hash.digest('hex');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function writeAll(stream: Duplex, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 65536) {
    if (!stream.write(bytes.subarray(at, at + 65536))) await once(stream, 'drain');
  }
}
