import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { StreamWriter } from '../../../src/xpmn/xmpp/stream-writer.ts';
import { settle } from '../../support/fake-clock.ts';

/** A stream that takes a write only when told to. */
function slowStream(highWaterMark: number): { stream: Writable; writes: string[]; take: () => void } {
  const writes: string[] = [];
  let done: (() => void) | undefined;
  const stream = new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, callback) {
      writes.push(chunk.toString());
      done = callback;
    },
  });
  return { stream, writes, take: () => done?.() };
}

describe('the writer of a stream', () => {
  it('joins what is said in one turn into one write', async () => {
    const { stream, writes } = slowStream(1000);
    const writer = new StreamWriter(stream, { queueBytes: 1000 });
    await Promise.all([writer.write('a'), writer.write('b'), writer.write('c')]);
    assert.deepEqual(writes, ['abc']);
  });

  it('lets what follows in the next turns go with it, for so many turns', async () => {
    const { stream, writes, take } = slowStream(1000);
    const writer = new StreamWriter(stream, { queueBytes: 1000, gatherTurns: 3 });
    const said: Promise<void>[] = [];
    for (const text of ['a', 'b', 'c', 'd']) {
      said.push(writer.write(text));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(said);
    take();
    assert.deepEqual(writes, ['abc', 'd']);
  });

  it('waits no longer than the first turn in which nothing is said', async () => {
    const { stream, writes } = slowStream(1000);
    const writer = new StreamWriter(stream, { queueBytes: 1000, gatherTurns: 100 });
    void writer.write('a');
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(writes, ['a']);
  });

  it('resolves when there is room again, in order', async () => {
    const { stream, writes, take } = slowStream(4);
    const writer = new StreamWriter(stream, { queueBytes: 1000 });
    const done: string[] = [];
    const say = (text: string): void => void writer.write(text).then(() => done.push(text));
    say('first');
    await settle();
    say('second');
    say('third');
    await settle();
    assert.deepEqual([writes, done, writer.queued], [['first'], [], 11]);
    take();
    await settle();
    assert.deepEqual([writes, done, writer.queued], [['first', 'secondthird'], ['first'], 0]);
    take();
    await settle();
    assert.deepEqual(done, ['first', 'second', 'third']);
  });

  it('holds at most its bound, but for one text larger than that', async () => {
    const { stream } = slowStream(1);
    const writer = new StreamWriter(stream, { queueBytes: 10 });
    const ignored = [writer.write('x')];
    await settle();
    ignored.push(writer.write('\u00fc'.repeat(4)));
    await assert.rejects(writer.write('yyy'), { code: 'resource-limit' });
    assert.equal(writer.queued, 8);
    writer.fail(new XpmnError('connection-lost', 'x'));
    for (const each of ignored) await assert.rejects(each, { code: 'connection-lost' });
    const large = new StreamWriter(slowStream(1).stream, { queueBytes: 10 });
    await settle();
    large.write('z'.repeat(100)).catch(() => undefined);
    assert.equal(large.queued, 100);
  });

  it('says when half of the queue is free', async () => {
    const { stream, take } = slowStream(1);
    const writer = new StreamWriter(stream, { queueBytes: 10 });
    await writer.room();
    void writer.write('x');
    await settle();
    void writer.write('123456');
    let room = false;
    const waiting = writer.room().then(() => (room = true));
    await settle();
    assert.equal(room, false);
    take();
    await waiting;
  });

  it('rejects everything when it fails: what waits, what was taken, what comes', async () => {
    const { stream } = slowStream(1);
    const writer = new StreamWriter(stream, { queueBytes: 10 });
    const failure = new XpmnError('connection-lost', 'x');
    const taken = writer.write('a');
    await settle();
    const waits = [taken, writer.write('bbbbbb'), writer.room()];
    writer.fail(failure);
    writer.fail(new Error('a second time'));
    for (const each of [...waits, writer.write('c'), writer.room()]) await assert.rejects(each, failure);
    assert.equal(writer.queued, 0);
  });
});
