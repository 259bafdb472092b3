import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { TransportMethod, TransportNegotiation } from '../../src/xpmn/ports/transport.ts';

/** Both ends of one transport, freshly made for each test. */
export interface TransportRig {
  readonly initiator: TransportMethod;
  readonly responder: TransportMethod;
  readonly initiatorJid: Jid;
  readonly responderJid: Jid;
  /** The most bytes that a writer may get rid of while the reader reads nothing (kernel buffers included). */
  readonly slowReaderBound: number;
  /** Whether one direction lives on when the other has ended (TCP), or both end together (IBB). */
  readonly independentEnds: boolean;
  /** Each must make `accept` / `answered` throw `malformed`, `received` throw `malformed` or `not-found`. */
  readonly malformedOffers: readonly XmlElement[];
  readonly malformedAnswers: readonly XmlElement[];
  readonly malformedInfos: readonly XmlElement[];
  /** Breaks what carries the bytes of this rig, without a word to either end's code. */
  vanish(): void;
  /** Names of the sockets, listeners, routes and timers that either end still holds for negotiations and streams. */
  leftovers(): readonly string[];
  /** Shared resources go (a SOCKS5 listener, the channel pair). */
  close(): Promise<void>;
}

interface Ends {
  readonly offer: TransportNegotiation;
  readonly answer: TransportNegotiation;
  readonly offerAbort: AbortController;
  readonly answerAbort: AbortController;
}

const MEGABYTE = 2 ** 20;

