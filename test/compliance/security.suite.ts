import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ListedPeer, PeerIdentity } from '../../src/xpmn/model/identity.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../../src/xpmn/ports/security.ts';

export interface Party {
  readonly method: SecurityMethod;
  /** What it announces in `<security/>`. */
  readonly fingerprint: string;
  readonly jid: Jid;
  /** Who it proves to be. */
  readonly identity: PeerIdentity;
}

export interface SecuritySetup {
  /** Two devices that are to trust each other, and one that is nobody's. All with the same method. */
  parties(): Promise<{ alice: Party; bob: Party; mallory: Party }>;
  /** Two ends of a raw byte stream; `tap`, if given, is put between them. */
  wire(tap?: Tap): Promise<[Duplex, Duplex]>;
  /** The method's own proof says who the peer is: the context's `accept` is not asked. */
  readonly asksNobody?: true;
}

/** Sees every chunk from the initiator (`up`) or the responder (`down`), and says what goes on. */
export type Tap = (direction: 'up' | 'down', chunk: Buffer, count: number) => Buffer | 'cut';

const never = new AbortController().signal;

export function contextFor(own: Party, peer: Party, role: 'initiator' | 'responder', changes: Partial<SecurityContext> = {}): SecurityContext {
  return {
    role,
    local: own.jid,
    peer: peer.jid,
    announcedFingerprint: peer.fingerprint,
    methods: { initiator: [own.method.name], responder: [own.method.name] },
    accept: () => acceptedAs(peer),
    signal: never,
    ...changes,
  };
}

/** What the acceptance function says of it. It knows nobody who is being paired. */
function acceptedAs({ identity }: Party): Promise<ListedPeer> {
  return identity.verdict === 'pairing' ? Promise.reject(new XpmnError('not-trusted', 'A stranger.')) : Promise.resolve(identity);
}

