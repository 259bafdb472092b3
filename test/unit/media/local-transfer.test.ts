import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { openLocally } from '../../../src/xpmn/media/local-transfer.ts';
import type { RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import type { RemoteTransfer } from '../../../src/xpmn/profiles/transfer-controller.ts';
import { memorySource } from '../../fakes/memory-source.ts';
import { settle } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;
const content = randomBytes(100_003);
const options = { chunk: 4096, window: 16_384 };
const open = (range?: RangeRequest, ifMatch?: string): Promise<RemoteTransfer> => openLocally(memorySource(content), { range, ifMatch }, { signal, options });

function bytesOf(transfer: RemoteTransfer): Promise<Buffer> {
  const parts: Buffer[] = [];
  const done = deferred<Buffer>();
  const stream = transfer.receive({
    write: (chunk) => {
      parts.push(chunk);
      setImmediate(() => stream.consumed(chunk.length));
    },
    end: () => done.resolve(Buffer.concat(parts)),
    fail: done.reject,
  });
  return done.promise;
}

describe('a transfer of what lies here', () => {
  it('delivers all, or a range, and what it said', async () => {
    const all = await open();
    assert.deepEqual([all.entity.size, all.range], [content.length, { from: 0, to: content.length - 1 }]);
    assert.ok((await bytesOf(all)).equals(content));
    const part = await open({ from: 5000, to: 6000 });
    assert.deepEqual(part.range, { from: 5000, to: 6000 });
    assert.ok((await bytesOf(part)).equals(content.subarray(5000, 6001)));
  });

  it('stands still while its receiver does', async () => {
    let got = 0;
    const stream = (await open()).receive({ write: (chunk) => (got += chunk.length), end: () => assert.fail('no end'), fail: assert.fail });
    await settle(20);
    assert.ok(got >= options.window && got < options.window + options.chunk);
    const before = got;
    stream.consumed(options.chunk);
    await settle(20);
    assert.equal(got, before + options.chunk);
    stream.cancel();
    stream.consumed(got);
    await settle(20);
    assert.equal(got, before + options.chunk, 'nothing comes after the end');
  });

  it('is of that entity only; the tag counts before the range', async () => {
    const { entity: { etag } } = await open();
    assert.ok((await bytesOf(await open(undefined, etag))).equals(content));
    await assert.rejects(open(undefined, 'other'), { code: 'entity-changed' });
    await assert.rejects(open({ from: 1e9 }, 'other'), { code: 'entity-changed' });
    await assert.rejects(open({ from: 1e9 }, etag), { code: 'range-not-satisfiable' });
  });

  it('hands on how the source fails', async () => {
    const transfer = await openLocally(memorySource(content, { endAfter: 10_000 }), { range: undefined, ifMatch: undefined }, { signal, options });
    await assert.rejects(bytesOf(transfer), (error) => error instanceof XpmnError && error.code === 'truncated');
  });

  it('is received once, and frees its source when nobody receives it', async () => {
    let closed = 0;
    const source = memorySource(content);
    const watched = { probe: source.probe, open: async (how: Parameters<typeof source.open>[0]) => ({ ...(await source.open(how)), close: () => void (closed += 1) }) };
    const transfer = await openLocally(watched, { range: undefined, ifMatch: undefined }, { signal, options });
    transfer.abort();
    assert.equal(closed, 1);
    await assert.rejects(openLocally(watched, { range: undefined, ifMatch: 'other' }, { signal, options }), { code: 'entity-changed' });
    assert.equal(closed, 2);
    const other = await open();
    await bytesOf(other);
    assert.throws(() => other.receive({ write() {}, end() {}, fail() {} }), { code: 'internal' });
  });
});
