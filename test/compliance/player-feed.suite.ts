import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { FeedProfile, FeedTarget, PlayerFeed } from '../../src/xpmn/ports/player-feed.ts';

/** A feed, and what it can be asked for. */
export interface PlayerFeedRig {
  readonly feed: PlayerFeed;
  /** A film of that size and type. */
  readonly film: { readonly uri: string; readonly size: number; readonly mimeType: string; readonly title: string };
  /** A text of that content. */
  readonly list: { readonly uri: string; readonly text: string };
  /** An item that there is not, on a device that there is. */
  readonly missing: string;
  close(): Promise<void>;
}

const never = new AbortController().signal;
export const HTTP_PLAYER: FeedProfile = { length: 'exact', mimeTypes: {}, dlnaAlways: false, keepAlive: true };

/** The contract of ports/player-feed.ts. */
export function describePlayerFeed(name: string, setup: () => Promise<PlayerFeedRig>): void {
  describe(`player feed: ${name}`, () => {
    let rig: PlayerFeedRig;
    beforeEach(async () => (rig = await setup()));
    afterEach(() => rig.close());

    const target = (profile: Partial<FeedProfile> = {}): FeedTarget => ({ address: undefined, profile: { ...HTTP_PLAYER, ...profile } });

    it('gives a plain URL, and says what is behind it', async () => {
      const { film } = rig;
      const { url, item, failure, ...rest } = await rig.feed.media(film.uri, target(), { signal: never });
      assert.match(url, /^http:\/\/[\x21-\x7e]+$/);
      assert.deepEqual({ ...rest, contentFeatures: '' }, { mimeType: film.mimeType, contentFeatures: '', size: film.size, isSeekable: true });
      assert.match(rest.contentFeatures, /^(\*|[\x21-\x7e]+)$/);
      assert.deepEqual([item.kind, item.title, failure?.()], ['item', film.title, undefined]);
    });

    it('calls it as the player does', async () => {
      const { film } = rig;
      const { mimeType } = await rig.feed.media(film.uri, target({ mimeTypes: { [film.mimeType]: 'video/x-odd' } }), { signal: never });
      assert.equal(mimeType, 'video/x-odd');
    });

    it('gives texts, as long as they are small', async () => {
      const { uri, text } = rig.list;
      assert.equal((await rig.feed.text(uri, { limit: 10_000, signal: never })).body, text);
      await assert.rejects(rig.feed.text(uri, { limit: Buffer.byteLength(text) - 1, signal: never }), { code: 'too-large' });
    });

    it('says what is not there', async () => {
      await assert.rejects(rig.feed.media(rig.missing, target(), { signal: never }), { code: 'not-found' });
      await assert.rejects(rig.feed.text(rig.missing, { limit: 1, signal: never }), { code: 'not-found' });
    });

    for (const uri of ['', 'file:///etc/passwd', 'FILE:///etc/passwd', '/etc/passwd', 'ftp://192.0.2.1/x', 'data:audio/mpeg;base64,AAAA', 'javascript:1', 'rtsp://192.0.2.1/x', 'dlna-playcontainer://x', 'xmpp:me@home.test', 'xmpp:me@home.test/nas?message;uid=x', 'http-ish', ' http://192.0.2.1/', '//192.0.2.1/x']) {
      it(`hands no player ${JSON.stringify(uri)}`, async () => {
        await assert.rejects(rig.feed.media(uri, target(), { signal: never }), { code: 'unsupported-type' });
        await assert.rejects(rig.feed.text(uri, { limit: 1000, signal: never }), { code: 'unsupported-type' });
      });
    }

    it('hands no player anything of the web, unless the owner says so', async () => {
      for (const uri of ['http://192.0.2.1/x.mp3', 'https://web.example/x.mp3', 'HTTP://127.0.0.1/']) await assert.rejects(rig.feed.media(uri, target(), { signal: never }), { code: 'not-allowed' });
    });

    it('stops when it is aborted', async () => {
      const reason = new XpmnError('aborted', 'Enough.');
      await assert.rejects(rig.feed.media(rig.film.uri, target(), { signal: AbortSignal.abort(reason) }), reason);
      await assert.rejects(rig.feed.text(rig.list.uri, { limit: 1000, signal: AbortSignal.abort(reason) }), reason);
    });
  });
}
