import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createUpnpAdapter } from '../../../src/upnp/adapter.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { MediaDevice } from '../../../src/xpmn/ports/media-device.ts';
import type { Answer, Received } from '../../compliance/requester.suite.ts';
import { FakeEventSubscriber } from '../../fakes/fake-event-subscriber.ts';
import { FakeRequester } from '../../fakes/fake-requester.ts';
import { FakeSsdpSocket } from '../../fakes/fake-ssdp.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const { upnp } = settings;
const TYPE = 'urn:schemas-upnp-org:device:MediaServer:1';
/** Datagrams of one search on one group. */
const SEARCH = upnp.discovery.searchRepeats * upnp.discovery.searchTargets.length;
const signal = new AbortController().signal;

function description(model = 'M', udn = 'uuid:one'): Answer {
  const service = '<serviceList><service><serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType><controlURL>/c</controlURL></service></serviceList>';
  return { body: `<root><device><deviceType>${TYPE}</deviceType><friendlyName>F</friendlyName><modelName>${model}</modelName><UDN>${udn}</UDN>${service}</device></root>` };
}

class Rig {
  readonly clock = new FakeClock();
  readonly ssdp = new FakeSsdpSocket();
  readonly subscriber = new FakeEventSubscriber();
  readonly events: string[] = [];
  readonly fetched: string[] = [];
  readonly searches: string[] = [];
  readonly adapter;

  constructor(answer: (received: Received) => Answer = () => description(), own: readonly string[] = []) {
    const requester = new FakeRequester(this.clock, upnp.requester, (received) => {
      this.fetched.push(`${received.headers.host}${received.path}`);
      return answer(received);
    });
    const openOrigin = () => assert.fail();
    const deps = { ssdp: this.ssdp, requester, clock: this.clock, random: new FakeRandom(), log: silentLogger, openOrigin, events: this.subscriber, quirks: [], isOwnDevice: (udn: string) => own.includes(udn) };
    this.adapter = createUpnpAdapter(deps, upnp);
    this.adapter.on('deviceAppeared', (device: MediaDevice) => this.events.push(`appeared ${device.description.id}`));
    this.adapter.on('deviceGone', (id: string) => this.events.push(`gone ${id}`));
    this.ssdp.on('sent', (data) => this.searches.push(/\nST: (.*)\r/.exec(data.toString())?.[1] ?? ''));
  }

  async start(): Promise<this> {
    await this.adapter.start({ signal });
    await settle();
    return this;
  }

  async hear(nts: 'alive' | 'byebye', host = '192.0.2.1', port = 80): Promise<void> {
    const where = nts === 'alive' ? `LOCATION: http://${host}:${port}/d.xml\r\n` : '';
    this.ssdp.hear(`NOTIFY * HTTP/1.1\r\nNT: ${TYPE}\r\nNTS: ssdp:${nts}\r\nUSN: uuid:one::${TYPE}\r\n${where}\r\n`, host);
    await settle();
  }
}

