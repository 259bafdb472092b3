import assert from 'node:assert/strict';
import { BlockSender } from '../../../../src/xpmn/jingle/transports/block-sender.ts';
import { deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../../src/xpmn/kernel/tasks.ts';
import { settle } from '../../../support/fake-clock.ts';

function rig(options = { blockSize: 4, window: 3 }) {
  const sent: { seq: number; block: string; ack: Deferred<void> }[] = [];
  const failures: unknown[] = [];
  const sender = new BlockSender({
    transmit: (seq, block) => {
      const ack = deferred();
      sent.push({ seq, block: block.toString(), ack });
      return ack.promise;
    },
    onFailure: (error) => failures.push(error),
  }, options);
  return { sender, sent, failures };
}

describe('block sender', () => {
  it('cuts any write into blocks, a window of them at a time', async () => {
    const { sender, sent } = rig();
    let taken = false;
    sender.send(Buffer.from('abcdefghijklmnopqr'), () => (taken = true));
    assert.deepEqual(sent.map(({ block }) => block), ['abcd', 'efgh', 'ijkl']);
    assert.equal(sender.hasUnsent, true);
    sent[1]?.ack.resolve();
    await settle(1);
    assert.equal(sent[3]?.block, 'mnop');
    assert.equal(taken, false);
    sent[0]?.ack.resolve();
    await settle(1);
    assert.deepEqual([sent[4]?.block, taken, sender.hasUnsent], ['qr', true, false]);
  });

  it('numbers blocks in 16 bits, and begins again at 0', async () => {
    const { sender, sent } = rig({ blockSize: 1, window: 65_540 });
    sender.send(Buffer.alloc(65_538), () => undefined);
    assert.deepEqual([0, 1, 65_535, 65_536, 65_537].map((i) => sent[i]?.seq), [0, 1, 65_535, 0, 1]);
  });

  it('is idle when everything is acknowledged', async () => {
    const { sender, sent } = rig();
    let idle = false;
    sender.send(Buffer.from('abcdefg'), () => undefined);
    sender.whenIdle(() => (idle = true));
    sent[0]?.ack.resolve();
    await settle(1);
    assert.equal(idle, false);
    sent[1]?.ack.resolve();
    await settle(1);
    assert.equal(idle, true);
  });

  it('tells of each block that was refused, and sends nothing after a stop', async () => {
    const { sender, sent, failures } = rig();
    sender.send(Buffer.from('abcdefghijklmnop'), () => assert.fail('the last byte never went out'));
    sender.stop();
    sent[0]?.ack.reject(new Error('refused'));
    await settle(1);
    assert.deepEqual([sent.length, failures.length], [3, 1]);
  });
});
