import assert from 'node:assert/strict';
import { once } from 'node:events';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { MediaObject } from '../../src/xpmn/model/media.ts';
import type { DeviceSource, MediaDevice, MediaLibrary } from '../../src/xpmn/ports/media-device.ts';

/** A device source that has not started, and the legacy device that it will find. */
export interface DeviceSourceRig {
  readonly source: DeviceSource;
  readonly deviceId: string;
  readonly deviceName: string;
  /** What the library holds, depth first, as `kind title` under the titles of its containers. */
  readonly tree: readonly string[];
  appear(): Promise<void>;
  /** Goes away in order; hysteresis may have to pass (`elapse`). */
  vanish(): Promise<void>;
  /** Lets the time of hysteresis pass, and that for which things are remembered. */
  elapse(): Promise<void>;
  /** Something else takes the place of every item's bytes. */
  replaceMedia(): Promise<void>;
  close(): Promise<void>;
}

const signal = AbortSignal.timeout(600_000);

/** The contract of ports/media-device.ts. */
export function describeDeviceSource(name: string, setup: () => Promise<DeviceSourceRig>): void {
  describe(`device source: ${name}`, () => {
    let rig: DeviceSourceRig;
    let appeared: MediaDevice[];
    let gone: string[];

    beforeEach(async () => {
      rig = await setup();
      appeared = [];
      gone = [];
      rig.source.on('deviceAppeared', (device) => {
        if (device.description.id === rig.deviceId) appeared.push(device);
      });
      rig.source.on('deviceGone', (id) => {
        if (id === rig.deviceId) gone.push(id);
      });
    });

    afterEach(async () => {
      await rig.source.stop();
      await rig.close();
    });

    const found = async (): Promise<MediaLibrary> => {
      await rig.source.start({ signal });
      const seen = appearance(rig);
      await rig.appear();
      const { library } = await seen;
      assert.ok(library);
      return library;
    };

    it('starts without any device, and refuses to start when aborted', async () => {
      await assert.rejects(rig.source.start({ signal: AbortSignal.abort(new XpmnError('aborted', 'Never mind.')) }), { code: 'aborted' });
    });

    it('finds a device that comes later, once', async () => {
      await found();
      await rig.appear();
      assert.equal(appeared.length, 1);
      const { description } = appeared[0] as MediaDevice;
      assert.deepEqual([description.id, description.name, description.kind], [rig.deviceId, rig.deviceName, 'media-server']);
      assert.ok(rig.source.devices().some((device) => device.description.id === rig.deviceId));
    });

    it('finds a device that was there before', async () => {
      await rig.appear();
      const seen = appearance(rig);
      await rig.source.start({ signal });
      await seen;
    });

    it('says once that a device is gone, and finds it again', async () => {
      await found();
      const left = departure(rig);
      await rig.vanish();
      await rig.elapse();
      await left;
      assert.deepEqual(gone, [rig.deviceId]);
      assert.equal(rig.source.devices().some((device) => device.description.id === rig.deviceId), false);
      const seen = appearance(rig);
      await rig.appear();
      await seen;
      assert.equal(appeared.length, 2);
    });

    it('keeps a device that comes back within the hysteresis', async () => {
      const library = await found();
      await rig.vanish();
      await rig.appear();
      await rig.elapse();
      await library.browse('root', { offset: 0, limit: 1, signal });
      assert.deepEqual([appeared.length, gone.length], [1, 0]);
    });

    for (const limit of [1, 2, 1000]) {
      it(`lists everything, by pages of ${limit}`, async () => {
        assert.deepEqual(await walk(await found(), 'root', '', limit), rig.tree);
      });
    }

    it('gives each object by its id, the same as in the listing', async () => {
      const library = await found();
      for (const object of await listing(library, 'root')) {
        const alone = await library.object(object.id, { signal });
        assert.deepEqual({ ...alone, parent: object.parent }, object);
        if (object.kind === 'item' && object.uid !== undefined) assert.deepEqual(await library.object(object.uid, { signal }), alone);
      }
      const root = await library.object('root', { signal });
      assert.deepEqual([root.kind, root.id, root.parent], ['container', 'root', undefined]);
    });

    it('knows no id that it never gave', async () => {
      const library = await found();
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
      const library = await found();
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
      const library = await found();
      const reason = new XpmnError('aborted', 'Enough.');
      const controller = new AbortController();
      const waiting = library.browse('root', { offset: 0, limit: 10, signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(waiting, reason);
      await assert.rejects(library.object('root', { signal: controller.signal }), reason);
    });

    it('gives an empty page at the end', async () => {
      const { children } = await (await found()).browse('root', { offset: 1000, limit: 10, signal });
      assert.deepEqual(children, []);
    });

    it('says nothing after it was stopped', async () => {
      await found();
      await rig.source.stop();
      await rig.source.stop();
      await rig.vanish();
      await rig.appear();
      await rig.elapse();
      assert.deepEqual([appeared.length, gone.length], [1, 0]);
    });
  });
}

async function appearance(rig: DeviceSourceRig): Promise<MediaDevice> {
  for (;;) {
    const [device] = (await once(rig.source as never, 'deviceAppeared')) as [MediaDevice];
    if (device.description.id === rig.deviceId) return device;
  }
}

async function departure(rig: DeviceSourceRig): Promise<void> {
  for (;;) {
    const [id] = (await once(rig.source as never, 'deviceGone')) as [string];
    if (id === rig.deviceId) return;
  }
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
