import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { ResumingTransfer } from '../../../src/xpmn/media/resuming-transfer.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import type { MediaSink } from '../../../src/xpmn/ports/peer-link.ts';
import type { RemoteTransfer } from '../../../src/xpmn/profiles/transfer-controller.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const content = randomBytes(1000);
const entity: MediaEntity = { size: 1000, type: 'video/mp4', etag: 'tag' };
const options = { overlap: 50, attempts: 3, firstDelay: 100, maxDelay: 300 };
const lost = new XpmnError('connection-lost', 'Gone.');

/** One transfer by hand: the test gives its bytes and its end. */
class HandTransfer implements RemoteTransfer {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  sink: MediaSink | undefined;
  consumed = 0;
  aborts = 0;
  unclaimable: XpmnError | undefined;

  constructor(range: ByteRange | undefined, said: Partial<MediaEntity> = {}) {
    this.range = range;
    this.entity = { ...entity, ...said };
  }

  receive(sink: MediaSink): { consumed: (count: number) => void; cancel: () => void } {
    if (this.unclaimable) throw this.unclaimable;
    this.sink = sink;
    return { consumed: (count) => (this.consumed += count), cancel: assert.fail };
  }

  abort(): void {
    this.aborts += 1;
  }

  /** Bytes `from` to `to` of the content, both inclusive. */
  give(from: number, to: number, bytes = content): void {
    this.sink?.write(bytes.subarray(from, to + 1));
  }
}

