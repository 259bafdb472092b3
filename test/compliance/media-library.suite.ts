import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { MediaObject } from '../../src/xpmn/model/media.ts';
import type { MediaLibrary } from '../../src/xpmn/ports/media-device.ts';

/** A library, and what lies in it. */
export interface MediaLibraryRig {
  readonly library: MediaLibrary;
  /** What the library holds, depth first, as `kind title` under the titles of its containers. */
  readonly tree: readonly string[];
  /** Lets the time pass for which things are remembered. */
  elapse(): Promise<void>;
  /** Something else takes the place of every item's bytes. */
  replaceMedia(): Promise<void>;
  close(): Promise<void>;
}

const signal = AbortSignal.timeout(600_000);

/** The contract of MediaLibrary in ports/media-device.ts. */
export function describeMediaLibrary(name: string, setup: () => Promise<MediaLibraryRig>): void {
  describe(`media library: ${name}`, () => {
    let rig: MediaLibraryRig;
    let library: MediaLibrary;

    beforeEach(async () => {
      rig = await setup();
      ({ library } = rig);
    });

    afterEach(() => rig.close());

    for (const limit of [1, 2, 1000]) {
      it(`lists everything, by pages of ${limit}`, async () => {
        assert.deepEqual(await walk(library, 'root', '', limit), rig.tree);
      });
    }

    it('gives each object by its id, the same as in the listing', async () => {
      for (const object of await listing(library, 'root')) {
        const alone = await library.object(object.id, { signal });
        assert.deepEqual({ ...alone, parent: object.parent }, object);
        if (object.kind === 'item' && object.uid !== undefined) assert.deepEqual(await library.object(object.uid, { signal }), alone);
      }
      const root = await library.object('root', { signal });
      assert.deepEqual([root.kind, root.id, root.parent], ['container', 'root', undefined]);
    });

    it('knows no id that it never gave', async () => {
      for (const id of ['', 'ROOT', '../..', 'bm9uZQ', 'a b', '\u0000', 'x'.repeat(5000)]) {
        await assert.rejects(library.object(id, { signal }), { code: 'not-found' }, id);
        await assert.rejects(library.browse(id, { offset: 0, limit: 10, signal }), { code: 'not-found' }, id);
        await assert.rejects(library.source(id, { signal }), { code: 'not-found' }, id);
        await assert.rejects(library.source(`${id}-012345`, { signal }), { code: 'not-found' }, id);
        await assert.rejects(library.object(`${id}-012345`, { signal }), { code: 'not-found' }, id);
        await assert.rejects(async () => library.locate?.(id, { signal }) ?? Promise.reject(new XpmnError('not-found', 'Nowhere.')), { code: 'not-found' }, id);
      }
    });

    it('gives a source for each uid, and none for what was replaced', async () => {
      const items = (await listing(library, 'root')).filter((object) => object.kind === 'item');
      const uids = items.flatMap(({ uid }) => uid ?? []);
      assert.ok(uids.length > 0);
      assert.equal(new Set(uids).size, uids.length);
      for (const uid of uids) assert.ok(await library.source(uid, { signal }));
      await rig.replaceMedia();
      await rig.elapse();
      for (const uid of uids) await assert.rejects(library.source(uid, { signal }), { code: 'not-found' });
    });

    it('ends what waits when aborted', async () => {
      const reason = new XpmnError('aborted', 'Enough.');
      const controller = new AbortController();
      const waiting = library.browse('root', { offset: 0, limit: 10, signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(waiting, reason);
      await assert.rejects(library.object('root', { signal: controller.signal }), reason);
    });

    it('gives an empty page at the end', async () => {
      const { children } = await library.browse('root', { offset: 1000, limit: 10, signal });
      assert.deepEqual(children, []);
    });
  });
}

async function pages(library: MediaLibrary, container: string, limit: number): Promise<MediaObject[]> {
  const all: MediaObject[] = [];
  for (let offset = 0; ; ) {
    const page = await library.browse(container, { offset, limit, signal });
    assert.ok(page.children.length <= limit);
    assert.equal(page.container.id, container);
    if (page.children.length === 0) return all;
    all.push(...page.children);
    offset = page.offset + page.children.length;
  }
}

async function listing(library: MediaLibrary, container: string): Promise<MediaObject[]> {
  const objects = await pages(library, container, 100);
  const nested = await Promise.all(objects.map((object) => (object.kind === 'container' ? listing(library, object.id) : [])));
  return [...objects, ...nested.flat()];
}

async function walk(library: MediaLibrary, container: string, path: string, limit: number): Promise<string[]> {
  const lines: string[] = [];
  for (const object of await pages(library, container, limit)) {
    assert.equal(object.parent, container);
    lines.push(`${object.kind} ${path}${object.title}`);
    if (object.kind === 'container') lines.push(...(await walk(library, object.id, `${path}${object.title} / `, limit)));
  }
  return lines;
}