/** The promises of SecurityMethod, and what attackers do to it. */
export function describeSecurity(name: string, setup: SecuritySetup): void {
  describe(`security: ${name}`, () => {
    let alice: Party;
    let bob: Party;
    let mallory: Party;
    before(async () => ({ alice, bob, mallory } = await setup.parties()));

    /** Runs both sides; what each came to. Both streams are destroyed afterwards. */
    async function run(
      options: { tap?: Tap; initiator?: Partial<SecurityContext>; responder?: Partial<SecurityContext>; initiatorParty?: Party; responderParty?: Party } = {},
      use: (a: Outcome, b: Outcome) => Promise<void> | void = () => undefined,
    ): Promise<void> {
      const [up, down] = await setup.wire(options.tap);
      const [a, b] = await Promise.all([
        outcome((options.initiatorParty ?? alice).method.secure(up, contextFor(alice, bob, 'initiator', options.initiator)), up),
        outcome((options.responderParty ?? bob).method.secure(down, contextFor(bob, alice, 'responder', options.responder)), down),
      ]);
      try {
        await use(a, b);
      } finally {
        for (const end of [a.stream?.stream, b.stream?.stream, up, down]) end?.destroy();
      }
    }

    /** Where the acceptance function decides. */
    function describeVerdict(): void {
      it('asks for the verdict once, with the proven leaf and the JID of the session', async () => {
        const asked: [number, Jid][] = [];
        await run({ initiator: { accept: (leaf, jid) => (asked.push([leaf.length, jid]), acceptedAs(bob)) } });
        assert.equal(asked.length, 1);
        assert.ok((asked[0]?.[0] ?? 0) > 0);
        assert.equal(asked[0]?.[1], bob.jid);
      });

      for (const side of ['initiator', 'responder'] as const) {
        it(`refuses a proven stranger, with the verdict's own code (${side})`, () =>
          run({ [side]: { accept: () => Promise.reject(new XpmnError('not-trusted', 'A stranger.')) } }, (a, b) => {
            refused(side === 'initiator' ? a : b, 'not-trusted');
          }));

        it(`never shows a byte to whom it refused (${side})`, () =>
          run({ [side]: { accept: () => Promise.reject(new XpmnError('not-trusted', 'A stranger.')) } }, async (a, b) => {
            const other = side === 'initiator' ? b : a;
            if (!other.stream) return;
            const { stream } = other.stream;
            stream.write('hello?');
            stream.on('data', () => assert.fail('got a byte from a peer that refused us'));
            await closed(stream);
          }));

        it(`gives up, and frees the stream, when a verdict does not come (${side})`, async () => {
          const abort = new AbortController();
          const waiting = run(
            { [side]: { signal: abort.signal, accept: () => (setImmediate(() => abort.abort(new XpmnError('timeout', 'Too long.'))), new Promise<ListedPeer>(() => undefined)) } },
            (a, b) => refused(side === 'initiator' ? a : b, 'timeout'),
          );
          await waiting;
        });
      }
    }

    it('opens with the right identities on both ends', () =>
      run({}, (a, b) => {
        assert.deepEqual(a.stream?.peer, bob.identity);
        assert.deepEqual(b.stream?.peer, alice.identity);
        if (setup.asksNobody) return;
        assert.equal(a.stream?.peer, bob.identity);
        assert.equal(b.stream?.peer, alice.identity);
      }));

    if (setup.asksNobody) {
      it('asks nobody for a verdict', () => {
        const accept = (): Promise<ListedPeer> => assert.fail('somebody was asked');
        return run({ initiator: { accept }, responder: { accept } }, (a, b) => assert.ok(a.stream && b.stream));
      });
    } else describeVerdict();

    for (const side of ['initiator', 'responder'] as const) {
      it(`refuses a peer with another certificate than announced (${side})`, () =>
        run(side === 'initiator' ? { responderParty: mallory } : { initiatorParty: mallory }, (a, b) => {
          refused(side === 'initiator' ? a : b, 'security-failed');
        }));

      it(`refuses a peer that announced no fingerprint (${side})`, () =>
        run({ [side]: { announcedFingerprint: undefined } }, (a, b) => refused(side === 'initiator' ? a : b, 'security-failed')));

      it(`rejects at once when aborted before it starts (${side})`, async () => {
        const [up, down] = await setup.wire();
        const end = side === 'initiator' ? up : down;
        const [own, peer] = side === 'initiator' ? [alice, bob] : [bob, alice];
        const reason = new XpmnError('aborted', 'Before.');
        const result = await outcome(own.method.secure(end, contextFor(own, peer, side, { signal: AbortSignal.abort(reason) })), end);
        refused(result, 'aborted');
        up.destroy();
        down.destroy();
      });

      it(`gives up when the peer vanishes in the handshake (${side})`, async () => {
        const [up, down] = await setup.wire();
        const [own, other] = side === 'initiator' ? [up, down] : [down, up];
        const [me, peer] = side === 'initiator' ? [alice, bob] : [bob, alice];
        const result = outcome(me.method.secure(own, contextFor(me, peer, side)), own);
        other.destroy();
        refused(await result, 'security-failed');
      });

      it(`refuses a peer that speaks something else (${side})`, async () => {
        const [up, down] = await setup.wire();
        const [own, other] = side === 'initiator' ? [up, down] : [down, up];
        const [me, peer] = side === 'initiator' ? [alice, bob] : [bob, alice];
        const result = outcome(me.method.secure(own, contextFor(me, peer, side)), own);
        other.on('error', () => undefined).resume();
        other.write('<stream:stream xmlns="jabber:client">'.repeat(20));
        refused(await result, 'security-failed');
        other.destroy();
      });
    }

    it('does not open when any byte of the handshake is changed', async () => {
      for (const direction of ['up', 'down'] as const) {
        for (const at of [0, 5, 60]) {
          let done = false;
          const tap: Tap = (from, chunk) => {
            if (done || from !== direction || chunk.length <= at) return chunk;
            done = true;
            const changed = Buffer.from(chunk);
            changed[at] = (changed[at] as number) ^ 1;
            return changed;
          };
          await run({ tap }, (a, b) => assert.ok(!a.stream || !b.stream, `${direction} byte ${at}`));
        }
      }
    });

    it('delivers nothing from a record that was tampered with, and ends with an error or a close', async () => {
      let armed = false;
      const tap: Tap = (from, chunk) => {
        if (!armed || from !== 'up') return chunk;
        const changed = Buffer.from(chunk);
        changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
        return changed;
      };
      await run({ tap }, async (a, b) => {
        armed = true;
        await silent(b, () => void a.stream?.stream.write(Buffer.alloc(1000, 7)));
      });
    });

    it('delivers nothing twice when records are replayed', async () => {
      let armed = false;
      const tap: Tap = (from, chunk) => (armed && from === 'up' ? Buffer.concat([chunk, chunk]) : chunk);
      await run({ tap }, async (a, b) => {
        armed = true;
        let got = 0;
        const stream = (b.stream as SecuredStream).stream;
        stream.on('data', (chunk: Buffer) => (got += chunk.length));
        a.stream?.stream.write(Buffer.alloc(1000, 7));
        await closed(stream);
        assert.ok(got === 0 || got === 1000, `got ${got}`);
      });
    });

    it('tells a stream that is cut from one that goes on', async () => {
      let armed = false;
      const tap: Tap = (_from, chunk) => (armed ? 'cut' : chunk);
      await run({ tap }, async (a, b) => {
        armed = true;
        const stream = (b.stream as SecuredStream).stream;
        stream.resume();
        a.stream?.stream.write(Buffer.alloc(1000));
        await closed(stream);
      });
    });

    it('is not fooled when the channel is swapped for that of another session', async () => {
      const [aliceWire, malloryWire] = await setup.wire();
      const [a, m] = await Promise.all([
        outcome(alice.method.secure(aliceWire, contextFor(alice, bob, 'initiator')), aliceWire),
        outcome(mallory.method.secure(malloryWire, contextFor(mallory, alice, 'responder')), malloryWire),
      ]);
      refused(a, 'security-failed');
      m.stream?.stream.destroy();
    });

    it('gives a relay in the middle nothing: both ends share one session with each other', async () => {
      const first = await setup.wire();
      const second = await setup.wire();
      first[1].pipe(second[0]).on('error', () => undefined);
      second[0].pipe(first[1]).on('error', () => undefined);
      const [a, b] = await Promise.all([
        outcome(alice.method.secure(first[0], contextFor(alice, bob, 'initiator')), first[0]),
        outcome(bob.method.secure(second[1], contextFor(bob, alice, 'responder')), second[1]),
      ]);
      assert.deepEqual(a.stream?.exporter('EXPORTER-test', 32), b.stream?.exporter('EXPORTER-test', 32));
      for (const end of [a.stream?.stream, b.stream?.stream, ...first, ...second]) end?.destroy();
    });
  });
}

export interface Outcome {
  readonly stream?: SecuredStream;
  readonly error?: XpmnError;
  readonly raw: Duplex;
}

export async function outcome(promise: Promise<SecuredStream>, raw: Duplex): Promise<Outcome> {
  try {
    return { stream: await promise, raw };
  } catch (error) {
    assert.ok(error instanceof XpmnError, `a coded error, not ${String(error)}`);
    return { error, raw };
  }
}

export function refused(result: Outcome, code: string): void {
  assert.equal(result.stream, undefined, 'it opened');
  assert.equal(result.error?.code, code);
  assert.ok(result.raw.destroyed, 'the raw stream is destroyed before the rejection is seen');
}

async function silent(end: Outcome, act: () => void): Promise<void> {
  const stream = (end.stream as SecuredStream).stream;
  stream.on('data', () => assert.fail('a byte was delivered'));
  act();
  await closed(stream);
}

/** Resolves when the stream has closed, with an error or without. */
export function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => (stream.closed ? resolve() : stream.once('close', () => resolve())));
}