describe('UPnP adapter', () => {
  it('searches at start, some times, and again and again', async () => {
    const rig = await new Rig().start();
    await rig.clock.advance(upnp.discovery.searchSpacing * 10);
    assert.deepEqual(rig.searches, Array.from({ length: upnp.discovery.searchRepeats }, () => upnp.discovery.searchTargets).flat());
    await rig.clock.advance(upnp.discovery.searchInterval * 1.2);
    assert.equal(rig.searches.length, 2 * SEARCH);
    rig.adapter.rescan();
    await rig.clock.advance(1000);
    assert.equal(rig.searches.length, 3 * SEARCH);
  });

  it('searches on an interface that comes up', async () => {
    const rig = await new Rig().start();
    await rig.clock.advance(1000);
    const before = rig.searches.length;
    rig.ssdp.setInterfaces([...rig.ssdp.interfaces(), { name: 'eth1', family: 6, address: 'fe80::5' }]);
    await rig.clock.advance(1000);
    assert.equal(rig.searches.length - before, 2 * SEARCH, 'link-local and site-local group');
  });

  it('describes a device once, however often it announces itself', async () => {
    const rig = await new Rig().start();
    for (let i = 0; i < 5; i += 1) await rig.hear('alive');
    assert.deepEqual([rig.events, rig.fetched], [['appeared uuid:one'], ['192.0.2.1/d.xml']]);
  });

  it('asks a sleepy device again, with growing pauses, and at once when it moves', async () => {
    let fetches = 0;
    const rig = await new Rig(() => ((fetches += 1) < 4 ? { status: 500 } : description())).start();
    await rig.hear('alive');
    assert.equal(fetches, 1);
    await rig.clock.advance(1250);
    assert.equal(fetches, 2);
    await rig.clock.advance(1250);
    assert.equal(fetches, 2);
    await rig.clock.advance(1250);
    assert.deepEqual([fetches, rig.events], [3, []]);
    await rig.hear('alive', '192.0.2.1', 81);
    assert.deepEqual([fetches, rig.events], [4, ['appeared uuid:one']]);
  });

  it('tries each location of a device, and stays with the one that works', async () => {
    const rig = await new Rig(({ headers }) => (headers.host === '192.0.2.2' ? description() : { status: 500 })).start();
    await rig.hear('alive', '192.0.2.1');
    await rig.hear('alive', '192.0.2.2');
    await rig.hear('alive', '192.0.2.1');
    assert.deepEqual([rig.events, rig.fetched.at(-1)], [['appeared uuid:one'], '192.0.2.2/d.xml']);
    const { length } = rig.fetched;
    await rig.hear('alive', '192.0.2.3');
    assert.equal(rig.fetched.length, length);
  });

  it('asks a device that said byebye, and believes its silence', async () => {
    const rig = await new Rig().start();
    await rig.hear('alive');
    await rig.clock.advance(1000);
    rig.searches.length = 0;
    await rig.hear('byebye');
    await rig.clock.advance(1000);
    assert.deepEqual(rig.searches, Array.from({ length: upnp.discovery.searchRepeats }, () => 'uuid:one'));
    assert.equal(rig.adapter.devices().length, 1);
    await rig.clock.advance(upnp.discovery.tracker.grace);
    assert.deepEqual([rig.events, rig.adapter.devices().length], [['appeared uuid:one', 'gone uuid:one'], 0]);
  });

  it('asks a doubted device once more before it believes its silence: it may have been out of reach for a moment', async () => {
    const rig = await new Rig().start();
    await rig.hear('alive');
    await rig.clock.advance(1000);
    rig.searches.length = 0;
    await rig.hear('byebye');
    const { tracker: { grace }, searchRepeats } = upnp.discovery;
    await rig.clock.advance(grace / 2 - 1);
    assert.equal(rig.searches.length, searchRepeats);
    await rig.clock.advance(1000);
    assert.deepEqual(rig.searches, Array.from({ length: 2 * searchRepeats }, () => 'uuid:one'));
    await rig.hear('alive');
    await rig.clock.advance(2 * grace);
    assert.deepEqual([rig.searches.length, rig.events], [2 * searchRepeats, ['appeared uuid:one']]);
    await rig.adapter.stop();
  });

  it('forgets a device that said byebye while it was described', async () => {
    const rig = await new Rig(() => ({ silent: true })).start();
    await rig.hear('alive');
    await rig.hear('byebye');
    await rig.clock.advance(upnp.discovery.tracker.grace * 2);
    const { length } = rig.fetched;
    await rig.clock.advance(upnp.describe.backOff.max);
    assert.deepEqual([rig.events, rig.fetched.length], [[], length]);
  });

  it('describes a device anew that came back, without a word to anybody', async () => {
    const rig = await new Rig().start();
    await rig.hear('alive');
    await rig.hear('byebye');
    await rig.hear('alive');
    await rig.clock.advance(upnp.discovery.tracker.grace * 2);
    assert.deepEqual([rig.events, rig.fetched.length], [['appeared uuid:one'], 2]);
  });

  it('asks a device that said byebye, also after the clock was put back', async () => {
    const rig = await new Rig().start();
    await rig.hear('alive');
    await rig.hear('byebye');
    await rig.hear('alive');
    await rig.clock.advance(upnp.discovery.tracker.grace);
    rig.clock.now = () => rig.clock.monotonic() - 3_600_000;
    rig.searches.length = 0;
    await rig.hear('byebye');
    await rig.clock.advance(10);
    assert.ok(rig.searches.includes('uuid:one'));
    await rig.adapter.stop();
  });

  it('can\'t be made to shout by forged byebyes', async () => {
    const rig = await new Rig().start();
    await rig.clock.advance(1000);
    rig.searches.length = 0;
    for (let i = 0; i < 100; i += 1) {
      await rig.hear('alive');
      await rig.hear('byebye');
    }
    await rig.clock.advance(upnp.discovery.tracker.grace / 2 + 1000);
    assert.equal(rig.searches.length, 2 * upnp.discovery.searchRepeats);
  });

  it('imports nothing that is its own, or another gateway\'s export', async () => {
    const own = await new Rig(() => description(), ['uuid:one']).start();
    await own.hear('alive');
    assert.deepEqual([own.events, own.fetched], [[], []]);
    const other = await new Rig(() => description(upnp.exportModelName)).start();
    await other.hear('alive');
    await other.clock.advance(10_000);
    assert.deepEqual(other.events, []);
  });

  it('imports nothing that describes itself as another device', async () => {
    const rig = await new Rig(() => description('M', 'uuid:two')).start();
    await rig.hear('alive');
    assert.deepEqual(rig.events, []);
  });

  it('leaves nothing behind when it stops, also in the middle', async () => {
    const rig = await new Rig(() => ({ silent: true })).start();
    await rig.hear('alive');
    await rig.adapter.stop();
    assert.deepEqual([rig.clock.pending, rig.ssdp.open, rig.events], [0, false, []]);
    const started = once(rig.ssdp, 'sent', { signal: AbortSignal.timeout(1) }).catch(() => 'silence');
    await rig.clock.advance(upnp.discovery.searchInterval * 3);
    assert.equal(await started, 'silence');
  });
});
