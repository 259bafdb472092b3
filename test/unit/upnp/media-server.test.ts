import assert from 'node:assert/strict';
import { ContentDirectory } from '../../../src/upnp/content-directory.ts';
import { MediaServerLibrary } from '../../../src/upnp/media-server.ts';
import type { OriginRequest } from '../../../src/upnp/origin-port.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { MediaEntity } from '../../../src/xpmn/ports/media-source.ts';
import type { MediaItem } from '../../../src/xpmn/model/media.ts';
import { escapeText } from '../../../src/xpmn/model/xml.ts';
import type { Received } from '../../compliance/requester.suite.ts';
import { FakeRequester } from '../../fakes/fake-requester.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const ENDPOINT = { serviceType: 'urn:schemas-upnp-org:service:ContentDirectory:1', controlUrl: new URL('http://192.0.2.1/ctl'), allowedHosts: ['192.0.2.1'], scope: undefined };

interface Asked {
  readonly id: string;
  readonly flag: string;
  readonly start: number;
  readonly count: number;
}

interface Page {
  readonly items: readonly string[];
  readonly total?: number;
  readonly fault?: number;
}

function item(id: string, url = `http://192.0.2.1/${id}.mp4`, more = ''): string {
  return `<item id="${id}" parentID="0"><title>${id}</title><class>object.item.videoItem</class>${more}<res protocolInfo="http-get:*:video/mp4:*" size="7">${escapeText(url)}</res></item>`;
}

class Rig {
  readonly asked: Asked[] = [];
  readonly origins: OriginRequest[] = [];
  readonly library: MediaServerLibrary;
  probe: () => Promise<MediaEntity> = () => Promise.reject(new Error());

  constructor(children: (asked: Asked) => Page, more: { readonly hosts?: readonly string[]; readonly metadata?: string; readonly pageSize?: number } = {}) {
    const answer = ({ body }: Received) => {
      const arg = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '';
      const asked = { id: arg('ObjectID'), flag: arg('BrowseFlag'), start: Number(arg('StartingIndex')), count: Number(arg('RequestedCount')) };
      if (asked.flag === 'BrowseDirectChildren') this.asked.push(asked);
      const root = '<container id="0" parentID="-1"><title>Root</title></container>';
      const page = asked.flag === 'BrowseMetadata' ? { items: [more.metadata ?? root] } : children(asked);
      if (page.fault !== undefined) return { status: 500, body: `<Fault><UPnPError><errorCode>${page.fault}</errorCode></UPnPError></Fault>` };
      const didl = escapeText(`<DIDL-Lite>${page.items.join('')}</DIDL-Lite>`);
      const total = page.total ?? page.items.length;
      return { body: `<BrowseResponse><Result>${didl}</Result><NumberReturned>${page.items.length}</NumberReturned><TotalMatches>${total}</TotalMatches></BrowseResponse>` };
    };
    const { upnp } = settings;
    const requester = new FakeRequester(new FakeClock(), upnp.requester, answer);
    const directory = new ContentDirectory({ requester, log: silentLogger, endpoint: () => ENDPOINT }, { ...upnp.contentDirectory, pageSize: more.pageSize ?? 200 });
    const openOrigin = (request: OriginRequest) => {
      this.origins.push(request);
      return { open: () => Promise.reject(new Error()), probe: () => this.probe() };
    };
    this.library = new MediaServerLibrary(
      { directory, openOrigin, clock: new FakeClock(), name: () => 'Server', base: () => new URL('http://192.0.2.1/d.xml'), allowedHosts: () => ['192.0.2.1', ...(more.hosts ?? [])] },
      upnp.mediaServer,
    );
  }

  page(offset: number, limit: number) {
    return this.library.browse('root', { offset, limit, signal });
  }

  async titles(offset: number, limit: number): Promise<string[]> {
    return (await this.page(offset, limit)).children.map(({ title }) => title);
  }

  /** The whole container, as a client would read it. */
  async all(limit: number): Promise<string[]> {
    const all: string[] = [];
    for (let offset = 0; ; ) {
      const page = await this.page(offset, limit);
      if (page.children.length === 0) return all;
      all.push(...page.children.map(({ title }) => title));
      offset = page.offset + page.children.length;
    }
  }
}

const many = Array.from({ length: 10 }, (_, index) => item(`i${index}`));
const titles = (...left: number[]): string[] => many.map((_, index) => `i${index}`).filter((_, index) => !left.includes(index));
const slice = ({ start, count }: Asked, list = many): Page => ({ items: list.slice(start, start + count), total: list.length });

