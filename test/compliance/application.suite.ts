import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ApplicationMethod, OpenApplication } from '../../src/xpmn/ports/application.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import { wiredPair } from '../support/secured-pair.ts';
import type { WiredPair } from '../support/secured-pair.ts';

/** Both ends of one application, freshly made for each test, with the machine's own clock. */
export interface ApplicationRig<Opened extends OpenApplication> {
  readonly initiator: ApplicationMethod<Opened>;
  readonly responder: ApplicationMethod<Opened>;
  /** Something of the application's own, there and back; rejects if it fails. */
  exchange(initiator: Opened, responder: Opened): Promise<void>;
  /** Sends from `sender` to `receiver` until the signal aborts; adds up what was taken from it. */
  flood(sender: Opened, receiver: Opened, signal: AbortSignal, taken: (bytes: number) => void): Promise<void>;
  /** The most bytes that flood may get rid of while the wire is held: buffers of the test's wire included. */
  readonly slowReaderBound: number;
  /** First bytes of a peer that must end the application, by what is wrong with them. */
  readonly hostile: Readonly<Record<string, Uint8Array>>;
}

type Side = 'initiator' | 'responder';
const SIDES: readonly Side[] = ['initiator', 'responder'];
const never = (): AbortSignal => new AbortController().signal;

