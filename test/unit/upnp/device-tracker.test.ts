import assert from 'node:assert/strict';
import { DeviceTracker } from '../../../src/upnp/device-tracker.ts';
import type { TrackerOptions } from '../../../src/upnp/device-tracker.ts';
import type { SsdpSighting } from '../../../src/upnp/ssdp.ts';
import { settings } from '../../support/settings.ts';

const options: TrackerOptions = settings.upnp.discovery.tracker;
const TYPE = 'urn:schemas-upnp-org:device:MediaServer:1';
const UDN = 'uuid:a';
const HOST = '192.0.2.1';

class Rig {
  readonly tracker: DeviceTracker;
  now = 1_000_000;

  constructor(overrides: Partial<TrackerOptions> = {}) {
    this.tracker = new DeviceTracker({ ...options, ...overrides });
  }

  alive(url: string | undefined = `http://${HOST}:8200/d.xml`, more: Partial<SsdpSighting> = {}, sender?: string): string[] {
    const location = url === undefined || url === '' ? undefined : new URL(url);
    const from = sender ?? location?.hostname.replace(/^\[|\]$/g, '') ?? HOST;
    const sighting: SsdpSighting = { kind: 'alive', udn: UDN, target: TYPE, maxAge: 1800, location, bootId: undefined, configId: undefined, ...more };
    return this.told(this.tracker.sight(sighting, from, this.now));
  }

  byebye(udn = UDN, sender = HOST): string[] {
    return this.told(this.tracker.sight({ kind: 'byebye', udn, target: TYPE, location: undefined, maxAge: undefined, bootId: undefined, configId: undefined }, sender, this.now));
  }

  after(ms: number): string[] {
    this.now += ms;
    return this.told(this.tracker.expire(this.now));
  }

  private told(changes: ReturnType<DeviceTracker['expire']>): string[] {
    return changes.map((change) => `${change.kind}${'locations' in change ? ` ${change.locations.map(({ url, scope }) => url.host + (scope ? `%${scope}` : '')).join(' ')}` : ''}`);
  }
}

