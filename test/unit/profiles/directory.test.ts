import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { child, childrenNamed, elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { parseResultSet } from '../../../src/xpmn/profiles/directory-codec.ts';
import { browsePeer, objectOfPeer } from '../../../src/xpmn/profiles/directory-controller.ts';
import { settle } from '../../support/fake-clock.ts';
import { profileRig } from '../../support/profile-rig.ts';
import type { ProfileRig } from '../../support/profile-rig.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const options = settings.directory;
const bytes = Buffer.from('film');

describe('MediaServer Directory', () => {
  let rig: ProfileRig;
  beforeEach(() => (rig = filled(profileRig())));

  function filled(made: ProfileRig): ProfileRig {
    made.library.addContainer('music', 'Music');
    for (let i = 0; i < 25; i += 1) made.library.addItem(`song-${i}`, `Song ${i}`, bytes, { parent: 'music' });
    made.library.addItem('film', 'Film', bytes);
    return made;
  }

  const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));
  const match = (attr: string, value: string, more: Record<string, string> = {}): XmlElement => xml('match', NS.mediaServer, { attr, value, ...more });
  const rsm = (parts: Record<string, string | number>): XmlElement => xml('set', NS.rsm, {}, Object.entries(parts).map(([name, text]) => xml(name, NS.rsm, {}, String(text))));

  async function ask(...parts: XmlElement[]): Promise<XmlElement> {
    const answer = await rig.channels.a.channel.request({ type: 'get', to: rig.provider.jid, payload: xml('query', NS.mediaServer, {}, parts) }, { signal: never });
    return elements(answer)[0] as XmlElement;
  }
  const idsIn = (result: XmlElement): (string | undefined)[] =>
    elements(child(result, 'container', NS.metadata) as XmlElement).filter(({ attrs }) => attrs['id'] !== undefined).map(({ attrs }) => attrs['id']);

  describe('provider', () => {
    it('lists a container with its own metadata, its children, and where they lie', async () => {
      const result = await ask(match('directory', 'root'));
      const container = child(result, 'container', NS.metadata) as XmlElement;
      assert.deepEqual([container.attrs['id'], container.attrs['parent']], ['root', undefined]);
      assert.deepEqual(idsIn(result), ['music', 'object-film']);
      assert.deepEqual(parseResultSet(result), { first: 'music', last: 'object-film', index: 0, count: 2 });
    });

    it('pages by position', async () => {
      const result = await ask(match('directory', 'music'), rsm({ max: 5, index: 20 }));
      assert.deepEqual(idsIn(result), [20, 21, 22, 23, 24].map((i) => `object-song-${i}`));
      assert.deepEqual(parseResultSet(result), { first: 'object-song-20', last: 'object-song-24', index: 20, count: 25 });
      const beyond = await ask(match('directory', 'music'), rsm({ max: 5, index: 25 }));
      assert.deepEqual(idsIn(beyond), []);
      assert.deepEqual(parseResultSet(beyond), { first: undefined, last: undefined, index: undefined, count: 25 });
    });

    it('pages after an id, from end to end, and from the middle of a page', async () => {
      const seen: (string | undefined)[] = [];
      for (let after: string | undefined; ; ) {
        const result = await ask(match('directory', 'music'), rsm({ max: 10, ...(after === undefined ? {} : { after }) }));
        seen.push(...idsIn(result));
        after = parseResultSet(result).last;
        if (after === undefined) break;
      }
      assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => `object-song-${i}`));
      assert.deepEqual(idsIn(await ask(match('directory', 'music'), rsm({ max: 2, after: 'object-song-3' }))), ['object-song-4', 'object-song-5']);
    });

    it('pages after an id that has moved meanwhile, and knows when it has gone', async () => {
      await ask(match('directory', 'music'), rsm({ max: 10 }));
      rig.library.remove('object-song-2');
      assert.deepEqual(idsIn(await ask(match('directory', 'music'), rsm({ max: 2, after: 'object-song-9' }))), ['object-song-10', 'object-song-11']);
      rig.library.remove('object-song-9');
      await rejects(ask(match('directory', 'music'), rsm({ after: 'object-song-9' })), 'not-found');
    });

    it('pages though the library gives less than it is asked for', async () => {
      rig.library.most = 1;
      for (const i of [0, 7, 23]) {
        assert.deepEqual(idsIn(await ask(match('directory', 'music'), rsm({ max: 2, after: `object-song-${i}` }))), [`object-song-${i + 1}`]);
      }
      assert.deepEqual(idsIn(await ask(match('directory', 'music'), rsm({ max: 2, after: 'object-song-24' }))), []);
    });

    it('remembers so many positions, and finds its place without them', async () => {
      rig = filled(profileRig({ directory: { rememberedPositions: 1, maxPage: 4 } }));
      await ask(match('directory', 'music'), rsm({ max: 3 }));
      await ask(match('directory', 'root'));
      rig.library.browsed.length = 0;
      assert.deepEqual(idsIn(await ask(match('directory', 'music'), rsm({ max: 1, after: 'object-song-2' }))), ['object-song-3']);
      assert.ok(rig.library.browsed.every(({ limit }) => limit <= 4));
      await rejects(ask(match('directory', 'music'), rsm({ after: 'object-film' })), 'not-found');
    });

    it('keeps to its own page size', async () => {
      rig = filled(profileRig({ directory: { defaultPage: 3, maxPage: 7 } }));
      assert.equal(idsIn(await ask(match('directory', 'music'))).length, 3);
      assert.equal(idsIn(await ask(match('directory', 'music'), rsm({ max: 1000 }))).length, 7);
    });

    it('counts without listing', async () => {
      const result = await ask(match('directory', 'music'), rsm({ max: 0 }));
      assert.deepEqual(idsIn(result), []);
      assert.equal(parseResultSet(result).count, 25);
    });

    it('finds one object by id: an item in a nameless container, a container as itself', async () => {
      assert.deepEqual(idsIn(await ask(match('id', 'object-film'))), ['object-film']);
      const found = child(await ask(match('id', 'music')), 'container', NS.metadata) as XmlElement;
      assert.deepEqual([found.attrs['id'], found.attrs['parent'], childrenNamed(found, 'item').length], ['music', 'root', 0]);
    });

    it('knows no unknown container, item as container, or object', async () => {
      await rejects(ask(match('directory', 'nowhere')), 'not-found');
      await rejects(ask(match('directory', 'object-film')), 'not-found');
      await rejects(ask(match('id', 'nothing')), 'not-found');
      await rejects(ask(match('directory', 'nowhere'), rsm({ max: 0 })), 'not-found');
      await rejects(ask(match('directory', 'nowhere'), rsm({ after: 'x' })), 'not-found');
    });

    it('finds nothing by an attribute that no object has', async () => {
      const result = await ask(match('shoe-size', '42'));
      assert.deepEqual(idsIn(result), []);
      assert.equal(parseResultSet(result).count, 0);
      assert.equal(rig.library.browsed.length, 0);
    });

    it('refuses what it does not offer, without asking the library', async () => {
      await rejects(ask(match('artist', 'x')), 'not-supported');
      await rejects(ask(match('directory', 'root', { op: 'like' })), 'bad-request');
      await rejects(ask(), 'bad-request');
      assert.equal(rig.library.browsed.length, 0);
    });

    it('answers inline up to the limit, and out of band beyond', async () => {
      const size = Buffer.byteLength(serialise(child(await ask(match('directory', 'root')), 'container') as XmlElement));
      for (const [inlineLimit, isInline] of [[size, true], [size - 1, false]] as const) {
        rig = filled(profileRig({ directory: { inlineLimit } }));
        const result = await ask(match('directory', 'root'));
        assert.equal(child(result, 'container', NS.metadata) !== undefined, isInline);
        const oob = child(result, 'oob', NS.outOfBand);
        assert.equal(oob !== undefined, !isInline);
        if (oob) assert.deepEqual([oob.attrs['size'], oob.attrs['type'], oob.attrs['id']], [String(size), 'text/xml', rig.streams.ids[0]]);
      }
    });

    for (const [verdict, code] of [['friend', 'not-allowed'], ['server', 'security-required']] as const) {
      it(`gives nothing to ${verdict === 'friend' ? 'a friend' : 'the stream to the server'}`, async () => {
        rig = filled(profileRig({ verdict }));
        await rejects(ask(match('directory', 'root')), code);
        await rejects(ask(match('nonsense', 'root')), code);
        assert.equal(rig.library.browsed.length, 0);
      });
    }
    it('gives everything to a hosted device', async () => {
      rig = filled(profileRig({ verdict: 'own-hosted' }));
      assert.equal(idsIn(await ask(match('directory', 'root'))).length, 2);
    });
  });

  describe('controller', () => {
    const browse = (container: string, offset = 0, limit = 100, signal = never): ReturnType<typeof browsePeer> =>
      browsePeer(rig.link, { container, offset, limit }, { options, signal });

    it('gets pages, inline and out of band', async () => {
      const small = await browse('root');
      assert.deepEqual([small.container.id, small.offset, small.total, small.children.map(({ id }) => id)], ['root', 0, 2, ['music', 'object-film']]);
      rig.streams.chunk = 100;
      const large = await browse('music', 1);
      assert.equal(rig.streams.ids.length, 1);
      assert.deepEqual([large.offset, large.total, large.children.length, large.children[0]?.title], [1, 25, 24, 'Song 1']);
      assert.deepEqual((await browse('music', 400)).offset, 400);
    });

    it('believes the uid of an item only if it is the provider\'s', async () => {
      const { children } = await browse('root');
      assert.deepEqual(children.map((object) => object.kind === 'item' && object.uid), [false, 'film']);
    });

    it('gets one object', async () => {
      const context = { options, signal: never };
      assert.equal((await objectOfPeer(rig.link, 'object-film', context)).title, 'Film');
      assert.equal((await objectOfPeer(rig.link, 'film', context)).title, 'Film', 'by its uid');
      assert.equal((await objectOfPeer(rig.link, 'music', context)).kind, 'container');
      await rejects(objectOfPeer(rig.link, 'nothing', context), 'not-found');
    });

    const answers: [string, XmlElement | undefined, ErrorCode][] = [
      ['nothing', undefined, 'malformed'],
      ['another element', xml('result', NS.mediaServer), 'malformed'],
      ['another namespace', xml('query', 'urn:other', {}, xml('container', NS.metadata, { id: 'root' })), 'malformed'],
      ['no container', xml('query', NS.mediaServer), 'malformed'],
      ['an item', xml('query', NS.mediaServer, {}, xml('item', NS.metadata, { id: 'a' })), 'malformed'],
      ['a container without id', xml('query', NS.mediaServer, {}, xml('container', NS.metadata)), 'malformed'],
      ['a stream without id', xml('query', NS.mediaServer, {}, xml('oob', NS.outOfBand)), 'malformed'],
    ];
    for (const [what, answer, code] of answers) {
      it(`refuses an answer with ${what}`, async () => {
        const { a } = rig.channels;
        const link = { ...rig.link, channel: () => Promise.resolve({ ...a.channel, request: () => Promise.resolve(xml('iq', NS.client, {}, answer)) }) };
        await rejects(browsePeer(link, { container: 'root', offset: 0, limit: 1 }, { options, signal: never }), code);
      });
    }

    it('fails at once if the session has gone when the answer comes', async () => {
      rig.channels.tap = (from, stanza) => {
        if (from === 'b') rig.streams.isOpen = false;
        return stanza;
      };
      await rejects(browse('music'), 'connection-lost');
    });

    it('fails when the session goes in the middle', async () => {
      rig.streams.chunk = 64;
      rig.streams.beforeChunk = (sent) => void (sent > 1000 && rig.streams.lose());
      await rejects(browse('music'), 'connection-lost');
    });

    it('tells the sender when it gives up in the middle', async () => {
      const abort = new AbortController();
      rig.streams.chunk = 64;
      rig.streams.beforeChunk = (sent) => void (sent > 1000 && abort.abort(new XpmnError('aborted', 'Enough.')));
      await rejects(browse('music', 0, 100, abort.signal), 'aborted');
      await settle();
      assert.equal(rig.streams.sending.size, 0);
      assert.equal(rig.channels.waiting, 0);
    });

    it('ends a listing that is too large, on both sides', async () => {
      rig.streams.chunk = 1000;
      rig.streams.window = 1000;
      const limits = { ...options, listing: { ...options.listing, bytes: 2000 } };
      await rejects(browsePeer(rig.link, { container: 'music', offset: 0, limit: 100 }, { options: limits, signal: never }), 'too-large');
      await settle();
      assert.equal(rig.streams.sending.size, 0);
    });

    it('waits for room to send where several want it', async () => {
      rig.streams.maxSends = 1;
      const real = rig.streams.b;
      const wait = async (): Promise<typeof real> => {
        while (!real.canSend) await settle(1);
        return real;
      };
      Object.defineProperty(rig.streams, 'opening', { get: wait });
      const pages = await Promise.all([0, 1, 2, 3].map((offset) => browse('music', offset)));
      assert.deepEqual(pages.map(({ children }) => children.length), [25, 24, 23, 22]);
    });
  });
});
