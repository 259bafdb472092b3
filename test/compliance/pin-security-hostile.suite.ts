import assert from 'node:assert/strict';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { DeadlineClock } from '../support/deadline-clock.ts';
import { PIN, TIMEOUT, assertSilent, play } from '../support/pin-play.ts';
import type { PinSetup, Play, Played } from '../support/pin-play.ts';
import { refused } from './security.suite.ts';
import type { Tap } from './security.suite.ts';

const SIDES = ['initiator', 'responder'] as const;
/** Milliseconds after which whatever was not held up has happened. */
const AFTER_ALL = 50;

/** The wire and the server between the two, at their worst. */
export function describeHostility(setup: PinSetup): void {
  describe('against the wire and the server', () => {
    const run = (options: Play, use?: (played: Played) => Promise<void> | void): Promise<void> => play(setup, options, use);

    it('fails on both sides when the peer hangs up, at every step', async function () {
      this.timeout(60_000);
      for (let at = 0, isCut = true; isCut; at += 1) {
        isCut = false;
        const tap = fromChunk(at, () => ((isCut = true), 'cut'));
        await run({ tap }, (played) => {
          endedWell(played, ['security-failed']);
          assert.ok(isCut || (played.a.stream && played.b.stream));
        });
        assert.ok(at < 50);
      }
    });

    it('ends by its deadline when the peer stalls, at every step', async function () {
      this.timeout(60_000);
      for (let at = 0, isStalled = true; isStalled; at += 1) {
        isStalled = false;
        const clock = new DeadlineClock();
        const tap = fromChunk(at, () => {
          if (!isStalled) systemClock.after(AFTER_ALL, () => clock.expire());
          isStalled = true;
          return Buffer.alloc(0);
        });
        await run({ tap, clock }, (played) => {
          endedWell(played, ['security-failed', 'timeout']);
          const isOpen = played.a.stream && played.b.stream;
          assert.ok(isStalled || isOpen);
          if (!isOpen) assert.ok([played.a, played.b].some(({ error }) => error?.code === 'timeout'));
        });
        assert.ok(at < 50);
      }
    });

    it('fails when any chunk was tampered with', async function () {
      this.timeout(60_000);
      for (let at = 0, isChanged = true; isChanged; at += 1) {
        isChanged = false;
        const clock = new DeadlineClock();
        const tap = fromChunk(at, (chunk, count) => {
          if (count > at) return chunk;
          isChanged = true;
          // What can't be read may be waited for.
          systemClock.after(AFTER_ALL, () => clock.expire());
          const changed = Buffer.from(chunk);
          changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
          return changed;
        });
        await run({ tap, clock }, (played) => {
          if (isChanged) endedWell(played, ['security-failed', 'timeout']);
          else assert.ok(played.a.stream && played.b.stream);
        });
        assert.ok(at < 50);
      }
    });

    if (setup.binds.includes('jids')) {
      it('fails with the right PIN when the two were told other JIDs of one another', async () => {
        const elsewhere = parseJid('mallory@elsewhere.test/x');
        for (const side of SIDES) {
          for (const change of ['local', 'peer'] as const) {
            await run({ contexts: { [side]: { [change]: elsewhere } } }, ({ a, b }) => {
              refused(a, 'security-failed');
              refused(b, 'security-failed');
            });
          }
        }
      });

      it('fails with the right PIN when JIDs were exchanged', async () => {
        const { alice, bob } = await parties();
        await run({ contexts: { initiator: { local: bob.jid, peer: alice.jid } } }, ({ a, b }) => {
          refused(a, 'security-failed');
          refused(b, 'security-failed');
        });
        await run({ contexts: { initiator: { local: bob.jid, peer: alice.jid }, responder: { local: alice.jid, peer: bob.jid } } }, ({ a, b }) => assert.ok(a.stream && b.stream, 'both were told the same'));
      });
    }

    if (setup.binds.includes('methods')) {
      it('fails with the right PIN when methods were struck out or put in on the way', async () => {
        const methods = { initiator: ['x509', 'srp-cb', 'srp'], responder: ['srp-cb', 'x509'] };
        const views = [
          { ...methods, responder: ['srp-cb'] }, { ...methods, initiator: ['srp-cb'] }, { ...methods, responder: ['srp-cb', 'x509', 'openpgp'] }, { initiator: methods.responder, responder: methods.initiator },
          { ...methods, initiator: ['x509,srp-cb', 'srp'] },
        ];
        for (const side of SIDES) {
          for (const view of views) {
            await run({ contexts: { [side]: { methods: view }, [side === 'initiator' ? 'responder' : 'initiator']: { methods } } }, ({ a, b }) => {
              refused(a, 'security-failed');
              refused(b, 'security-failed');
            });
          }
        }
        const reordered = { initiator: ['srp', 'x509', 'srp-cb'], responder: ['x509', 'srp-cb'] };
        await run({ contexts: { initiator: { methods }, responder: { methods: reordered } } }, ({ a, b }) => assert.ok(a.stream && b.stream, 'in another order they are the same'));
      });
    }

    async function parties(): Promise<Pick<Played, 'alice' | 'bob'>> {
      const options = { clock: new DeadlineClock(), timeout: TIMEOUT };
      return { alice: await setup.party('alice', new FakePin(PIN), options), bob: await setup.party('bob', new FakePin(PIN), options) };
    }
  });
}

/** Who opened did so after the other had proven itself; who failed says one of `codes`. */
function endedWell({ a, b, initiator, responder }: Played, codes: readonly string[]): void {
  for (const { error } of [a, b]) {
    if (error) assert.ok(codes.includes(error.code), error.code);
    assertSilent(error);
  }
  if (a.stream) assert.deepEqual([initiator.ended, responder.ended], [[true], [true]]);
  if (b.stream) assert.deepEqual(responder.ended, [true]);
  assert.ok(responder.burning <= initiator.burnt, 'a proof came that was not counted');
}

/** Lets the first `from` chunks of both directions through; `change` says what becomes of each later one. */
function fromChunk(from: number, change: (chunk: Buffer, count: number) => Buffer | 'cut'): Tap {
  let count = -1;
  return (_direction, chunk) => ((count += 1) < from ? chunk : change(chunk, count));
}
