import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CreditLines, CreditOutbox, formatCredit } from '../../../../src/xpmn/jingle/applications/oob-credit.ts';
import { HeldBytes, HOLD_BLOCK } from '../../../../src/xpmn/jingle/applications/oob-hold.ts';
import { BUFFERS_PER_STREAM, SendPool, type LentBuffer } from '../../../../src/xpmn/jingle/applications/oob-pool.ts';
import { PathRate } from '../../../../src/xpmn/jingle/applications/oob-rate.ts';
import { ReceiveWindow, RoundTrip, WindowBudget } from '../../../../src/xpmn/jingle/applications/oob-window.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const options = settings.outOfBand;

describe('out-of-band credit lines', () => {
  it('are read however they are cut', () => {
    const text = Buffer.from('a 1\r\nhfgte45w 40000\r\nB.-_ 7FFFFFFF\r\n');
    const expected = [['a', 1], ['hfgte45w', 0x40000], ['B.-_', 0x7fffffff]];
    for (let cut = 0; cut <= text.length; cut += 1) {
      const grants: unknown[] = [];
      const lines = new CreditLines();
      for (const part of [text.subarray(0, cut), text.subarray(cut)]) lines.push(part, (id, bytes) => void grants.push([id, bytes]));
      lines.end();
      assert.deepEqual(grants, expected);
    }
  });

  it('wait in one number per stream, and travel in chunks that the peer takes', () => {
    const outbox = new CreditOutbox();
    for (let i = 0; i < 1000; i += 1) outbox.add(`s${i % 10}`, 100);
    outbox.drop('s9');
    const frames: string[] = [];
    while (!outbox.isEmpty) frames.push(outbox.take(80).toString());
    assert.deepEqual(frames.join('').match(/s\d \w+/g), Array.from({ length: 9 }, (_, i) => `s${i} 2710`));
    for (const text of frames) assert.ok(Number.parseInt(text, 16) <= 80);
    assert.equal(formatCredit('x', 255), 'x ff\r\n');
  });
});

describe('out-of-band held bytes', () => {
  it('come back as they went in, and weigh no more', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 6000 })), (parts) => {
      const held = new HeldBytes();
      for (const part of parts) held.push(Buffer.from(part));
      const all = Buffer.concat(parts);
      assert.equal(held.length, all.length);
      const blocks = held.take();
      assert.ok(blocks.length <= Math.ceil(all.length / HOLD_BLOCK));
      assert.deepEqual(Buffer.concat(blocks), all);
      assert.deepEqual([held.length, held.take()], [0, []]);
    }));
  });
});

describe('out-of-band send pool', () => {
  const first = options.firstChunk;
  const make = (sendPool: number): SendPool => new SendPool({ ...options, sendPool });

  it('lends what is wanted while there is plenty, and reuses it', () => {
    const pool = make(options.sendPool);
    pool.admit();
    const buffer = pool.lend(300_000, undefined);
    assert.equal(buffer.room.length, 300_000);
    pool.release(buffer);
    assert.equal(pool.lend(524_288, undefined), buffer);
    assert.equal(buffer.room.length, 524_288);
  });

  it('never exceeds its bound, whatever is wanted, and always has the smallest', () => {
    fc.assert(fc.property(fc.array(fc.nat(600_000), { minLength: 1, maxLength: 200 }), (wishes) => {
      const bound = 20 * BUFFERS_PER_STREAM * first;
      const pool = make(bound);
      for (let i = 0; i < 20; i += 1) pool.admit();
      assert.throws(() => pool.admit(), { code: 'resource-limit' });
      const lent: LentBuffer[] = [];
      for (const wish of wishes) {
        if (lent.length === 20 * BUFFERS_PER_STREAM) pool.release(lent.shift() as LentBuffer);
        const buffer = pool.lend(wish, undefined);
        assert.ok(buffer.room.length >= 1 && buffer.room.length <= Math.max(1, wish));
        lent.push(buffer);
        assert.ok(pool.usage.lent <= bound);
      }
      for (const buffer of lent) pool.release(buffer);
      assert.equal(pool.usage.lent, 0);
      assert.ok(pool.usage.idle <= options.sendShare);
      for (let i = 0; i < 20; i += 1) pool.leave();
      assert.ok(pool.usage.idle <= options.sendPoolKeep);
    }));
  });

  it('keeps as much as it has not lent, of the sizes that are wanted now', () => {
    const pool = make(options.sendPool);
    for (let i = 0; i < 100; i += 1) pool.admit();
    const small = Array.from({ length: 300 }, () => pool.lend(65_536, undefined));
    for (const buffer of small) pool.release(buffer);
    assert.equal(pool.usage.idle, 300 * 65_536);
    for (let i = 0; i < 99; i += 1) pool.leave();
    const large = Array.from({ length: 40 }, () => pool.lend(options.largestChunk, undefined));
    for (const buffer of large) {
      pool.release(buffer);
      assert.ok(pool.usage.lent + pool.usage.idle <= options.sendShare + options.largestChunk);
    }
    assert.ok(large.includes(pool.lend(options.largestChunk, undefined)));
    pool.leave();
    assert.ok(pool.usage.idle <= options.sendPoolKeep);
  });

  it('shares large buffers evenly: the more streams, the smaller, and there is always room for one more', () => {
    const pool = make(options.sendPool);
    const sizes: number[] = [];
    for (let streams = 1; streams <= 800; streams += 1) {
      pool.admit();
      for (let i = 0; i < BUFFERS_PER_STREAM; i += 1) sizes.push(pool.lend(options.largestChunk, undefined).size);
      assert.ok(Number(sizes.at(-1)) <= Math.max(first, options.sendShare / streams / BUFFERS_PER_STREAM));
      assert.ok(pool.usage.lent <= options.sendPool);
    }
    assert.deepEqual([sizes[0], sizes.at(-1)], [options.largestChunk, first]);
  });
});

