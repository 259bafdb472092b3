import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { ReadAhead } from '../../../src/xpmn/media/read-ahead.ts';
import type { RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import type { RemoteTransfer } from '../../../src/xpmn/profiles/transfer-controller.ts';
import { FakeRemote } from '../../fakes/fake-remote.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const reference = { device: parseJid('romeo@home.test/nas-abcd'), uid: 'film-1' };
const options = { bytes: 1 << 20, bytesPerItem: 256 << 10, blockSize: 1024, first: 8192, last: 4096, hesitation: 20, entityLifetime: 30_000, items: 16 };
const never = new AbortController().signal;
const content = Buffer.from(Array.from({ length: 100_003 }, (_, at) => (at * 31 + (at >> 8)) & 0xff));

/** What a transfer delivers, consumed at once; it may be left after so many bytes. */
interface Received {
  readonly bytes: Buffer;
  readonly end: 'end' | 'left' | XpmnError;
}

describe('reading ahead', () => {
  let clock: FakeClock;
  let remote: FakeRemote;
  let ahead: ReadAhead;
  beforeEach(() => {
    clock = new FakeClock();
    remote = new FakeRemote(content);
    ahead = new ReadAhead({ clock, openItem: (_item, request) => remote.open(request) }, options);
  });

  async function receive(transfer: RemoteTransfer, leaveAfter = Infinity): Promise<Received> {
    const parts: Buffer[] = [];
    let got = 0;
    let result: Received | undefined;
    const done = (end: Received['end']): void => void (result ??= { bytes: Buffer.concat(parts), end });
    const stream = transfer.receive({
      write(chunk) {
        if (result) return;
        parts.push(chunk);
        got += chunk.length;
        if (got >= leaveAfter) {
          transfer.abort();
          done('left');
        } else setImmediate(() => stream.consumed(chunk.length));
      },
      end: () => done('end'),
      fail: done,
    });
    while (!result) {
      await settle(2);
      await clock.advance(options.hesitation);
    }
    return result;
  }

  const ask = async (range?: RangeRequest, leaveAfter?: number): Promise<Buffer> => {
    const { bytes, end } = await receive(await ahead.open(reference, { range, ifMatch: undefined }, never), leaveAfter);
    if (end instanceof XpmnError) throw end;
    return bytes;
  };

  it('answers from memory what was read before, and asks the device for nothing', async () => {
    await ask({ from: 0 }, 8192);
    await ask({ last: 4000 });
    remote.opened.length = 0;
    assert.ok((await ask({ from: 0, to: 99 })).equals(content.subarray(0, 100)));
    assert.ok((await ask({ from: 700, to: 7999 })).equals(content.subarray(700, 8000)));
    assert.ok((await ask({ from: 97_000 })).equals(content.subarray(97_000)));
    assert.ok((await ask({ last: 1 })).equals(content.subarray(-1)));
    assert.deepEqual(remote.opened, []);
  });

  it('goes on at the device where memory ends, for the same entity', async () => {
    await ask({ from: 0 }, 8192);
    remote.opened.length = 0;
    assert.ok((await ask({ from: 0 })).equals(content));
    assert.deepEqual(remote.opened, [{ range: { from: 8192, to: content.length - 1 }, ifMatch: remote.etag }]);
  });

  it('costs the device nothing when a player only looks', async () => {
    await ask({ from: 0 }, 8192);
    remote.opened.length = 0;
    const transfer = await ahead.open(reference, { range: { from: 0 }, ifMatch: undefined }, never);
    let got = 0;
    const stream = transfer.receive({ write: (chunk) => (got += chunk.length), end: () => assert.fail('no end'), fail: (error) => assert.fail(error) });
    await settle();
    assert.equal(got, 8192);
    stream.consumed(got);
    await clock.advance(options.hesitation - 1);
    transfer.abort();
    await clock.advance(1000);
    assert.deepEqual([remote.opened.length, clock.pending], [0, 0]);
  });

  it('makes nobody who wants all of it wait', async () => {
    await ask({ from: 0 }, 8192);
    remote.opened.length = 0;
    const transfer = await ahead.open(reference, { range: undefined, ifMatch: undefined }, never);
    const stream = transfer.receive({ write: (chunk) => setImmediate(() => stream.consumed(chunk.length)), end: () => undefined, fail: () => undefined });
    await settle();
    assert.equal(remote.opened.length, 1);
  });

  it('asks the device again once its word is old, and keeps the bytes if it is the same', async () => {
    await ask({ from: 0 }, 8192);
    await clock.advance(options.entityLifetime);
    remote.opened.length = 0;
    await ask({ from: 50_000, to: 50_099 });
    assert.equal(remote.opened.length, 1);
    await ask({ from: 0, to: 99 });
    assert.equal(remote.opened.length, 1);
  });

  it('forgets all when the entity has changed, and mixes nothing', async () => {
    await ask({ from: 0 }, 8192);
    const changed = Buffer.from(content).fill(7);
    remote.content = changed;
    const { bytes, end } = await receive(await ahead.open(reference, { range: undefined, ifMatch: undefined }, never));
    assert.ok(bytes.equals(content.subarray(0, 8192)));
    assert.equal(end instanceof XpmnError && end.code, 'entity-changed');
    assert.ok((await ask({ from: 0 })).equals(changed));
  });

  it('breaks off when the device ignores the tag', async () => {
    await ask({ from: 0 }, 8192);
    const { open } = remote;
    remote.open = (request) => open.call(remote, { ...request, ifMatch: undefined });
    remote.content = Buffer.from(content).fill(7);
    const { bytes, end } = await receive(await ahead.open(reference, { range: undefined, ifMatch: undefined }, never));
    assert.ok(bytes.equals(content.subarray(0, 8192)));
    assert.equal(end instanceof XpmnError && end.code, 'entity-changed');
  });

  it('leaves what is taken up again to the device', async () => {
    await ask({ from: 0 }, 8192);
    remote.opened.length = 0;
    await receive(await ahead.open(reference, { range: { from: 0, to: 9 }, ifMatch: remote.etag }, never));
    assert.equal(remote.opened.length, 1);
  });

  it('remembers nothing of what has no tag, and asks about what lies outside', async () => {
    Object.defineProperty(remote, 'etag', { get: () => '' });
    await ask({ from: 0, to: 99 });
    await ask({ from: 0, to: 99 });
    assert.equal(remote.opened.length, 2);
    await assert.rejects(ask({ from: content.length }), { code: 'range-not-satisfiable' });
    await assert.rejects(ask({ from: content.length }), { code: 'range-not-satisfiable' });
  });

  it('hands over why the rest can\'t be had', async () => {
    await ask({ from: 0 }, 8192);
    remote.refusals.push(new XpmnError('peer-unavailable', 'Gone.'));
    const { bytes, end } = await receive(await ahead.open(reference, { range: undefined, ifMatch: undefined }, never));
    assert.equal(bytes.length, 8192);
    assert.equal(end instanceof XpmnError && end.code, 'peer-unavailable');
  });

  it('gives every range byte for byte, whatever was read, left and changed before', async () => {
    const place = fc.oneof(fc.nat(content.length - 1), fc.nat(9000), fc.nat(5000).map((back) => content.length - 1 - back));
    const range = fc.oneof(place.map((from) => ({ from })), fc.tuple(place, fc.nat(20_000)).map(([from, more]) => ({ from, to: from + more })), fc.integer({ min: 1, max: 20_000 }).map((last) => ({ last })), fc.constant(undefined));
    const step = fc.record({ range, leaveAfter: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 20_000 })), changes: fc.integer({ min: 0, max: 19 }), waits: fc.constantFrom(0, 0, 40_000) });
    let asked = 0;
    let opened = 0;
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12, size: 'max' }), async (steps) => {
      remote = new FakeRemote(content);
      ahead = new ReadAhead({ clock, openItem: (_item, request) => remote.open(request) }, { ...options, bytesPerItem: 16_384 });
      const entities = [content];
      for (const { range: wanted, leaveAfter, changes, waits } of steps) {
        await clock.advance(waits);
        if (changes === 0) entities.push((remote.content = Buffer.from(content).fill(entities.length, 100, 50_000)));
        const { bytes, end } = await receive(await ahead.open(reference, { range: wanted, ifMatch: undefined }, never), leaveAfter);
        const [from, to] = placeOf(wanted);
        asked += 1;
        // Of what there is, or, within the time for which a device's word counts, of what there was; never of two.
        assert.ok(entities.some((entity) => bytes.equals(entity.subarray(from, from + bytes.length))));
        if (end === 'end') assert.equal(bytes.length, to - from + 1);
        else if (end !== 'left') assert.equal(end.code, 'entity-changed');
      }
      opened += remote.opened.length;
    }), { numRuns: 60 });
    assert.ok(opened < asked, `${opened} of ${asked} needed the device`);
  });
});

function placeOf(range: RangeRequest | undefined): [number, number] {
  const end = content.length - 1;
  if (!range) return [0, end];
  return 'last' in range ? [Math.max(0, content.length - range.last), end] : [range.from, Math.min(end, range.to ?? end)];
}
