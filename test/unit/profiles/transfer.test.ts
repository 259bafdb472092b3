import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { child, elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { OpenMedia, RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import type { MediaSink } from '../../../src/xpmn/ports/peer-link.ts';
import { openTransfer } from '../../../src/xpmn/profiles/transfer-controller.ts';
import type { RemoteTransfer } from '../../../src/xpmn/profiles/transfer-controller.ts';
import { settle } from '../../support/fake-clock.ts';
import { profileRig } from '../../support/profile-rig.ts';
import type { ProfileRig } from '../../support/profile-rig.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
setMaxListeners(0, never);
const content = randomBytes(100_001);

describe('MediaServer Transfer', () => {
  let rig: ProfileRig;
  beforeEach(() => (rig = filled(profileRig())));
  afterEach(async () => {
    await settle();
    assert.equal(rig.channels.waiting, 0, 'a request is left');
  });

  function filled(made: ProfileRig): ProfileRig {
    made.library.addItem('film', 'Film', content);
    made.library.addItem('empty', 'Empty', Buffer.alloc(0));
    return made;
  }

  const has = (code: ErrorCode, details: Record<string, unknown> = {}) => (error: unknown): boolean => {
    assert.ok(error instanceof XpmnError, String(error));
    assert.equal(error.code, code, error.message);
    for (const [name, value] of Object.entries(details)) assert.equal(error.details[name], value);
    return true;
  };

  async function request(payload: XmlElement, type: 'get' | 'set' = 'get'): Promise<XmlElement> {
    return elements(await rig.channels.a.channel.request({ type, to: rig.provider.jid, payload }, { signal: never }))[0] as XmlElement;
  }
  const ask = (attrs: Record<string, string | number>): Promise<XmlElement> => request(xml('transfer', NS.mediaServer, attrs));
  const abort = (id: string, ns: string = NS.outOfBand): Promise<XmlElement> => request(xml('abort', ns, { id }), 'set');

  function open(uid = 'film', more: { range?: RangeRequest; ifMatch?: string; signal?: AbortSignal } = {}): Promise<RemoteTransfer> {
    return openTransfer(rig.link, { uid, ...more }, { options: settings.transfer, clock: rig.clock, signal: more.signal ?? never });
  }

  /** All bytes of a transfer; rejects as it fails. */
  function bytesOf(transfer: RemoteTransfer): Promise<Buffer> {
    const parts: Buffer[] = [];
    const done = deferred<Buffer>();
    const stream = transfer.receive({
      write: (chunk) => {
        parts.push(chunk);
        queueMicrotask(() => stream.consumed(chunk.length));
      },
      end: () => done.resolve(Buffer.concat(parts)),
      fail: (error) => done.reject(error),
    });
    return done.promise;
  }

  /** Every source that is opened, and whether it was closed. */
  function watchSources(): { closed: number; opened: number; probed: number; order: string[] } {
    const seen = { closed: 0, opened: 0, probed: 0, order: [] as string[] };
    rig.library.wrap = (source) => ({
      probe: (options) => {
        seen.probed += 1;
        seen.order.push('probe');
        return source.probe(options);
      },
      open: async (options): Promise<OpenMedia> => {
        seen.order.push('open');
        const media = await source.open(options);
        seen.opened += 1;
        return { ...media, close: () => (seen.closed += 1) };
      },
    });
    return seen;
  }

  describe('provider', () => {
    it('always answers with the wrapper: what it is, which range, and the stream', async () => {
      const answer = await ask({ uid: 'film', from: 100, to: 199 });
      const { etag, ...attrs } = answer.attrs;
      assert.deepEqual([answer.name, answer.ns, attrs], ['transfer', NS.mediaServer, { uid: 'film', from: '100', to: '199', size: '100001', type: 'video/mp4' }]);
      assert.match(etag as string, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(child(answer, 'oob', NS.outOfBand)?.attrs, { id: rig.streams.ids[0], size: '100', type: 'video/mp4' });
      assert.deepEqual((await ask({ uid: 'film', last: 1e9 })).attrs['from'], '0');
      await abort(rig.streams.ids[0] as string);
      await abort(rig.streams.ids[1] as string);
    });

    it('answers before it touches the bytes: they find their receiver waiting', async () => {
      const order: string[] = [];
      const read = deferred<void>();
      const source = { ...rig.streams.b, canSend: true, send: (_id: string, media: OpenMedia) => media.read({ buffer: () => Buffer.alloc(0), filled: () => undefined }, { signal: never }) };
      rig.streams.opening = Promise.resolve(source);
      rig.library.wrap = ({ probe, open: opened }) => ({
        probe,
        open: async (options) => ({ ...await opened(options), read: () => Promise.resolve(void order.push('read')).then(read.resolve) }),
      });
      await ask({ uid: 'film' });
      order.push('answer');
      await read.promise;
      assert.deepEqual(order, ['answer', 'read']);
    });

    const refusals: [string, Record<string, string | number>, ErrorCode, Record<string, unknown>?][] = [
      ['an unknown uid', { uid: 'nothing' }, 'not-found'],
      ['a container', { uid: 'root' }, 'not-found'],
      ['no uid', {}, 'bad-request'],
      ['a range backwards', { uid: 'film', from: 5, to: 4 }, 'bad-request'],
      ['a suffix and a position', { uid: 'film', from: 5, last: 4 }, 'bad-request'],
      ['a range outside', { uid: 'film', from: 100_001 }, 'range-not-satisfiable', { size: 100_001 }],
      ['an empty suffix', { uid: 'film', last: 0 }, 'range-not-satisfiable', { size: 100_001 }],
      ['another tag', { uid: 'film', 'if-match': 'other' }, 'entity-changed'],
      ['another tag with an impossible range', { uid: 'film', from: 1e9, 'if-match': 'other' }, 'entity-changed'],
    ];
    for (const [what, attrs, code, details] of refusals) {
      it(`refuses ${what}`, async () => {
        const seen = watchSources();
        await assert.rejects(ask(attrs), has(code, details));
        assert.deepEqual([rig.streams.sending.size, seen.opened - seen.closed], [0, 0]);
      });
    }

    it('says the new tag when the media has changed, and asks for it only where there is no such range', async () => {
      const seen = watchSources();
      const etag = (await ask({ uid: 'film', from: 0, to: 0 })).attrs['etag'] as string;
      await abort(rig.streams.ids[0] as string);
      seen.order.length = 0;
      await ask({ uid: 'film', from: 5, 'if-match': etag });
      await abort(rig.streams.ids[1] as string);
      assert.deepEqual(seen.order, ['open']);
      await assert.rejects(ask({ uid: 'film', from: 1e9, 'if-match': etag }), has('range-not-satisfiable'));
      assert.deepEqual(seen.order, ['open', 'open', 'probe']);
      await assert.rejects(ask({ uid: 'film', from: 5, 'if-match': 'old' }), has('entity-changed', { etag }));
      const [, error] = rig.channels.sent.filter(({ stanza }) => stanza.attrs['type'] === 'error').map(({ stanza }) => child(stanza, 'error') as XmlElement);
      assert.equal(error?.attrs['type'], 'modify');
      assert.deepEqual(elements(error as XmlElement).map(({ name }) => name), ['conflict', 'text', 'changed']);
      assert.deepEqual(child(error as XmlElement, 'changed', NS.mediaServer)?.attrs, { etag });
    });

    it('closes what it opened when it turns out to be another', async () => {
      const seen = watchSources();
      await assert.rejects(ask({ uid: 'film', 'if-match': 'old' }), has('entity-changed'));
      assert.deepEqual([seen.opened, seen.closed, rig.streams.ids.length], [1, 1, 0]);
    });

    it('closes what it opened when no stream can be had', async () => {
      const seen = watchSources();
      let calls = 0;
      Object.defineProperty(rig.streams, 'opening', {
        get: () => ((calls += 1) === 1 ? Promise.resolve(rig.streams.b) : Promise.reject(new XpmnError('peer-unavailable', 'Gone.'))),
      });
      await assert.rejects(ask({ uid: 'film' }), has('peer-unavailable'));
      assert.deepEqual([seen.opened, seen.closed], [1, 1]);
    });

    it('does not touch the origin when no stream can be had at all', async () => {
      const seen = watchSources();
      rig.streams.opening = Promise.reject(new XpmnError('peer-unavailable', 'Gone.'));
      await assert.rejects(ask({ uid: 'film' }), has('peer-unavailable'));
      assert.equal(seen.opened, 0);
    });

    /** A source that does not know its length, and breaks after `count` bytes. */
    function lengthless(count: number): void {
      rig.library.wrap = () => ({
        probe: () => Promise.reject(new XpmnError('internal', 'Nobody asks.')),
        open: () => Promise.resolve<OpenMedia>({
          entity: { size: undefined, type: 'video/mpeg', etag: '' }, range: undefined, close: () => undefined,
          read: async (lease) => {
            lease.buffer().fill(7, 0, count);
            await lease.filled(count);
            if (count < 1000) throw new XpmnError('truncated', 'The origin broke.');
          },
        }),
      });
    }

    it('tells the receiver that a source without a length has failed, before the stream ends', async () => {
      lengthless(999);
      await assert.rejects(bytesOf(await open()), has('truncated'));
      const aborts = rig.channels.sent.filter(({ from, stanza }) => from === 'b' && elements(stanza)[0]?.name === 'abort');
      assert.equal(aborts.length, 1);
      await settle();
      assert.equal(rig.streams.sending.size, 0);
      lengthless(1000);
      assert.equal((await bytesOf(await open())).length, 1000);
    });

    it('aborts a transfer by its id, once, under both namespaces', async () => {
      for (const ns of [NS.outOfBand, NS.outOfBandAlias]) {
        const id = child(await ask({ uid: 'film' }), 'oob')?.attrs['id'] as string;
        assert.ok(rig.streams.sending.has(id));
        assert.equal(await abort(id, ns), undefined);
        await settle();
        assert.equal(rig.streams.sending.size, 0);
        await assert.rejects(abort(id, ns), has('not-found'));
      }
    });

    it('knows no other ids', async () => {
      await assert.rejects(abort('nothing'), has('not-found'));
      await assert.rejects(request(xml('abort', NS.outOfBand), 'set'), has('not-found'));
    });

    for (const [verdict, code] of [['friend', 'not-allowed'], ['server', 'security-required']] as const) {
      it(`gives nothing to ${verdict === 'friend' ? 'a friend' : 'the stream to the server'}, and lets it abort nothing`, async () => {
        rig = filled(profileRig({ verdict }));
        const seen = watchSources();
        await assert.rejects(ask({ uid: 'film' }), has(code));
        await assert.rejects(ask({}), has(code));
        void rig.streams.b.sendBytes('running', content, { signal: never }).catch(() => undefined);
        await assert.rejects(abort('running'), has(code));
        assert.ok(rig.streams.sending.has('running'));
        assert.deepEqual([seen.opened, seen.probed], [0, 0]);
        rig.streams.abort('running');
      });
    }
  });

  describe('controller', () => {
    it('receives the whole, ranges, tails, and nothing of an empty file', async () => {
      assert.ok((await bytesOf(await open())).equals(content));
      assert.deepEqual(await bytesOf(await open('film', { range: { from: 5, to: 9 } })), content.subarray(5, 10));
      assert.deepEqual(await bytesOf(await open('film', { range: { last: 7 } })), content.subarray(-7));
      assert.deepEqual(await bytesOf(await open('film', { range: { from: 100_000, to: 1e9 } })), content.subarray(-1));
      const empty = await open('empty');
      assert.deepEqual([empty.entity.size, empty.range, (await bytesOf(empty)).length], [0, undefined, 0]);
      assert.equal(rig.streams.sending.size, 0);
    });

    it('receives several at once, of one file and of several', async () => {
      const froms = Array.from({ length: 30 }, (_, i) => i * 3000);
      const got = await Promise.all(froms.map(async (from) => bytesOf(await open('film', { range: { from, to: from + 4999 } }))));
      got.forEach((bytes, i) => assert.deepEqual(bytes, content.subarray(froms[i], (froms[i] as number) + 5000)));
    });

    it('announces the length, so that more or less is a failure', async () => {
      await bytesOf(await open('film', { range: { from: 10, to: 19 } }));
      assert.deepEqual([...rig.streams.announced.values()], [10]);
      rig.library.wrap = (source) => ({
        ...source,
        open: async (options) => ({ ...(await source.open(options)), read: (lease) => Promise.resolve(lease.filled(Math.min(5, lease.buffer().length))) }),
      });
      await assert.rejects(bytesOf(await open('film', { range: { from: 10, to: 19 } })), has('truncated'));
    });

    it('understands a bare stream', async () => {
      rig.channels.tap = (from, stanza) => {
        const inner = from === 'b' ? elements(stanza)[0] : undefined;
        const oob = inner && child(inner, 'oob');
        return oob ? { ...stanza, children: [oob] } : stanza;
      };
      const transfer = await open('film', { range: { from: 5, to: 9 } });
      assert.deepEqual([transfer.range, transfer.entity], [{ from: 5, to: 9 }, { size: undefined, type: 'video/mp4', etag: '' }]);
      assert.deepEqual(await bytesOf(transfer), content.subarray(5, 10));
    });

    it('can be received once', async () => {
      const transfer = await open();
      const sink: MediaSink = { write: () => undefined, end: () => undefined, fail: () => undefined };
      transfer.receive(sink);
      assert.throws(() => transfer.receive(sink), has('internal'));
      transfer.abort();
      const other = await open();
      other.abort();
      assert.throws(() => other.receive(sink), has('internal'));
    });

    it('tells the sender to stop, before and in the middle, once, and not after the end', async () => {
      const aborts = (): number => rig.channels.sent.filter(({ stanza }) => elements(stanza)[0]?.name === 'abort').length;
      const unread = await open();
      unread.abort();
      unread.abort();
      await settle();
      assert.deepEqual([aborts(), rig.streams.sending.size, rig.streams.cancelled.length], [1, 0, 1]);
      const half = await open();
      half.receive({ write: () => undefined, end: assert.fail, fail: assert.fail });
      await settle();
      half.abort();
      await settle();
      assert.deepEqual([aborts(), rig.streams.sending.size], [2, 0]);
      const whole = await open();
      await bytesOf(whole);
      whole.abort();
      assert.equal(aborts(), 2);
    });

    it('takes item-not-found for an abort as done', async () => {
      const transfer = await open();
      rig.streams.abort(rig.streams.ids[0] as string);
      await settle();
      transfer.abort();
      await settle();
    });

    it('does not fail to abort when the session has gone', async () => {
      const transfer = await open();
      rig.streams.lose();
      transfer.abort();
      await settle();
    });

    it('ends what the provider began for a caller who has left meanwhile', async () => {
      const leave = new AbortController();
      rig.channels.hold('b');
      const opening = open('film', { signal: leave.signal });
      opening.catch(() => undefined);
      await settle();
      leave.abort(new XpmnError('aborted', 'Enough.'));
      await assert.rejects(opening, has('aborted'));
      assert.equal(rig.streams.sending.size, 1);
      rig.channels.release('b');
      await settle();
      assert.equal(rig.streams.sending.size, 0);
    });

    it('asks nothing for a caller who is not there any more', async () => {
      await assert.rejects(open('film', { signal: AbortSignal.abort(new XpmnError('aborted', 'Enough.')) }), has('aborted'));
      await settle();
      assert.equal(rig.streams.sending.size, 0);
    });

    it('gives up a provider that does not answer', async () => {
      rig.channels.hold('b');
      const opening = open();
      opening.catch(() => undefined);
      await rig.clock.advance(settings.transfer.answerTimeout);
      await assert.rejects(opening, has('timeout'));
    });

    it('fails at once when the session has gone as the answer comes', async () => {
      rig.channels.tap = (from, stanza) => {
        if (from === 'b') rig.streams.lose();
        return stanza;
      };
      await assert.rejects(open(), has('connection-lost'));
    });

    it('refuses answers that are none', async () => {
      rig.channels.tap = (from, stanza) => (from === 'b' ? { ...stanza, children: [] } : stanza);
      await assert.rejects(open(), has('malformed'));
      rig.channels.tap = (from, stanza) => (from === 'b' ? { ...stanza, children: [xml('transfer', NS.mediaServer, { uid: 'film' })] } : stanza);
      await assert.rejects(open(), has('malformed'));
      for (const id of rig.streams.ids) rig.streams.abort(id);
    });
  });
});