describe('out-of-band path rate', () => {
  it('starts small, grows with what comes back, and shrinks again', async () => {
    const clock = new FakeClock();
    const rate = new PathRate({ clock }, options);
    rate.started();
    assert.equal(rate.chunkSize, options.firstChunk);
    const measure = async (bytesPerMs: number, times: number): Promise<number> => {
      for (let i = 0; i < times; i += 1) {
        await clock.advance(options.rateInterval);
        rate.acknowledged(bytesPerMs * options.rateInterval);
      }
      return rate.chunkSize;
    };
    assert.equal(await measure(100_000, 1), options.largestChunk);
    // 10 Mbit/s: a frame may take 25 ms, so 31,250 bytes; a power of two below is the first chunk.
    assert.equal(await measure(1250, 60), options.firstChunk);
    // 100 Mbit/s
    assert.equal(await measure(12_500, 1), 262_144);
  });

  it('does not judge by what came sooner than it can measure, nor by silence', async () => {
    const clock = new FakeClock();
    const rate = new PathRate({ clock }, options);
    rate.started();
    rate.acknowledged(10_000_000);
    assert.equal(rate.chunkSize, options.firstChunk);
    await clock.advance(3_600_000);
    rate.started();
    await clock.advance(options.rateInterval);
    rate.acknowledged(12_500 * options.rateInterval);
    assert.equal(rate.chunkSize, 262_144);
  });
});

