import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { MediaItem } from '../../src/xpmn/model/media.ts';
import type { SharedMedia } from '../../src/xpmn/ports/shared-media.ts';
import { readAll } from './media-source.suite.ts';

/** Something to share, and what must come out. */
export interface Sharable {
  /** Path or URL. */
  readonly what: string;
  readonly content: Buffer;
  readonly type: string;
  readonly title: string;
}

export interface SharedMediaRig {
  readonly shared: SharedMedia;
  readonly good: readonly Sharable[];
  /** What is not there. */
  readonly missing: readonly string[];
  /** What is there, and no media. */
  readonly noMedia: readonly string[];
  /** What only this machine or its networks have. */
  readonly local: readonly string[];
  /** One URL of the public web after another. */
  publicUrl(number: number): string;
  /** Of those, the ones that are kept at a time; less than of the user's own. */
  readonly publicItems: number;
  /** Lets the time pass for which an item lasts unused. */
  elapse(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

/** The contract of ports/shared-media.ts. */
export function describeSharedMedia(name: string, setup: () => Promise<SharedMediaRig>): void {
  describe(`shared media: ${name}`, () => {
    let rig: SharedMediaRig;
    beforeEach(async () => (rig = await setup()));
    afterEach(() => rig.close());

    it('makes an item of it, with its bytes, its type and a title', async () => {
      for (const { what, content, type, title } of rig.good) {
        const uid = await rig.shared.share(what, { signal });
        const item = (await rig.shared.object(uid, { signal })) as MediaItem;
        assert.deepEqual([item.kind, item.uid, item.title, item.mimeType, item.size], ['item', uid, title, type, content.length], what);
        const source = await rig.shared.source(uid, { signal });
        assert.ok((await readAll(source)).equals(content));
        assert.equal((await source.probe({ signal })).type, type);
      }
    });

    it('calls it what whoever names it does', async () => {
      for (const { what, title } of rig.good) {
        const titles = [undefined, 'Rádio "One" & more', ' \u0007 '];
        const uids = await Promise.all(titles.map((called) => rig.shared.share(what, { title: called, signal })));
        const items = await Promise.all(uids.map((uid) => rig.shared.object(uid, { signal })));
        assert.deepEqual(items.map((item) => item.title), [title, titles[1], title], what);
      }
    });

    it('gives uids that can\'t be guessed, the same one for the same thing while it lasts', async () => {
      const uids = await Promise.all(rig.good.map(({ what }) => rig.shared.share(what, { signal })));
      for (const uid of uids) assert.match(uid, /^[A-Za-z0-9_-]{22,}$/);
      assert.equal(new Set(uids).size, uids.length);
      assert.equal(await rig.shared.share(rig.good[0]?.what as string, { signal }), uids[0]);
    });

    it('gives the same uid to all who share one thing at a time', async () => {
      for (const { what } of rig.good) {
        const uids = await Promise.all(Array.from({ length: 3 }, () => rig.shared.share(what, { signal })));
        assert.equal(new Set(uids).size, 1, what);
        await rig.shared.object(uids[0] as string, { signal });
      }
    });

    it('ends what nobody has used for long, and no sooner', async () => {
      const { what } = rig.good[0] as Sharable;
      const uid = await rig.shared.share(what, { signal });
      await rig.shared.source(uid, { signal });
      await rig.elapse();
      await assert.rejects(rig.shared.source(uid, { signal }), { code: 'not-found' });
      await assert.rejects(rig.shared.object(uid, { signal }), { code: 'not-found' });
      assert.notEqual(await rig.shared.share(what, { signal }), uid);
    });

    it('can\'t be listed, and knows nothing that was not shared', async () => {
      await rig.shared.share(rig.good[0]?.what as string, { signal });
      for (const id of ['root', '0', '']) await assert.rejects(rig.shared.browse(id, { offset: 0, limit: 10, signal }), { code: 'not-allowed' });
      for (const id of ['root', '', '__proto__', 'x'.repeat(22), rig.good[0]?.what as string]) {
        await assert.rejects(rig.shared.object(id, { signal }), { code: 'not-found' });
        await assert.rejects(rig.shared.source(id, { signal }), { code: 'not-found' });
      }
    });

    it('says what is not there, or is no media', async () => {
      for (const what of rig.missing) await assert.rejects(rig.shared.share(what, { signal }), { code: 'not-found' }, what);
      for (const what of rig.noMedia) await assert.rejects(rig.shared.share(what, { signal }), { code: 'unsupported-type' }, what);
    });

    it('shares nothing local for others, though it did for the user', async () => {
      for (const what of rig.local) {
        const refused = (error: unknown): boolean => error instanceof XpmnError && ['not-allowed', 'not-found'].includes(error.code);
        await rig.shared.share(what, { signal }).catch(() => undefined);
        await assert.rejects(rig.shared.share(what, { publicOnly: true, signal }), refused, what);
      }
    });

    it('forgets nothing of the user for what others name', async () => {
      const uids = await Promise.all(rig.good.map(({ what }) => rig.shared.share(what, { signal })));
      const others: string[] = [];
      for (let i = 0; i <= rig.publicItems; i += 1) others.push(await rig.shared.share(rig.publicUrl(i), { publicOnly: true, signal }));
      for (const uid of [...uids, ...others.slice(1)]) await rig.shared.object(uid, { signal });
      await assert.rejects(rig.shared.object(others[0] as string, { signal }), { code: 'not-found' });
    });

    it('stops when it is aborted', async () => {
      const reason = new XpmnError('aborted', 'Enough.');
      for (const { what } of rig.good) await assert.rejects(rig.shared.share(what, { signal: AbortSignal.abort(reason) }), reason);
    });
  });
}
