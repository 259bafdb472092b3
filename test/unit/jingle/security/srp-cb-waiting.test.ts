import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { encodeRecord } from '../../../../src/xpmn/jingle/security/srp/records.ts';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import type { Role } from '../../../../src/xpmn/ports/transport.ts';
import { FakePin } from '../../../fakes/fake-pin.ts';
import { DeadlineClock } from '../../../support/deadline-clock.ts';
import { settle } from '../../../support/fake-clock.ts';
import { PIN } from '../../../support/pin-play.ts';
import { asServer, lastWord, refused, scripts } from '../../../support/srp-cb-rig.ts';
import type { Script, ScriptOptions } from '../../../support/srp-cb-rig.ts';
import { duplexWire, socketWire } from '../../../support/wire.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

const WRONG_RECORDS: Readonly<Record<string, Buffer>> = {
  'a failure': encodeRecord({ type: 'failure', body: Buffer.alloc(0) }),
  'an unknown type': bytes('000204ff'),
  'type 0': bytes('000100'),
  'an empty record': bytes('0000'),
  'a challenge that is short': Buffer.concat([bytes('019001'), Buffer.alloc(399, 1)]),
  'a challenge that is long': Buffer.concat([bytes('019201'), Buffer.alloc(401, 1)]),
  'a proof that is short': Buffer.concat([bytes('01a002'), Buffer.alloc(415, 1)]),
  'a proof that is long': Buffer.concat([bytes('01a202'), Buffer.alloc(417, 1)]),
  'a confirmation that is short': Buffer.concat([bytes('002003'), Buffer.alloc(31, 1)]),
  'a failure that is long': bytes('0002ff00'),
  'a record of 64 KiB': Buffer.concat([bytes('ffff01'), Buffer.alloc(65534)]),
  'XML': Buffer.from('<?xml version="1.0"?><stream:stream>'),
};
const OUT_OF_ORDER = {
  challenge: encodeRecord({ type: 'challenge', body: Buffer.alloc(400, 1) }),
  proof: encodeRecord({ type: 'proof', body: Buffer.alloc(416, 1) }),
  confirmation: encodeRecord({ type: 'confirmation', body: Buffer.alloc(32, 1) }),
};

/** Where an honest end waits for its peer. Each brings a run to there, and says what it awaits and has burnt by then. */
const WAITING: Readonly<Record<string, { readonly role: Role; readonly awaits: keyof typeof OUT_OF_ORDER; readonly burnt: number; reach(play: Script): Promise<unknown> }>> = {
  'a responder that awaits the proof': { role: 'responder', awaits: 'proof', burnt: 0, reach: (play) => play.read() },
  'an initiator that awaits the challenge': { role: 'initiator', awaits: 'challenge', burnt: 0, reach: () => Promise.resolve() },
  'an initiator that awaits the confirmation': {
    role: 'initiator', awaits: 'confirmation', burnt: 1,
    reach: (play) => {
      play.send('challenge', asServer(play).challenge);
      return play.read();
    },
  },
};

describe('srp-cb while it waits', () => {
  const { start, end } = scripts();
  afterEach(end);

  for (const [who, { role, awaits, burnt, reach }] of Object.entries(WAITING)) {
    describe(who, () => {
      let pin: FakePin;
      beforeEach(() => (pin = new FakePin(PIN)));
      const reached = async (options: Partial<ScriptOptions> = {}): Promise<Script> => {
        const play = await start(role, { pin, ...options });
        await reach(play);
        return play;
      };

      const wrong = Object.entries(OUT_OF_ORDER).filter(([type]) => type !== awaits).map(([type, record]): [string, Buffer] => [`a ${type}`, record]);
      for (const [what, record] of [...Object.entries(WRONG_RECORDS), ...wrong]) {
        it(`ends at ${what}`, async () => {
          const play = await reached();
          play.tls.write(record);
          await lastWord(play);
          await refused(play, pin);
          assert.equal(pin.burning, burnt);
        });
      }

      it('ends when the peer hangs up, also in the middle of a record', async () => {
        for (const how of ['end', 'destroy'] as const) {
          for (const part of [0, 1, 3, 20]) {
            const play = await reached();
            if (part > 0) play.tls.write(OUT_OF_ORDER[awaits].subarray(0, part));
            await settle();
            play.tls[how]();
            await refused(play, pin);
          }
        }
        assert.equal(pin.burning, burnt * 8);
      });

      for (const [name, wire] of Object.entries({ 'a Duplex': () => Promise.resolve(duplexWire()), 'TCP': () => socketWire() })) {
        it(`ends a stalled peer by the deadline, and tells it so (${name})`, async () => {
          const clock = new DeadlineClock();
          const play = await reached({ clock, wire: await wire() });
          play.tls.write(OUT_OF_ORDER[awaits].subarray(0, 10));
          await settle();
          clock.expire();
          await lastWord(play);
          await refused(play, pin, 'timeout');
          assert.equal(clock.pending, 0);
        });

        it(`ends when it is aborted, and tells the peer so (${name})`, async () => {
          const abort = new AbortController();
          const play = await reached({ signal: abort.signal, wire: await wire() });
          // What was said before is on its way: there is no time to wait for that then.
          await settle();
          abort.abort(new XpmnError('aborted', 'The user has changed his mind.'));
          await lastWord(play);
          await refused(play, pin, 'aborted');
          assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
        });
      }
    });
  }
});