describe('out-of-band receive window', () => {
  function make(budget = new WindowBudget(options.windowBudget)) {
    const clock = new FakeClock();
    const roundTrip = new RoundTrip();
    return { clock, budget, roundTrip, window: new ReceiveWindow({ clock, budget, roundTrip }, options) };
  }

  /** A path of `rtt` ms and endless speed: half a window comes, is used, and the sender waits for the grant. */
  async function stream({ clock, window }: ReturnType<typeof make>, rtt: number, rounds: number): Promise<void> {
    let credit = options.window;
    for (let i = 0; i < rounds; i += 1) {
      await clock.advance(rtt);
      window.take(credit);
      const taken = credit;
      credit = window.consumed(Math.ceil(taken / 2), 16_384);
      credit += window.consumed(Math.floor(taken / 2), 16_384);
    }
  }

  it('grants half a window at a time', () => {
    const { window } = make();
    window.take(options.window);
    assert.equal(window.consumed(options.window / 2 - 1, options.window), 0);
    assert.equal(window.consumed(1, 1), options.window / 2);
    assert.throws(() => window.take(options.window), { code: 'flow-control' });
  });

  it('grows to its largest where the window is what limits, and gives all of it back', async () => {
    const rig = make();
    await stream(rig, 100, 40);
    assert.equal(rig.budget.available, options.windowBudget - (options.largestWindow - options.window));
    rig.window.release();
    rig.window.release();
    assert.equal(rig.budget.available, options.windowBudget);
  });

  it('grows where a sink uses whole bursts at once', async () => {
    const { clock, window, budget } = make();
    for (let credit = options.window, i = 0; i < 40; i += 1) {
      await clock.advance(100);
      window.take(credit);
      credit = window.consumed(credit, credit);
    }
    assert.equal(budget.available, options.windowBudget - (options.largestWindow - options.window));
  });

  it('grows where grants would follow one another too fast', async () => {
    const { clock, window, budget, roundTrip } = make();
    roundTrip.sample(0.1);
    for (let i = 0; i < 2; i += 1) {
      await clock.advance(options.windowTime - 0.5);
      window.take(options.window / 2);
      window.consumed(options.window / 2, 16_384);
    }
    assert.equal(budget.available, options.windowBudget - options.window);
  });

  it('grows no further than the budget of the process', async () => {
    const rig = make(new WindowBudget(options.window));
    await stream(rig, 100, 40);
    assert.equal(rig.budget.available, 0);
  });

  it('stays where the path is what limits', async () => {
    const { clock, window, budget, roundTrip } = make();
    roundTrip.sample(10);
    for (let i = 0; i < 200; i += 1) {
      await clock.advance(100);
      window.take(options.window / 2);
      window.consumed(options.window / 2, 16_384);
    }
    assert.equal(budget.available, options.windowBudget);
  });

  /** A player that is full, and takes `bytes` as fast as they come over a path of `rtt` ms, every so many ms. */
  async function bursts({ clock, window }: ReturnType<typeof make>, { every, rtt, bytes, count }: { every: number; rtt: number; bytes: number; count: number }): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await clock.advance(every);
      for (let taken = 0; taken < bytes; taken += 65_536) {
        const granted = window.consumed(65_536, taken + 65_536 < bytes ? 65_536 : options.largestWindow);
        if (granted === 0) continue;
        await clock.advance(rtt);
        window.take(granted);
      }
    }
  }

  it('becomes small again where its reader is full and takes bursts', async () => {
    const rig = make();
    await stream(rig, 20, 40);
    assert.equal(rig.budget.available, options.windowBudget - (options.largestWindow - options.window));
    await bursts(rig, { every: 1500, rtt: 20, bytes: 20 * options.largestWindow, count: 2 });
    assert.equal(rig.budget.available, options.windowBudget - (options.largestWindow - options.window), 'what the reader takes would need it');
    await bursts(rig, { every: 1500, rtt: 20, bytes: 2 ** 21, count: 8 });
    assert.equal(rig.budget.available, options.windowBudget);
  });

  it('grows again when its reader keeps up', async () => {
    const rig = make();
    rig.roundTrip.sample(20);
    await bursts(rig, { every: 1500, rtt: 20, bytes: 2 ** 21, count: 4 });
    assert.equal(rig.budget.available, options.windowBudget);
    await stream(rig, 20, 140);
    assert.equal(rig.budget.available, options.windowBudget - (options.largestWindow - options.window));
  });

  it('lends what it is, whatever happens: never less than the first window, nor more than the largest and the budget, and never stands still', async () => {
    const part = fc.constantFrom(0, 0.1, 0.5, 0.9, 1, 1);
    const steps = fc.array(fc.record({ waits: fc.constantFrom(1, 10, 10, 10, 2000), comes: part, isUsed: part }), { maxLength: 80 });
    const sizes = fc.record({ window: fc.integer({ min: 1, max: 99 }), more: fc.nat(2000), bytes: fc.nat(3000) });
    await fc.assert(fc.asyncProperty(sizes, steps, async ({ window: first, more, bytes }, all) => {
      const [clock, budget, largest] = [new FakeClock(), new WindowBudget(bytes), first + more];
      const window = new ReceiveWindow({ clock, budget, roundTrip: new RoundTrip() }, { ...options, window: first, largestWindow: largest });
      let [credit, lying] = [first, 0];
      const step = ({ comes, isUsed }: { readonly comes: number; readonly isUsed: number }): void => {
        const [coming, used] = [Math.floor(credit * comes), Math.floor((lying + Math.floor(credit * comes)) * isUsed)];
        window.take(coming);
        lying += coming;
        const granted = window.consumed(used, lying);
        assert.ok(Number.isInteger(granted) && granted >= 0);
        [credit, lying] = [credit - coming + granted, lying - used];
        const size = first + bytes - budget.available;
        assert.ok(size >= first && size <= Math.min(largest, first + bytes) && credit + lying <= size);
      };
      for (const one of all) {
        await clock.advance(one.waits);
        step(one);
      }
      // what is withheld is granted again in the end
      for (let i = 0; i < 20 && credit === 0; i += 1) step({ comes: 1, isUsed: 1 });
      assert.ok(credit > 0);
      window.release();
      window.release();
      assert.equal(budget.available, bytes);
    }));
  });

  it('stays where the sink is what limits', async () => {
    const { clock, window, budget, roundTrip } = make();
    roundTrip.sample(1000);
    window.take(options.window);
    for (let i = 0; i < 200; i += 1) {
      await clock.advance(1);
      const granted = window.consumed(options.window / 8, options.window / 2);
      if (granted > 0) window.take(granted);
    }
    assert.equal(budget.available, options.windowBudget);
  });
});
