import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { ListedPeer } from '../../src/xpmn/model/identity.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import { DeadlineClock } from '../support/deadline-clock.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { PIN, TIMEOUT, WRONG_PIN, play } from '../support/pin-play.ts';
import type { PinSetup, Play, Played } from '../support/pin-play.ts';
import { describeHostility } from './pin-security-hostile.suite.ts';
import { contextFor, outcome, refused } from './security.suite.ts';
import type { Outcome, Tap } from './security.suite.ts';

const SIDES = ['initiator', 'responder'] as const;
type Side = (typeof SIDES)[number];
/** Milliseconds after which whatever was not held up has happened. */
const AFTER_ALL = 50;

const other = (side: Side): Side => (side === 'initiator' ? 'responder' : 'initiator');
const of = (side: Side, { a, b }: Played): Outcome => (side === 'initiator' ? a : b);

/** What every security method promises whose proof is a PIN, to the owner of the PIN and against who would like to have it. */
export function describePinSecurity(name: string, setup: PinSetup): void {
  describe(`security by PIN: ${name}`, () => {
    const run = (options: Play, use?: (played: Played) => Promise<void> | void): Promise<void> => play(setup, options, use);

    it('opens with the right PIN: each side is what pairs, by the JID it came with, and by the key if it has proven one', () =>
      run({}, ({ a, b, alice, bob }) => {
        assert.deepEqual(a.stream?.peer, bob.identity);
        assert.deepEqual(b.stream?.peer, alice.identity);
        assert.deepEqual([a.stream?.peer.verdict, b.stream?.peer.verdict], ['pairing', 'pairing']);
      }));

    it('asks for an attempt with the JID of the session, burns it, and says that it was proven', () =>
      run({}, ({ initiator, responder, alice, bob }) => {
        assert.deepEqual([initiator.begun, responder.begun], [[bob.jid], [alice.jid]]);
        assert.deepEqual([initiator.burnt, responder.burnt], [1, 1]);
        assert.deepEqual([initiator.ended, responder.ended], [[true], [true]]);
      }));

    it('asks nobody else', () => {
      const accept = (): Promise<ListedPeer> => assert.fail('somebody was asked');
      return run({ contexts: { initiator: { accept }, responder: { accept } } }, ({ a, b }) => assert.ok(a.stream && b.stream));
    });

    it('fails on both sides with a wrong PIN, and says so', () =>
      run({ initiator: new FakePin(WRONG_PIN) }, ({ a, b, initiator, responder }) => {
        refused(a, 'security-failed');
        refused(b, 'security-failed');
        assert.deepEqual([initiator.ended, responder.ended], [[false], [false]]);
        assert.deepEqual([initiator.burnt, responder.burnt], [1, 1]);
        assert.equal(a.error?.message, b.error?.message);
      }));

    it('carries what each side writes first, at once, whole and in order', async () => {
      const [up, down] = await setup.wire();
      const clock = new DeadlineClock();
      const alice = await setup.party('alice', new FakePin(PIN), { clock, timeout: TIMEOUT });
      const bob = await setup.party('bob', new FakePin(PIN), { clock, timeout: TIMEOUT });
      const greeting = Buffer.alloc(70_000, 'the first bytes ');
      const greet = async (opening: Promise<SecuredStream>): Promise<Buffer> => {
        const { stream } = await opening;
        stream.write(greeting);
        return exactly(stream, greeting.length);
      };
      const got = await Promise.all([greet(alice.method.secure(up, contextFor(alice, bob, 'initiator'))), greet(bob.method.secure(down, contextFor(bob, alice, 'responder')))]);
      for (const bytes of got) assert.ok(bytes.equals(greeting));
      up.destroy();
      down.destroy();
    });

    for (const side of SIDES) {
      const opposite = other(side);

      it(`gives one guess a run, and none when all are used up (guesses tried on the ${side})`, async () => {
        const victim = new FakePin(PIN, { attempts: 3 });
        for (let guess = 1; guess <= 3; guess += 1) {
          await run({ [side]: victim, [opposite]: new FakePin(`${WRONG_PIN}${guess}`) }, (played) => refused(of(side, played), 'security-failed'));
          assert.equal(victim.burnt, guess);
        }
        await run({ [side]: victim }, (played) => {
          refused(of(side, played), 'security-failed');
          refused(of(opposite, played), 'security-failed');
        });
        assert.deepEqual(victim.ended, [false, false, false], 'there was no fourth');
      });

      it(`sends nothing that can be tested when the attempt can't be counted (${side})`, () => {
        const full = new FakePin(PIN);
        full.disk.isFull = true;
        return run({ [side]: full }, (played) => {
          refused(played.a, 'security-failed');
          refused(played.b, 'security-failed');
          assert.equal(full.burning, 1);
          assert.deepEqual([...played.initiator.ended, ...played.responder.ended], [false, false]);
          if (side === 'initiator') assert.equal(played.responder.burning, 0, 'a proof has come');
        });
      });

      it(`sends nothing that can be tested before the attempt is counted, though it take for ever (${side})`, () => {
        const clock = new DeadlineClock();
        const dead = new FakePin(PIN);
        dead.disk.isDead = true;
        dead.onBurning = () => void systemClock.after(AFTER_ALL, () => clock.expire());
        return run({ [side]: dead, clock }, (played) => {
          for (const { error } of [played.a, played.b]) assert.ok(error?.code === 'timeout' || error?.code === 'security-failed');
          assert.equal(dead.burning, 1);
          assert.deepEqual([...played.initiator.ended, ...played.responder.ended], [false, false]);
          if (side === 'initiator') assert.equal(played.responder.burning, 0, 'a proof has come');
        });
      });

      it(`has counted when it crashes before it sends or looks (${side})`, () => {
        const crash = new AbortController();
        const pin = new FakePin(PIN);
        pin.onBurnt = () => crash.abort(new XpmnError('aborted', 'Power cut.'));
        return run({ [side]: pin, contexts: { [side]: { signal: crash.signal } } }, (played) => {
          refused(of(side, played), 'aborted');
          refused(of(opposite, played), 'security-failed');
          assert.equal(new FakePin(PIN, { disk: pin.disk }).burnt, 1, 'after a restart');
          if (side === 'initiator') assert.equal(played.responder.burning, 0, 'a proof has come');
        });
      });

      it(`takes a second peer for wrong while one is under way, and the first goes on (${side})`, async () => {
        const busy = new FakePin(PIN);
        const [held, burning] = [deferred(), deferred()];
        busy.hold = held.promise;
        busy.onBurning = burning.resolve;
        const first = run({ [side]: busy }, (played) => assert.ok(played.a.stream && played.b.stream));
        await burning.promise;
        const clock = new DeadlineClock();
        const alice = await setup.party('alice', side === 'initiator' ? busy : new FakePin(PIN), { clock, timeout: TIMEOUT });
        const bob = await setup.party('bob', side === 'responder' ? busy : new FakePin(PIN), { clock, timeout: TIMEOUT });
        const [up, down] = await setup.wire();
        const second = await Promise.all([outcome(alice.method.secure(up, contextFor(alice, bob, 'initiator')), up), outcome(bob.method.secure(down, contextFor(bob, alice, 'responder')), down)]);
        for (const result of second) refused(result, 'security-failed');
        assert.equal(busy.begun.length, 1);
        held.resolve();
        await first;
        assert.deepEqual(busy.ended, [true]);
      });

      it(`is the same to the peer whether the PIN is wrong or there is none (${side})`, async () => {
        const [wrong, none] = [await transcript(new FakePin(WRONG_PIN)), await transcript(closedPin())];
        assert.deepEqual(none, wrong);
        assert.equal(wrong.code, 'security-failed');

        /** What the peer sees: what came, how far it got, how it ended. */
        async function transcript(pin: FakePin): Promise<Record<string, unknown>> {
          const direction = side === 'initiator' ? 'up' : 'down';
          const peer = new FakePin(PIN);
          let [bytes, atProof] = [0, 0];
          peer.onBurning = () => (atProof = bytes);
          const tap: Tap = (from, chunk) => {
            if (from === direction) bytes += chunk.length;
            return chunk;
          };
          const seen: Record<string, unknown> = {};
          await run({ [side]: pin, [opposite]: peer, tap }, (played) => {
            const { error } = of(opposite, played);
            // The initiator is told by the responder, down to the last byte; what the initiator still says then is nobody's.
            Object.assign(seen, { burnt: peer.burnt, ended: peer.ended, code: error?.code, message: error?.message, atProof, ...(side === 'responder' && { bytes }) });
            assert.equal(of(side, played).error?.message, error?.message);
          });
          return seen;
        }
      });

      it(`begins no attempt when aborted before it starts (${side})`, () =>
        run({ contexts: { [side]: { signal: AbortSignal.abort(new XpmnError('aborted', 'Before.')) } } }, (played) => {
          refused(of(side, played), 'aborted');
          refused(of(opposite, played), 'security-failed');
          assert.equal(played[side].begun.length, 0);
        }));

      for (const moment of ['onBegin', 'onBurning', 'onBurnt'] as const) {
        it(`ends the attempt when aborted, and the peer's too (${side}, ${moment})`, () => {
          const abort = new AbortController();
          const pin = new FakePin(PIN);
          pin[moment] = () => abort.abort(new XpmnError('aborted', 'Now.'));
          return run({ [side]: pin, contexts: { [side]: { signal: abort.signal } } }, (played) => {
            refused(of(side, played), 'aborted');
            refused(of(opposite, played), 'security-failed');
            assert.deepEqual(pin.ended, [false]);
            assert.ok(!played[opposite].ended.includes(true));
          });
        });
      }

      it(`ends the attempt when aborted while it waits for the peer (${side})`, () => {
        const abort = new AbortController();
        const slow = new FakePin(PIN);
        const held = deferred();
        slow.hold = held.promise;
        slow.onBurning = () => setImmediate(() => {
          abort.abort(new XpmnError('aborted', 'Now.'));
          setImmediate(held.resolve);
        });
        return run({ [opposite]: slow, contexts: { [side]: { signal: abort.signal } } }, (played) => {
          refused(of(side, played), 'aborted');
          const { stream } = of(opposite, played);
          // An initiator that hangs up behind its proof has proven itself all the same.
          if (side === 'responder') assert.equal(stream, undefined);
          assert.deepEqual([played[side].ended, slow.ended], [[false], [stream !== undefined]]);
        });
      });

      it(`does not take its own words for the peer's (${side})`, async () => {
        const pin = new FakePin(PIN);
        const clock = new DeadlineClock();
        const [alice, bob] = [await setup.party('alice', pin, { clock, timeout: TIMEOUT }), await setup.party('bob', new FakePin(PIN), { clock, timeout: TIMEOUT })];
        const [near, far] = await setup.wire();
        far.on('error', () => undefined).pipe(far);
        // A responder hears nothing at all, for ever.
        systemClock.after(AFTER_ALL, () => clock.expire());
        const result = await outcome(alice.method.secure(near, contextFor(alice, { ...bob, fingerprint: alice.fingerprint }, side)), near);
        assert.ok(result.error && near.destroyed);
        assert.ok(!pin.ended.includes(true));
        far.destroy();
      });
    }

    describeHostility(setup);
  });
}

function closedPin(): FakePin {
  const pin = new FakePin(PIN);
  pin.isClosed = true;
  return pin;
}

/** The next `size` bytes; more in the last chunk are a failure. */
async function exactly(stream: Duplex, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    got += chunk.length;
    if (got >= size) break;
  }
  assert.equal(got, size);
  return Buffer.concat(chunks);
}