/** What every ApplicationMethod and OpenApplication promises. */
export function describeApplication<Opened extends OpenApplication>(name: string, setup: () => ApplicationRig<Opened>): void {
  describe(`application: ${name}`, () => {
    let rig: ApplicationRig<Opened>;
    let pair: WiredPair;
    beforeEach(() => {
      rig = setup();
      pair = wiredPair();
    });
    afterEach(() => {
      pair.initiator.stream.destroy();
      pair.responder.stream.destroy();
    });

    function openOne(side: Side, signal = never()): Promise<Opened> {
      return rig[side].open(pair[side], rig[other(side)].describe(), { signal });
    }

    async function openBoth(): Promise<Record<Side, Opened>> {
      const [initiator, responder] = await Promise.all([openOne('initiator'), openOne('responder')]);
      return { initiator, responder };
    }

    it('describes itself in its own namespace', () => {
      for (const side of SIDES) {
        const description = rig[side].describe();
        assert.equal(description.name, 'description');
        assert.equal(description.ns, rig[side].namespace);
      }
      assert.equal(rig.initiator.contentName, rig.responder.contentName);
    });

    it('works both ways', async () => {
      const { initiator, responder } = await openBoth();
      await rig.exchange(initiator, responder);
      assert.ok(!initiator.closed.aborted && !responder.closed.aborted);
    });

    it('works though every byte arrives alone', async () => {
      pair = wiredPair({ split: 1 });
      const { initiator, responder } = await openBoth();
      await rig.exchange(initiator, responder);
      await initiator.close({ signal: never() });
      await aborted(responder.closed);
      assert.equal(codeOf(responder.closed), 'aborted');
    });

    for (const side of SIDES) {
      it(`is closed in order by the ${side}, both ends, with nothing left`, async () => {
        const opened = await openBoth();
        await rig.exchange(opened.initiator, opened.responder);
        await opened[side].close({ signal: never() });
        await aborted(opened[other(side)].closed);
        for (const end of SIDES) {
          assert.equal(codeOf(opened[end].closed), 'aborted');
          await gone(pair[end].stream);
        }
        await opened[side].close({ signal: never() });
        await opened[other(side)].close({ signal: never() });
      });

      it(`is destroyed by the ${side} at once, and the other end learns that it was no end in order`, async () => {
        const opened = await openBoth();
        const reason = new XpmnError('security-failed', 'Test.');
        opened[side].destroy(reason);
        opened[side].destroy(new XpmnError('internal', 'A second reason does not count.'));
        assert.equal(opened[side].closed.reason, reason);
        await gone(pair[side].stream);
        await aborted(opened[other(side)].closed);
        assert.notEqual(codeOf(opened[other(side)].closed), 'aborted');
        await gone(pair[other(side)].stream);
        await opened[side].close({ signal: never() });
      });

      it(`does not let the ${side} wait for a silent peer longer than the signal says`, async () => {
        const opened = await openBoth();
        pair.hold();
        const controller = new AbortController();
        const closing = opened[side].close({ signal: controller.signal });
        controller.abort(new XpmnError('timeout', 'Test.'));
        await closing;
        assert.ok(opened[side].closed.aborted);
        await gone(pair[side].stream);
      });

      it(`does not begin for the ${side} when the signal is aborted`, async () => {
        const reason = new XpmnError('not-running', 'Test.');
        await assert.rejects(openOne(side, AbortSignal.abort(reason)), reason);
        await gone(pair[side].stream);
      });

      it(`stops a ${side} that sends to a peer which takes nothing`, async () => {
        const opened = await openBoth();
        await rig.exchange(opened.initiator, opened.responder);
        pair.hold();
        const controller = new AbortController();
        let total = 0;
        let last = Date.now();
        const flooding = rig.flood(opened[side], opened[other(side)], controller.signal, (bytes) => {
          total += bytes;
          last = Date.now();
          assert.ok(total <= rig.slowReaderBound, `${total} bytes were taken`);
        }).catch((error: unknown) => error);
        while (total === 0 || Date.now() - last < 100) await new Promise((resolve) => setTimeout(resolve, 20));
        controller.abort();
        opened[side].destroy(new XpmnError('aborted', 'Test.'));
        const failure = await flooding;
        assert.ok(!(failure instanceof assert.AssertionError), String(failure));
        assert.ok(total > 0);
      });
    }

    it('is closed by both ends at the same time', async () => {
      const opened = await openBoth();
      await Promise.all(SIDES.map((side) => opened[side].close({ signal: never() })));
      for (const side of SIDES) assert.equal(codeOf(opened[side].closed), 'aborted');
    });

    it('notices that the peer has vanished', async () => {
      const opened = await openBoth();
      pair.cut();
      for (const side of SIDES) {
        await aborted(opened[side].closed);
        assert.notEqual(codeOf(opened[side].closed), 'aborted');
        await gone(pair[side].stream);
      }
    });

    it('takes an end of the bytes alone for no end in order', async () => {
      for (const side of SIDES) {
        pair = wiredPair();
        const failed = failure(openOne(side));
        pair[other(side)].stream.resume().end();
        assert.notEqual((await failed).code, 'aborted');
        await gone(pair[side].stream);
      }
    });

    it('is aborted while it opens, and leaves nothing', async () => {
      pair.hold();
      const controller = new AbortController();
      const reason = new XpmnError('not-running', 'Test.');
      const attempts = SIDES.map((side) => openOne(side, controller.signal).then((opened) => ({ side, opened, error: undefined }), (error: unknown) => ({ side, opened: undefined, error })));
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      const results = await Promise.all(attempts);
      assert.ok(results.some(({ opened }) => !opened), 'no end waits for the other');
      for (const { side, opened, error } of results) {
        if (opened) opened.destroy(reason);
        else assert.equal(error, reason);
        await gone(pair[side].stream);
      }
    });

    it('ends a peer that begins with nonsense, whole or byte by byte', async () => {
      for (const [what, bytes] of Object.entries(rig.hostile)) {
        for (const side of SIDES) {
          for (const split of [Infinity, 1]) {
            pair = wiredPair({ split });
            const failed = failure(openOne(side));
            pair[other(side)].stream.resume().write(bytes);
            const error = await failed;
            assert.ok(error instanceof XpmnError && error.code !== 'aborted' && error.code !== 'internal', `${what}: ${String(error)}`);
            await gone(pair[side].stream);
          }
        }
      }
    });
  });
}

function other(side: Side): Side {
  return side === 'initiator' ? 'responder' : 'initiator';
}

/** Why opening failed, or the application ended after it was open. */
async function failure(opening: Promise<OpenApplication>): Promise<XpmnError> {
  try {
    const { closed } = await opening;
    await aborted(closed);
    return closed.reason as XpmnError;
  } catch (error) {
    return error as XpmnError;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function codeOf(signal: AbortSignal): string {
  assert.ok(signal.reason instanceof XpmnError);
  return signal.reason.code;
}

async function gone(stream: Duplex | SecuredStream['stream']): Promise<void> {
  if (!stream.closed) await once(stream, 'close').catch(() => undefined);
  assert.ok(stream.destroyed);
}
