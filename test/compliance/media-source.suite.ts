import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import type { Lease, MediaSource, RangeRequest } from '../../src/xpmn/ports/media-source.ts';

export interface MediaSourceSetup {
  /** A source with exactly these bytes. */
  source(content: Buffer): Promise<MediaSource>;
  /** A source whose origin ends after `count` of `content`'s bytes. */
  truncated(content: Buffer, count: number): Promise<MediaSource>;
  /** A source whose file does not exist. */
  missing(): Promise<MediaSource>;
}

const never = new AbortController().signal;

/** A lease that gathers what it gets, from buffers of `size` bytes, waiting for `pause` each time. */
export function gather(size: number, pause: () => Promise<void> | undefined = () => undefined): Lease & { result(): Buffer } {
  const parts: Buffer[] = [];
  let buffer = Buffer.alloc(size);
  return {
    buffer: () => buffer,
    filled(count) {
      assert.ok(count >= 1 && count <= buffer.length, `filled ${count} of ${buffer.length}`);
      parts.push(buffer.subarray(0, count));
      buffer = Buffer.alloc(size);
      return pause();
    },
    result: () => Buffer.concat(parts),
  };
}

export async function readAll(source: MediaSource, range?: RangeRequest, size = 4096): Promise<Buffer> {
  const media = await source.open({ range, signal: never });
  const lease = gather(size);
  await media.read(lease, { signal: never });
  return lease.result();
}

export function describeMediaSource(name: string, setup: MediaSourceSetup): void {
  describe(`media source: ${name}`, () => {
    const content = randomBytes(300_007);
    const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
      assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));

    it('delivers all of it', async () => {
      assert.equal(hash(await readAll(await setup.source(content))), hash(content));
    });

    it('delivers into buffers of any size', async () => {
      const small = content.subarray(0, 3000);
      for (const size of [1, 7, 1000, 65536]) assert.deepEqual(await readAll(await setup.source(small), undefined, size), small);
    });

    it('says size, type and tag, the same by probe and by open', async () => {
      const source = await setup.source(content);
      const probed = await source.probe({ signal: never });
      const opened = await source.open({ signal: never });
      opened.close();
      assert.equal(probed.size, content.length);
      assert.deepEqual(opened.entity, probed);
      assert.match(probed.etag, /^[A-Za-z0-9_-]{1,64}$/);
    });

    const ranges: [string, RangeRequest, number, number][] = [
      ['a middle', { from: 1000, to: 1999 }, 1000, 1999],
      ['one byte', { from: 0, to: 0 }, 0, 0],
      ['the last byte', { from: content.length - 1 }, content.length - 1, content.length - 1],
      ['to the end', { from: 299_000 }, 299_000, content.length - 1],
      ['beyond the end, clamped', { from: 299_000, to: 1e9 }, 299_000, content.length - 1],
      ['a suffix', { last: 500 }, content.length - 500, content.length - 1],
      ['a suffix longer than all', { last: 1e9 }, 0, content.length - 1],
    ];
    for (const [what, range, from, to] of ranges) {
      it(`delivers a range: ${what}`, async () => {
        const source = await setup.source(content);
        const media = await source.open({ range, signal: never });
        assert.deepEqual(media.range, { from, to });
        const lease = gather(4096);
        await media.read(lease, { signal: never });
        assert.deepEqual(lease.result(), content.subarray(from, to + 1));
      });
    }

    it('delivers random ranges', async () => {
      const source = await setup.source(content);
      for (let i = 0; i < 50; i += 1) {
        const from = Math.floor(Math.random() * content.length);
        const to = Math.min(content.length - 1, from + Math.floor(Math.random() * 5000));
        assert.deepEqual(await readAll(source, { from, to }, 1024), content.subarray(from, to + 1), `${from}-${to}`);
      }
    });

    it('refuses a range outside, and says the size', async () => {
      const source = await setup.source(content);
      await assert.rejects(source.open({ range: { from: content.length }, signal: never }), (error) => {
        assert.ok(error instanceof XpmnError);
        assert.equal(error.code, 'range-not-satisfiable');
        assert.equal(error.details['size'], content.length);
        return true;
      });
      await rejects(source.open({ range: { last: 0 }, signal: never }), 'range-not-satisfiable');
    });

    it('opens an empty file, and an empty range of it', async () => {
      const source = await setup.source(Buffer.alloc(0));
      for (const range of [undefined, { from: 0 }]) {
        const media = await source.open({ range, signal: never });
        assert.equal(media.entity.size, 0);
        assert.equal(media.range, undefined);
        const lease = gather(10);
        await media.read(lease, { signal: never });
        assert.equal(lease.result().length, 0);
      }
    });

    it('waits for the receiver, and goes on where it was', async () => {
      const media = await (await setup.source(content)).open({ signal: never });
      const lease = gather(8192, () => new Promise((resolve) => setImmediate(resolve)));
      await media.read(lease, { signal: never });
      assert.equal(hash(lease.result()), hash(content));
    });

    it('stops when the receiver fails', async () => {
      const media = await (await setup.source(content)).open({ signal: never });
      const lease = gather(8192, () => Promise.reject(new XpmnError('connection-lost', 'Gone.')));
      await rejects(media.read(lease, { signal: never }), 'connection-lost');
    });

    it('stops when it is aborted, before and during', async () => {
      const reason = new XpmnError('aborted', 'Enough.');
      const source = await setup.source(content);
      await rejects(source.open({ signal: AbortSignal.abort(reason) }), 'aborted');
      const abort = new AbortController();
      const media = await source.open({ signal: never });
      const lease = gather(8192, () => (abort.abort(reason), new Promise<void>(() => undefined)));
      await rejects(media.read(lease, { signal: abort.signal }), 'aborted');
    });

    it('tells a file that ends too early', async () => {
      const source = await setup.truncated(content, 100_000);
      const media = await source.open({ signal: never });
      const lease = gather(4096);
      await rejects(media.read(lease, { signal: never }), 'truncated');
      assert.deepEqual(lease.result(), content.subarray(0, lease.result().length));
    });

    it('tells a file that does not exist', async () => {
      const source = await setup.missing();
      await rejects(source.open({ signal: never }), 'not-found');
      await rejects(source.probe({ signal: never }), 'not-found');
    });
  });
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