describe('media server library', () => {
  it('asks for no more than a page of its own, and never for 0, which means all', async () => {
    const rig = new Rig(slice, { pageSize: 4 });
    assert.deepEqual(await rig.titles(0, 1000), titles(4, 5, 6, 7, 8, 9));
    assert.deepEqual(await rig.titles(0, 0), []);
    assert.deepEqual(rig.asked.map(({ count }) => count), [4]);
  });

  it('believes a total only if it can be true', async () => {
    const totals = async (total: number, items = many): Promise<number | undefined> => (await new Rig(() => ({ items, total })).page(0, 100)).total;
    assert.deepEqual([await totals(10), await totals(50), await totals(0), await totals(3)], [10, 50, undefined, undefined]);
    assert.deepEqual([await totals(0, []), await totals(9, [])], [0, undefined]);
  });

  it('cuts what a server gives too much', async () => {
    assert.deepEqual(await new Rig(() => ({ items: many, total: 0 })).titles(0, 3), ['i0', 'i1', 'i2']);
    assert.deepEqual(await new Rig(() => ({ items: many })).titles(8, 100), ['i8', 'i9']);
    assert.deepEqual(await new Rig(() => ({ items: many })).all(3), titles());
  });

  it('loses one place, not the folder, to an object that the server can\'t tell', async () => {
    const poisoned = (asked: Asked): Page => (asked.start <= 3 && asked.start + asked.count > 3 ? { items: [], fault: 501 } : slice(asked));
    for (const limit of [1, 3, 100]) assert.deepEqual(await new Rig(poisoned).all(limit), titles(3));
  });

  it('leaves out what can\'t be read, and keeps everybody\'s place', async () => {
    for (const bad of ['<item><title>no id</title></item>', '<item id="b"><x></y></item>']) {
      const list = [bad, ...many.slice(1, 5), bad, bad, ...many.slice(7)];
      for (const limit of [1, 2, 100]) assert.deepEqual(await new Rig((asked) => slice(asked, list)).all(limit), titles(0, 5, 6));
    }
  });

  it('gives up a listing of nothing but nonsense', async () => {
    await assert.rejects(new Rig(({ count }) => ({ items: Array.from({ length: count }, () => '<item/>'), total: 0 })).page(0, 10), { code: 'protocol-violation' });
  });

  it('says what the server refuses', async () => {
    await assert.rejects(new Rig(() => ({ items: [], fault: 701 })).page(0, 10), { code: 'not-found' });
    await assert.rejects(new Rig(() => ({ items: [], fault: 401 })).page(0, 10), { code: 'not-supported' });
  });

  it('lists no item as a container', async () => {
    const rig = new Rig(slice, { metadata: item('x') });
    await assert.rejects(rig.library.browse('eA', { offset: 0, limit: 1, signal }), { code: 'not-found' });
  });

  const only = async (url: string, more: { readonly hosts?: readonly string[] } = {}) => {
    const one = item('x', url, '<date>2001-02-03</date>');
    const rig = new Rig(() => ({ items: [one] }), { ...more, metadata: one });
    const [found] = (await rig.page(0, 1).catch(() => ({ children: [(undefined as unknown) as MediaItem] }))).children as MediaItem[];
    return { rig, found: found ?? ((await rig.library.object('eA', { signal })) as MediaItem) };
  };

  it('opens what the item offers: where, how large, of what type and date', async () => {
    const { rig, found } = await only('/films/x.mp4?a=1&b=2');
    await rig.library.source(found.uid as string, { signal });
    const { url, ...rest } = rig.origins[0] as OriginRequest;
    assert.equal(url.href, 'http://192.0.2.1/films/x.mp4?a=1&b=2');
    assert.deepEqual(rest, { allowedHosts: ['192.0.2.1'], size: 7, type: 'video/mp4', date: '2001-02-03' });
  });

  it('gives an item by its uid, too, while it is that', async () => {
    const { rig, found } = await only('/films/x.mp4');
    assert.deepEqual(await rig.library.object(found.uid as string, { signal }), { ...found });
    for (const uid of ['eA-000000', 'eQ-6a50dc', '-6a50dc']) await assert.rejects(rig.library.object(uid, { signal }), { code: 'not-found' });
  });

  it('tells where its server has the bytes, and what it says of them', async () => {
    const { rig, found } = await only('/films/x.mp4?a=1');
    const entity = { size: 7, type: 'video/mp4', etag: 'tag' };
    rig.probe = () => Promise.resolve(entity);
    assert.deepEqual(await rig.library.locate(found.uid as string, { signal }), { url: 'http://192.0.2.1/films/x.mp4?a=1', entity, contentFeatures: undefined });
    await assert.rejects(rig.library.locate('eA-000000', { signal }), { code: 'not-found' });
    rig.probe = () => Promise.reject(new XpmnError('origin-unreachable', 'Gone.'));
    await assert.rejects(rig.library.locate(found.uid as string, { signal }), { code: 'origin-unreachable' });
  });

  it('sends nobody to a name, which may mean another host there', async () => {
    const { rig, found } = await only('http://nas.example/x', { hosts: ['nas.example'] });
    assert.equal(await rig.library.locate(found.uid as string, { signal }), undefined);
    assert.equal(rig.origins.length, 0);
  });

  it('names the bytes by path and query, not by address', async () => {
    const uids = await Promise.all(['/a', 'http://192.0.2.1:99/a', 'a', '/a?b', '/b'].map(async (url) => (await only(url)).found.uid));
    assert.equal(uids[0], 'eA-6a50dc');
    assert.deepEqual([uids[1] === uids[0], uids[2] === uids[0], new Set(uids).size], [true, true, 3]);
  });

  it('fetches from no host but the device, and those that the owner listed', async () => {
    for (const url of ['http://192.0.2.9/x', 'https://192.0.2.1/x', 'file:///etc/passwd', 'http://user:pw@192.0.2.1/x', 'http://192.0.2.1.evil.example/x', '//192.0.2.9/x', 'rtsp://192.0.2.1/x', '']) {
      const { rig, found } = await only(url);
      assert.equal(found.uid, undefined, url);
      await assert.rejects(rig.library.source('eA-6a50dc', { signal }), { code: 'not-found' });
      assert.equal(rig.origins.length, 0);
    }
    assert.ok((await only('http://192.0.2.9/x', { hosts: ['192.0.2.9'] })).found.uid);
  });
});
