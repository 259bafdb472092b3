import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { bytesOf, costOf, milestonesOf } from '../../bench/parts/handshake.ts';
import type { HandshakeKind } from '../../bench/parts/handshake.ts';
import { duplexWire } from '../../support/wire.ts';

/** Resolves with what comes next. */
const next = (stream: Duplex): Promise<string> => new Promise((resolve) => void stream.once('data', (chunk: Buffer) => resolve(chunk.toString())));

/** One word there, two back; then questions are answered. */
function greetings(log: string[] = []): HandshakeKind {
  return {
    batch: 3,
    begin([up, down]) {
      log.push('begin');
      up.write('hello');
      const answered = next(down).then(() => void down.write('hello you'));
      const proven = next(up);
      return {
        proven,
        complete: Promise.all([proven, answered]),
        talk: () => ({
          async ask() {
            await proven;
            const question = next(down).then(() => void down.write('!'));
            up.write('?');
            await Promise.all([question, next(up)]);
          },
        }),
        end: () => void log.push('end'),
      };
    },
    ended: () => Promise.resolve(void log.push('ended')),
  };
}

describe('what a handshake costs', () => {
  it('is what both sides say until they are through', async () => {
    assert.deepEqual(await bytesOf(greetings()), { initiator: 5, responder: 9 });
  });

  it('is a round trip for each time that a side waits for the other', async () => {
    const { proven, answered, features } = await milestonesOf(greetings(), 20);
    assert.deepEqual([proven.roundTrips, answered.roundTrips, features], [1, 2, undefined]);
    assert.ok(proven.time >= 19 && answered.time >= 39, `${proven.time}, ${answered.time}`);
  });

  it('is measured one after the other, up to where all processes have ended, and frees the wires', async () => {
    const log: string[] = [];
    const wires: Duplex[] = [];
    const { wall, cpu } = await costOf(greetings(log), () => {
      const wire = duplexWire();
      wires.push(...wire);
      return Promise.resolve(wire);
    });
    assert.deepEqual(log, ['begin', 'end', 'begin', 'end', 'begin', 'end', 'ended']);
    assert.ok(wires.length === 6 && wires.every(({ destroyed }) => destroyed));
    assert.ok(wall > 0 && cpu >= 0);
  });

  it('is not told of one that fails', async () => {
    const failing: HandshakeKind = { batch: 1, begin: () => ({ proven: Promise.resolve(), complete: Promise.reject(new Error('broken')), talk: () => ({ ask: () => Promise.resolve() }), end: () => undefined }) };
    await assert.rejects(costOf(failing, () => Promise.resolve(duplexWire())), /broken/);
  });
});
