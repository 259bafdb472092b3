import assert from 'node:assert/strict';
import { meteredWire } from '../../bench/parts/metered-wire.ts';
import type { MeteredWire } from '../../bench/parts/metered-wire.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

describe('a metered wire', () => {
  let clock: FakeClock;
  let wire: MeteredWire;
  const heard = { initiator: '', responder: '' };

  beforeEach(() => {
    clock = new FakeClock();
    wire = meteredWire({ clock }, 100);
    for (const [index, name] of (['initiator', 'responder'] as const).entries()) {
      heard[name] = '';
      wire.ends[index]?.on('data', (chunk: Buffer) => (heard[name] += chunk.toString()));
    }
  });

  it('carries what was said half a round trip later, in order', async () => {
    wire.ends[0].write('one ');
    await clock.advance(20);
    wire.ends[0].write('two');
    await clock.advance(29);
    assert.equal(heard.responder, '');
    await clock.advance(1);
    assert.equal(heard.responder, 'one ');
    await clock.advance(20);
    assert.equal(heard.responder, 'one two');
  });

  it('counts bytes by who sent them', async () => {
    wire.ends[0].write('four');
    wire.ends[1].write('six   ');
    await settle(1);
    assert.deepEqual(wire.bytes, { initiator: 4, responder: 6 });
  });

  it('counts round trips by what follows from what, however much is said at once', async () => {
    for (let trip = 1; trip <= 3; trip += 1) {
      wire.ends[0].write('a question');
      wire.ends[0].write(' in two parts');
      await clock.advance(50);
      wire.ends[1].write('an answer');
      assert.equal(wire.roundTrips, trip - 1);
      await clock.advance(50);
      assert.equal(wire.roundTrips, trip);
    }
  });

  it('counts half a round trip for what nobody asked for', async () => {
    wire.ends[1].write('a greeting');
    await clock.advance(50);
    assert.equal(wire.roundTrips, 0.5);
  });

  it('carries the end and the destruction of an end, too', async () => {
    wire.ends[0].end('last');
    await settle(1);
    assert.equal(wire.ends[1].readableEnded, false);
    await clock.advance(50);
    assert.equal(heard.responder, 'last');
    assert.equal(wire.ends[1].readableEnded, true);
    wire.ends[1].destroy();
    await clock.advance(50);
    assert.equal(wire.ends[0].destroyed, true);
  });
});