/** The contract of ports/transport.ts: every implementation and every fake passes this. */
export function describeTransport(name: string, setup: () => Promise<TransportRig>): void {
  describe(`transport: ${name}`, function () {
    this.timeout(60_000);
    let rig: TransportRig;
    let made: TransportNegotiation[];
    let streams: Duplex[];

    beforeEach(async () => {
      rig = await setup();
      made = [];
      streams = [];
    });

    afterEach(async () => {
      for (const stream of streams) stream.destroy();
      for (const negotiation of made) negotiation.destroy();
      await nothingLeft(rig);
      await rig.close();
    });

    function offerOnly(abort: AbortController, sendInfo: (info: XmlElement) => Promise<void> = () => Promise.resolve()): TransportNegotiation {
      const offer = rig.initiator.offer({ role: 'initiator', local: rig.initiatorJid, peer: rig.responderJid, sendInfo, signal: abort.signal });
      made.push(offer);
      return offer;
    }

    /** Offer and answer exchanged; transport-infos are carried between the two in order. */
    async function negotiated(): Promise<Ends> {
      const offerAbort = new AbortController();
      const answerAbort = new AbortController();
      const carry = (to: () => TransportNegotiation) => async (info: XmlElement): Promise<void> => {
        await Promise.resolve();
        to().received(info);
      };
      const offer = offerOnly(offerAbort, carry(() => answer));
      const offered = await offer.describe();
      assert.equal(offered.ns, rig.initiator.namespace);
      assert.equal(offered.name, 'transport');
      const answer = rig.responder.accept(
        { role: 'responder', local: rig.responderJid, peer: rig.initiatorJid, sendInfo: carry(() => offer), signal: answerAbort.signal },
        offered,
      );
      made.push(answer);
      const answered = await answer.describe();
      assert.equal(answered.ns, rig.initiator.namespace);
      offer.answered(answered);
      return { offer, answer, offerAbort, answerAbort };
    }

    function own(stream: Duplex): Duplex {
      stream.on('error', () => undefined);
      streams.push(stream);
      return stream;
    }

    async function connected(): Promise<readonly [Duplex, Duplex]> {
      const { offer, answer } = await negotiated();
      const [a, b] = await Promise.all([answer.connect(), offer.connect()]);
      return [own(b), own(a)];
    }

    it('carries bytes both ways, from the first one', async () => {
      const [a, b] = await connected();
      a.write('ping');
      b.write('pong');
      assert.equal((await take(b, 4)).toString(), 'ping');
      assert.equal((await take(a, 4)).toString(), 'pong');
    });

    it('keeps what was sent before anybody read', async () => {
      const { offer, answer } = await negotiated();
      const both = Promise.all([answer.connect(), offer.connect()]);
      const [b, a] = await both;
      own(a).write('early');
      own(b);
      await turns(20);
      assert.equal((await take(b, 5)).toString(), 'early');
    });

    it('joins one-byte writes in order', async () => {
      const [a, b] = await connected();
      const sent = randomBytes(1500);
      const reading = take(b, sent.length);
      for (const byte of sent) if (!a.write(Buffer.of(byte))) await once(a, 'drain');
      assert.deepEqual(await reading, sent);
    });

    it('hands out bytes one by one', async () => {
      const [a, b] = await connected();
      const sent = randomBytes(300);
      a.write(sent);
      const got: Buffer[] = [];
      while (got.length < sent.length) got.push(await take(b, 1));
      assert.deepEqual(Buffer.concat(got), sent);
    });

    it('carries 10 MB each way at the same time, unchanged', async () => {
      const [a, b] = await connected();
      const [up, down] = [randomBytes(10 * MEGABYTE), randomBytes(10 * MEGABYTE)];
      const [gotUp, gotDown] = await Promise.all([
        digest(b, up.length), digest(a, down.length), feed(a, up), feed(b, down),
      ]);
      assert.equal(gotUp, sha256(up));
      assert.equal(gotDown, sha256(down));
    });

    it('holds a writer back while the reader does not read', async () => {
      const [a, b] = await connected();
      const total = rig.slowReaderBound + 2 * MEGABYTE;
      const block = randomBytes(65536);
      let accepted = 0;
      const writing = (async () => {
        while (accepted < total) {
          const room = a.write(block);
          accepted += block.length;
          if (!room) await once(a, 'drain');
        }
      })();
      // Stalled = no progress over many turns of the event loop. Seeing it too early could only make the test milder.
      for (let still = 0, last = -1; still < 60; still = accepted === last ? still + 1 : 0) {
        last = accepted;
        await turns(3);
      }
      assert.ok(accepted <= rig.slowReaderBound, `${accepted} bytes were taken from the writer`);
      const reading = drop(b, Math.ceil(total / block.length) * block.length);
      await Promise.all([writing, reading]);
    });

    it('delivers everything before the end', async () => {
      const [a, b] = await connected();
      const sent = randomBytes(300_000);
      const reading = digest(b, sent.length);
      a.end(sent);
      assert.equal(await reading, sha256(sent));
      assert.equal(await take(b, 1).catch(() => undefined), undefined);
      assert.ok(b.readableEnded || b.destroyed);
    });

    it('ends one direction, or both together, as the transport says', async () => {
      const [a, b] = await connected();
      a.resume();
      b.resume();
      const ended = once(b, 'end');
      a.end();
      await ended;
      if (!rig.independentEnds) {
        b.end();
        await Promise.all([closed(a), closed(b)]);
        return;
      }
      const last = new Promise<Buffer>((resolve) => a.once('data', resolve));
      b.write('still here');
      assert.equal((await last).toString(), 'still here');
      b.end();
      await Promise.all([closed(a), closed(b)]);
    });

    it('closes the other end when one is destroyed', async () => {
      const [a, b] = await connected();
      b.resume();
      a.destroy();
      b.on('end', () => b.end());
      await Promise.all([closed(a), closed(b)]);
    });

    it('closes both ends when the path below is gone', async () => {
      const [a, b] = await connected();
      for (const stream of [a, b]) stream.resume().on('end', () => stream.end());
      rig.vanish();
      await Promise.all([closed(a), closed(b)]);
    });

    it('fails what is being written when the path below is gone', async () => {
      const [a, b] = await connected();
      const source = Readable.from(endless());
      const writing = assert.rejects(pipeline(source, a));
      await take(b, 65536);
      rig.vanish();
      await writing;
    });

    it('rejects with the reason when aborted before the start', async () => {
      const abort = new AbortController();
      const reason = new XpmnError('aborted', 'Not wanted.');
      abort.abort(reason);
      const { offer, answer, answerAbort } = await negotiated();
      answerAbort.abort(reason);
      await assert.rejects(answer.connect(), reason);
      offer.destroy();
      await assert.rejects(async () => {
        const late = offerOnly(abort);
        await late.describe();
        await late.connect();
      }, reason);
    });

    for (const side of ['offer', 'answer'] as const) {
      it(`frees everything when the ${side} is aborted under way`, async () => {
        const ends = await negotiated();
        const abort = side === 'offer' ? ends.offerAbort : ends.answerAbort;
        const reason = new XpmnError('aborted', 'Not wanted any more.');
        const connecting = ends[side].connect().then(own, (error: unknown) => error);
        await turns(2);
        abort.abort(reason);
        const outcome = await connecting;
        // In-band bytes may have been ready at once; then the stream is the receiver's to destroy.
        if (outcome instanceof Error) assert.equal(outcome, reason);
      });
    }

    it('frees an offer that nobody answers', async () => {
      const offer = offerOnly(new AbortController());
      await offer.describe();
      offer.destroy();
      offer.destroy();
      await nothingLeft(rig);
    });

    it('leaves nothing when destroyed while connecting, twice', async () => {
      const { offer, answer } = await negotiated();
      const outcome = answer.connect().then(own, (error: unknown) => error);
      answer.destroy();
      answer.destroy();
      offer.destroy();
      offer.destroy();
      await outcome;
    });

    it('gives the stream away: destroy does not take it back', async () => {
      const { offer, answer } = await negotiated();
      const [b, a] = await Promise.all([answer.connect(), offer.connect()]);
      own(a);
      own(b);
      offer.destroy();
      answer.destroy();
      a.write('mine');
      assert.equal((await take(b, 4)).toString(), 'mine');
    });

    it('keeps negotiations apart', async () => {
      const pairs = await Promise.all([connected(), connected(), connected()]);
      pairs.forEach(([a], i) => a.write(`pair ${i}`));
      for (const [i, [, b]] of pairs.entries()) assert.equal((await take(b, 6)).toString(), `pair ${i}`);
      pairs[0]?.[0].destroy();
      pairs[1]?.[1].write('alive');
      assert.equal((await take(pairs[1]?.[0] as Duplex, 5)).toString(), 'alive');
    });

    it('refuses offers that make no sense', () => {
      const empty = [xml('transport', rig.responder.namespace)];
      for (const offered of [...empty, ...rig.malformedOffers]) {
        const abort = new AbortController();
        const context = { role: 'responder', local: rig.responderJid, peer: rig.initiatorJid, sendInfo: () => Promise.resolve(), signal: abort.signal } as const;
        assert.throws(() => made.push(rig.responder.accept(context, offered)), { code: 'malformed' });
      }
    });

    it('refuses answers that make no sense', async () => {
      for (const wrong of [xml('transport', rig.initiator.namespace), ...rig.malformedAnswers]) {
        const offer = offerOnly(new AbortController());
        await offer.describe();
        assert.throws(() => offer.answered(wrong), { code: 'malformed' });
        offer.destroy();
      }
    });

    it('refuses infos that make no sense, and goes on', async () => {
      const { offer, answer } = await negotiated();
      for (const wrong of rig.malformedInfos) {
        for (const end of [offer, answer]) {
          assert.throws(() => end.received(wrong), (error) => error instanceof XpmnError && ['malformed', 'not-found'].includes(error.code));
        }
      }
      const [b, a] = await Promise.all([answer.connect(), offer.connect()]);
      own(a).write('fine');
      assert.equal((await take(own(b), 4)).toString(), 'fine');
    });
  });
}

