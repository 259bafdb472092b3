import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { mediaOf } from '../../../../src/xpmn/jingle/applications/oob-bytes.ts';
import { SendPool } from '../../../../src/xpmn/jingle/applications/oob-pool.ts';
import { Sender } from '../../../../src/xpmn/jingle/applications/oob-sender.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const options = settings.outOfBand;
const never = new AbortController().signal;

/** Takes one write and never says that it has done with it. */
class Stuck extends Duplex {
  constructor() {
    super({ writableHighWaterMark: 1 });
  }

  override _read(): void {}

  override _write(): void {}
}

describe('out-of-band sender', () => {
  it('lets go of every stream when the session is lost, also of one whose end alone was still to be written', async () => {
    const pool = new SendPool(options);
    const terms = { window: options.window, maxChunk: options.maxChunk, maxStreams: options.maxStreams };
    const sender = new Sender(new Stuck(), { clock: new FakeClock(), pool, idle: () => undefined }, { ...options, terms, reuse: false });
    // Without a known length the end is a frame of its own; the socket is full before it can be written.
    const unsized = mediaOf((async function* () {
      yield await Promise.resolve(Buffer.from('live'));
    })());
    let closed = 0;
    const sent = sender.send('live', { ...unsized, close: () => (closed += 1) }, never);
    await settle();
    assert.equal(sender.count, 1);
    sender.destroy(new XpmnError('connection-lost', 'The session is lost.'));
    await assert.rejects(sent, { code: 'connection-lost' });
    assert.deepEqual([closed, sender.count, pool.usage], [1, 0, { lent: 0, idle: 0, streams: 0 }]);
  });
});