describe('a transfer that resumes', () => {
  let clock: FakeClock;
  let first: HandTransfer;
  let asked: { range: RangeRequest | undefined; ifMatch: string | undefined; signal: AbortSignal }[];
  /** What `open` answers next; undefined: it waits for ever. */
  let answers: (HandTransfer | XpmnError | undefined)[];
  let got: Buffer[];
  let outcome: XpmnError | 'end' | undefined;
  let transfer: ResumingTransfer;

  beforeEach(() => begin({ from: 0, to: 999 }));
  afterEach(() => assert.equal(clock.pending, 0, 'a timer is left'));

  function begin(range: ByteRange | undefined, said: Partial<MediaEntity> = {}, more: Partial<typeof options> = {}): void {
    clock = new FakeClock();
    first = new HandTransfer(range, said);
    asked = [];
    answers = [];
    got = [];
    outcome = undefined;
    transfer = new ResumingTransfer(first, {
      clock,
      open: (request, signal) => {
        asked.push({ ...request, signal });
        const answer = answers.shift();
        if (answer instanceof XpmnError) return Promise.reject(answer);
        return answer ? Promise.resolve(answer) : new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    }, { ...options, ...more });
  }

  function receive(): void {
    transfer.receive({
      write: (chunk) => void (assert.equal(outcome, undefined), got.push(chunk)),
      end: () => void (assert.equal(outcome, undefined), outcome = 'end'),
      fail: (error) => void (assert.equal(outcome, undefined), outcome = error),
    });
  }

  function failed(code: ErrorCode): void {
    assert.ok(outcome instanceof XpmnError, String(outcome));
    assert.equal(outcome.code, code);
  }
  const isExactly = (from: number, to: number): void => assert.ok(Buffer.concat(got).equals(content.subarray(from, to + 1)));

  it('is an ordinary one while nothing breaks', () => {
    receive();
    first.give(0, 499);
    first.give(500, 999);
    first.sink?.end();
    assert.equal(outcome, 'end');
    isExactly(0, 999);
    transfer.cancel();
    assert.equal(first.aborts, 0);
  });

  it('goes on where it stopped, after bytes that must be equal, under the same tag', async () => {
    begin({ from: 100, to: 899 });
    receive();
    first.give(100, 399);
    const second = new HandTransfer({ from: 350, to: 899 });
    answers = [second];
    first.sink?.fail(lost);
    await settle();
    assert.deepEqual(asked.map(({ range, ifMatch }) => ({ range, ifMatch })), [{ range: { from: 350, to: 899 }, ifMatch: 'tag' }]);
    second.give(350, 369);
    second.give(370, 419);
    second.give(420, 899);
    second.sink?.end();
    assert.equal(outcome, 'end');
    isExactly(100, 899);
    assert.equal(second.consumed, 50, 'the overlap never reaches the sink: it is consumed here');
  });

  it('goes on from the beginning when nothing had come, and at the very end', async () => {
    receive();
    const [second, third] = [new HandTransfer({ from: 0, to: 999 }), new HandTransfer({ from: 950, to: 999 })];
    answers = [second, third];
    first.sink?.fail(lost);
    await settle();
    second.give(0, 999);
    second.sink?.fail(lost);
    await settle();
    assert.deepEqual(asked.map(({ range }) => range), [{ from: 0, to: 999 }, { from: 950, to: 999 }]);
    third.give(950, 999);
    third.sink?.end();
    assert.equal(outcome, 'end');
    isExactly(0, 999);
  });

  it('takes the credit of bytes that came before the break for no credit of what came after', async () => {
    receive();
    first.give(0, 299);
    transfer.consumed(100);
    assert.equal(first.consumed, 100);
    const second = new HandTransfer({ from: 250, to: 999 });
    answers = [second];
    first.sink?.fail(lost);
    await settle();
    second.give(250, 399);
    assert.equal(second.consumed, 50);
    transfer.consumed(150);
    assert.equal(second.consumed, 50, '150 of the 200 old bytes');
    transfer.consumed(80);
    assert.equal(second.consumed, 80, 'the last 50 old ones, and 30 new ones');
    transfer.consumed(70);
    assert.equal(second.consumed, 150);
    assert.equal(first.consumed, 100);
    transfer.cancel();
  });

  it('counts right over two breaks', async () => {
    receive();
    const [second, third] = [new HandTransfer({ from: 50, to: 999 }), new HandTransfer({ from: 150, to: 999 })];
    answers = [second, third];
    first.give(0, 99);
    first.sink?.fail(lost);
    await settle();
    second.give(50, 199);
    second.sink?.fail(lost);
    await settle();
    third.give(150, 299);
    transfer.consumed(200);
    assert.equal(third.consumed, 50);
    transfer.consumed(100);
    assert.equal(third.consumed, 150);
    transfer.cancel();
  });

  for (const [what, at] of [['first', 250], ['last', 299]] as const) {
    it(`fails, and gives nothing on, when the ${what} byte of the overlap differs`, async () => {
      receive();
      first.give(0, 299);
      const second = new HandTransfer({ from: 250, to: 999 });
      answers = [second];
      first.sink?.fail(lost);
      await settle();
      const other = Buffer.from(content);
      other[at] = (other[at] as number) ^ 1;
      second.give(250, 599, other);
      failed('entity-changed');
      second.give(600, 999);
      second.sink?.end();
      isExactly(0, 299);
      assert.equal(second.aborts, 1);
    });
  }

  const others: [string, HandTransfer][] = [
    ['another tag', new HandTransfer({ from: 250, to: 999 }, { etag: 'other' })],
    ['another beginning', new HandTransfer({ from: 251, to: 999 })],
    ['another end', new HandTransfer({ from: 250, to: 998 })],
    ['no range', new HandTransfer(undefined)],
  ];
  for (const [what, second] of others) {
    it(`fails when the second one has ${what}`, async () => {
      receive();
      first.give(0, 299);
      answers = [second];
      first.sink?.fail(lost);
      await settle();
      failed('entity-changed');
      assert.deepEqual([second.aborts, second.sink, first.aborts], [1, undefined, 0]);
    });
  }

  it('fails when the provider says that it has changed', async () => {
    receive();
    answers = [new XpmnError('entity-changed', 'Changed.')];
    first.sink?.fail(lost);
    await settle();
    failed('entity-changed');
    assert.equal(asked.length, 1);
  });

  it('waits longer each time while nobody can be reached, and gives up with the last reason', async () => {
    begin({ from: 0, to: 999 }, {}, { attempts: 5 });
    receive();
    const gone = new XpmnError('peer-unavailable', 'Not there.');
    answers = Array.from({ length: 5 }, () => gone);
    first.sink?.fail(lost);
    await settle();
    assert.equal(asked.length, 1, 'the first time at once');
    for (const [index, delay] of [100, 200, 300, 300].entries()) {
      await clock.advance(delay - 1);
      assert.equal(asked.length, index + 1);
      await clock.advance(1);
      assert.equal(asked.length, index + 2);
    }
    assert.equal(outcome, gone);
    assert.equal(first.aborts, 1);
  });

  it('begins to count anew when a byte has come', async () => {
    receive();
    let now = first;
    for (let i = 0; i < 20; i += 1) {
      now.give(i * 10, i * 10 + 9);
      const from = Math.max(0, (i + 1) * 10 - 50);
      const next = new HandTransfer({ from, to: 999 });
      answers = [next];
      now.sink?.fail(lost);
      await settle();
      assert.equal(asked.length, i + 1);
      next.give(from, i * 10 + 9);
      now = next;
    }
    isExactly(0, 199);
    transfer.cancel();
  });

  it('gives up when new transfers break again and again without a new byte', async () => {
    receive();
    first.give(0, 99);
    const next = Array.from({ length: 3 }, () => new HandTransfer({ from: 50, to: 999 }));
    answers = [...next];
    first.sink?.fail(lost);
    for (const one of next) {
      await clock.advance(1000);
      one.give(50, 99);
      one.sink?.fail(new XpmnError('truncated', 'Again.'));
    }
    await settle();
    failed('truncated');
    isExactly(0, 99);
  });

  it('resumes what the origin cut short, but nothing else that makes no sense or was refused', async () => {
    for (const code of ['truncated', 'timeout', 'aborted', 'resource-limit', 'origin-unreachable'] as const) {
      begin({ from: 0, to: 999 });
      receive();
      first.sink?.fail(new XpmnError(code, ''));
      await settle();
      assert.equal(asked.length, 1, code);
      transfer.cancel();
    }
    for (const code of ['origin-broken', 'protocol-violation', 'not-trusted', 'security-failed', 'not-found', 'internal'] as const) {
      begin({ from: 0, to: 999 });
      receive();
      first.sink?.fail(new XpmnError(code, ''));
      await settle();
      failed(code);
      assert.equal(asked.length, 0, code);
    }
  });

  it('is not resumed without a tag, or without a range', async () => {
    for (const [range, said] of [[{ from: 0, to: 999 }, { etag: '' }], [undefined, { size: undefined }]] as const) {
      begin(range, said);
      receive();
      first.sink?.fail(lost);
      await settle();
      failed('connection-lost');
      assert.equal(asked.length, 0);
    }
  });

  it('tries again when the session ends before the stream can be claimed, first or later', async () => {
    first.unclaimable = lost;
    const [second, third] = [new HandTransfer({ from: 0, to: 999 }), new HandTransfer({ from: 0, to: 999 })];
    second.unclaimable = lost;
    answers = [second, third];
    receive();
    await clock.advance(100);
    third.give(0, 999);
    third.sink?.end();
    assert.equal(outcome, 'end');
    isExactly(0, 999);
  });

  describe('cancelled', () => {
    it('tells the sender, once', () => {
      receive();
      first.give(0, 99);
      transfer.cancel();
      transfer.cancel();
      assert.equal(first.aborts, 1);
      first.give(100, 199);
      first.sink?.end();
      assert.equal(outcome, undefined);
      isExactly(0, 99);
    });

    it('before it began', () => {
      transfer.cancel();
      assert.equal(first.aborts, 1);
    });

    it('while it opens another one: that is ended when it comes', async () => {
      receive();
      first.sink?.fail(lost);
      await settle();
      transfer.cancel();
      assert.ok(asked[0]?.signal.aborted);
      await settle();
      assert.equal(outcome, undefined);
    });

    it('while another one comes that knows nothing of it', async () => {
      receive();
      const second = new HandTransfer({ from: 0, to: 999 });
      answers = [second];
      first.sink?.fail(lost);
      transfer.cancel();
      await settle();
      assert.deepEqual([second.aborts, second.sink, outcome], [1, undefined, undefined]);
    });

    it('while it waits to try again', async () => {
      receive();
      answers = [lost];
      first.sink?.fail(lost);
      await settle();
      assert.equal(clock.pending, 1);
      transfer.cancel();
      await settle();
      assert.deepEqual([clock.pending, asked.length, outcome], [0, 1, undefined]);
    });

    it('while it compares', async () => {
      receive();
      first.give(0, 99);
      const second = new HandTransfer({ from: 50, to: 999 });
      answers = [second];
      first.sink?.fail(lost);
      await settle();
      second.give(50, 59);
      transfer.cancel();
      second.give(60, 199);
      assert.equal(second.aborts, 1);
      isExactly(0, 99);
    });

    it('after the end: nothing', () => {
      receive();
      first.sink?.end();
      transfer.cancel();
      assert.equal(first.aborts, 0);
    });
  });
});