/** Exactly `count` bytes; leaves the rest in the stream. */
export async function take(stream: Duplex, count: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let missing = count; missing > 0; ) {
    const part = stream.read(Math.min(missing, Math.max(1, stream.readableLength))) as Buffer | null;
    if (part) {
      parts.push(part);
      missing -= part.length;
    } else {
      if (stream.readableEnded || stream.destroyed) throw new Error('The stream ended too early.');
      await readableOrOver(stream);
    }
  }
  return Buffer.concat(parts);
}

function readableOrOver(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const;
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

async function digest(stream: Duplex, count: number): Promise<string> {
  const hash = createHash('sha256');
  for (let missing = count; missing > 0; ) {
    const part = await take(stream, Math.min(missing, 65536));
    hash.update(part);
    missing -= part.length;
  }
  return hash.digest('hex');
}

async function drop(stream: Duplex, count: number): Promise<void> {
  await digest(stream, count);
}

async function feed(stream: Duplex, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 50_000) {
    if (!stream.write(bytes.subarray(at, at + 50_000))) await once(stream, 'drain');
  }
}

function* endless(): Generator<Buffer> {
  for (;;) yield randomBytes(16384);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function closed(stream: Duplex): Promise<unknown> {
  // Not events.once: that would reject on 'error', and how a stream dies is not what is asked here.
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', resolve));
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function nothingLeft(rig: TransportRig): Promise<void> {
  // Closing a socket takes some turns of the event loop; a leak never goes away.
  for (let i = 0; i < 2000 && rig.leftovers().length > 0; i += 1) await turns(1);
  assert.deepEqual(rig.leftovers(), []);
}