describe('device tracker', () => {
  it('finds a device once, and keeps it while it lives', () => {
    const rig = new Rig();
    assert.deepEqual(rig.alive(), [`appeared ${HOST}:8200`]);
    assert.deepEqual(rig.alive(), []);
    assert.deepEqual(rig.after(1_799_000), []);
    assert.deepEqual(rig.alive(), []);
    assert.deepEqual(rig.after(1_799_000), []);
  });

  it('takes any announcement as a sign of life, but only interesting ones as a device', () => {
    const rig = new Rig();
    for (const target of ['upnp:rootdevice', UDN, 'urn:schemas-upnp-org:device:InternetGatewayDevice:1', 'urn:schemas-upnp-org:device:MediaServer', '']) {
      assert.deepEqual(rig.alive(undefined, { target }), target.endsWith('MediaServer') ? [`appeared ${HOST}:8200`] : [], target);
    }
    rig.after(1_700_000);
    rig.alive('', { target: 'upnp:rootdevice' });
    assert.deepEqual(rig.after(1_700_000), []);
    assert.deepEqual(new Rig().alive(undefined, { target: 'urn:schemas-upnp-org:device:mediaserver:4' }), [`appeared ${HOST}:8200`]);
  });

  it('doubts on byebye, once, and lets silence decide', () => {
    const rig = new Rig();
    rig.alive();
    assert.deepEqual(rig.byebye(), ['doubted']);
    assert.deepEqual(rig.byebye(), []);
    assert.deepEqual(rig.after(options.grace - 1), []);
    assert.equal(rig.tracker.nextDue(), rig.now + 1);
    assert.deepEqual(rig.after(1), ['gone']);
    assert.deepEqual([rig.tracker.size, rig.tracker.nextDue()], [0, undefined]);
    assert.deepEqual(rig.alive(), [`appeared ${HOST}:8200`]);
  });

  it('drops the doubt when the device answers, also from somewhere else', () => {
    const rig = new Rig();
    rig.alive();
    rig.byebye();
    assert.deepEqual(rig.alive(), [`returned ${HOST}:8200`]);
    assert.deepEqual(rig.after(options.grace), []);
    rig.byebye();
    rig.now += 1;
    assert.deepEqual(rig.alive('http://192.0.2.7:8200/d.xml'), ['returned 192.0.2.7:8200']);
  });

  it('sees that a device has started anew, or describes itself otherwise, though it said no byebye', () => {
    const rig = new Rig();
    const says = (bootId?: number, configId?: number, kind: SsdpSighting['kind'] = 'alive'): string[] => rig.alive(undefined, { kind, bootId, configId }).map((change) => change.split(' ', 1)[0] as string);
    assert.deepEqual(says(), ['appeared']);
    assert.deepEqual([says(1, 7), says(1, 7), says(), says(1)], [[], [], [], []], 'what becomes known, or is not said, is no change');
    assert.deepEqual([says(2, 7), says(2, 7)], [['returned'], []]);
    assert.deepEqual(says(1), ['returned'], 'whatever it counts by');
    assert.deepEqual([says(1, 8), says(1, 8)], [['returned'], []]);
    assert.deepEqual([says(3, 8, 'update'), says(3, 8)], [[], []], 'it lives on');
    assert.deepEqual(says(3, 9, 'update'), ['returned']);
    assert.deepEqual(rig.alive('http://192.0.2.7:8200/d.xml', { bootId: 99 }).map((change) => change.split(' ', 1)[0]), ['moved'], 'each network by itself');
    assert.deepEqual(says(3, 9), []);
  });

  it('ignores the byebye of a stranger, and one before the first alive', () => {
    const rig = new Rig();
    assert.deepEqual(rig.byebye(), []);
    rig.alive();
    assert.deepEqual(rig.byebye('uuid:b'), []);
  });

  it('doubts what falls silent: by max-age, by default, and within bounds', () => {
    for (const [maxAge, seconds] of [[1800, 1800], [undefined, options.defaultMaxAge], [0, options.defaultMaxAge], [1, options.minMaxAge], [999_999_999, options.maxMaxAge]] as const) {
      const rig = new Rig();
      rig.alive(undefined, { maxAge });
      assert.equal(rig.tracker.nextDue(), rig.now + seconds * 1000);
      assert.deepEqual(rig.after(seconds * 1000 - 1), []);
      assert.deepEqual(rig.after(1), ['doubted']);
      assert.deepEqual(rig.after(options.grace), ['gone']);
    }
  });

  it('sees one device at several addresses: IPv4 first, link-local last', () => {
    const rig = new Rig();
    rig.alive('http://[fe80::1]:1/d', {}, 'fe80::1%eth0');
    assert.deepEqual(rig.alive('http://[2001:db8::1]:1/d'), ['moved [2001:db8::1]:1 [fe80::1]:1%eth0']);
    assert.deepEqual(rig.alive('http://192.0.2.1:1/d'), ['moved 192.0.2.1:1 [2001:db8::1]:1 [fe80::1]:1%eth0']);
    assert.deepEqual(rig.alive('http://[fe80::1]:1/d', {}, 'fe80::1%eth0'), []);
  });

  it('follows an address that changes its port, and forgets one that falls silent', () => {
    const rig = new Rig();
    rig.alive();
    assert.deepEqual(rig.alive(`http://${HOST}:9000/d.xml`), [`moved ${HOST}:9000`]);
    rig.after(1_000_000);
    rig.alive('http://192.0.2.2:1/d');
    assert.deepEqual(rig.after(800_000), ['moved 192.0.2.2:1']);
  });

  it('believes no location but the sender\'s own', () => {
    const rig = new Rig();
    assert.deepEqual(rig.alive('http://192.0.2.1/d', {}, '192.0.2.66'), []);
    assert.deepEqual(rig.alive('http://router.example/d', {}, '192.0.2.66'), []);
    assert.deepEqual(rig.alive('http://2130706433/d', {}, '192.0.2.66'), []);
    rig.alive();
    assert.deepEqual(rig.alive('http://192.0.2.1:22/d', {}, '192.0.2.66'), []);
    assert.deepEqual(rig.alive('http://[2001:DB8:0::1]/d', {}, '2001:db8::1'), [`moved ${HOST}:8200 [2001:db8::1]`]);
  });

  it('ignores loopback and self-assigned addresses, unless loopback was chosen', () => {
    for (const url of ['http://127.0.0.1:1/d', 'http://[::1]:1/d', 'http://169.254.3.4:1/d']) assert.deepEqual(new Rig().alive(url), [], url);
    assert.deepEqual(new Rig({ loopback: true }).alive('http://127.0.0.1:1/d'), ['appeared 127.0.0.1:1']);
  });

  it('stays bounded in a flood, and keeps what it knows', () => {
    const rig = new Rig();
    rig.alive();
    for (let i = 0; i < 1000; i += 1) rig.alive(`http://192.0.2.66:${i + 1}/d`, { udn: `uuid:flood-${i}` });
    assert.equal(rig.tracker.size, 1 + options.devicesPerSender);
    for (let i = 0; i < 2000; i += 1) rig.alive(`http://10.0.${i >> 8}.${i & 255}/d`, { udn: `uuid:more-${i}` });
    assert.equal(rig.tracker.size, options.devices);
    for (let i = 0; i < 1000; i += 1) rig.alive(`http://10.1.${i >> 8}.${i & 255}/d`);
    assert.deepEqual(rig.alive(`http://${HOST}:1/d`)[0]?.split(' ').length, 1 + options.locations);
    assert.deepEqual(rig.byebye(), ['doubted']);
  });
});
