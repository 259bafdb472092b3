import assert from 'node:assert/strict';
import { once } from 'node:events';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { createUpnpAdapter } from '../../../src/upnp/adapter.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { MediaDevice } from '../../../src/xpmn/ports/media-device.ts';
import { FakeEventSubscriber } from '../../fakes/fake-event-subscriber.ts';
import { FakeRequester } from '../../fakes/fake-requester.ts';
import { FakeSsdpSocket } from '../../fakes/fake-ssdp.ts';
import { RendererDevice } from '../../fakes/renderer-device.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const { upnp } = settings;
const signal = new AbortController().signal;
const TYPE = 'urn:schemas-upnp-org:device:MediaRenderer:1';

/** Under the UDN of the renderer. */
const SERVER = '<device><deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType><friendlyName>Shelf</friendlyName><UDN>uuid:renderer</UDN><serviceList><service>' +
  '<serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType><controlURL>/c</controlURL></service></serviceList></device>';

/** A renderer on a fake network, and the adapter that finds it; its description as the test changes it. */
class Rig {
  readonly clock = new FakeClock();
  readonly ssdp = new FakeSsdpSocket();
  readonly subscriber = new FakeEventSubscriber();
  readonly device = new RendererDevice(this.clock);
  readonly devices: MediaDevice[] = [];
  readonly gone: string[] = [];
  readonly hosts: string[] = [];
  /** What requests fail with. */
  failure: XpmnError | undefined;
  readonly adapter;

  constructor(describe: (text: string) => string = (text) => text, local = '192.0.2.50') {
    this.ssdp.setInterfaces([{ name: 'eth0', family: 4, address: local }]);
    const requester = new FakeRequester(this.clock, upnp.requester, (received) => {
      this.hosts.push(received.headers.host ?? '');
      if (this.failure) throw this.failure;
      const answer = this.device.handle(received);
      return received.path === '/desc.xml' ? { ...answer, body: describe(String(answer.body)) } : answer;
    });
    this.adapter = createUpnpAdapter({
      ssdp: this.ssdp, requester, clock: this.clock, random: new FakeRandom(), log: silentLogger, openOrigin: () => assert.fail(), events: this.subscriber,
      quirks: [{ match: { model: 'Lute' }, feed: { dlnaAlways: true } }], isOwnDevice: () => false,
    }, upnp);
    this.adapter.on('deviceAppeared', (device) => this.devices.push(device));
    this.adapter.on('deviceGone', (id) => this.gone.push(id));
  }

  async start(): Promise<this> {
    await this.adapter.start({ signal });
    await this.hear('alive');
    return this;
  }

  async hear(nts: 'alive' | 'byebye', host = '192.0.2.7', more = ''): Promise<void> {
    const where = nts === 'alive' ? `LOCATION: http://${host.includes(':') ? `[${host}]` : host}:8080/desc.xml\r\n` : '';
    this.ssdp.hear(`NOTIFY * HTTP/1.1\r\nNT: ${TYPE}\r\nNTS: ssdp:${nts}\r\nUSN: uuid:renderer::${TYPE}\r\n${where}${more}\r\n`, host);
    await settle();
  }
}

describe('UPnP adapter and renderers', () => {
  it('gives a renderer as a player without a library, with the quirks of its kind', async () => {
    const { devices: [device], adapter } = await new Rig().start();
    assert.deepEqual(device?.description, { id: 'uuid:renderer', name: 'Kitchen', kind: 'media-player', manufacturer: 'Verona', model: 'Lute' });
    assert.deepEqual([device?.library, device?.player?.feed.address, device?.player?.feed.profile.dlnaAlways], [undefined, '192.0.2.7', true]);
    assert.deepEqual(adapter.devices(), [device]);
    await adapter.stop();
  });

  it('finds one that is embedded, in a device of another kind', async () => {
    const embed = (text: string): string => text.replace(/<device>(.*)<\/device>/s, (inner) => `<device><deviceType>urn:x:device:Box:1</deviceType><UDN>uuid:box</UDN><deviceList>${inner}</deviceList></device>`);
    const { devices, adapter } = await new Rig(embed).start();
    assert.deepEqual(devices.map(({ description: { id, kind } }) => [id, kind]), [['uuid:renderer', 'media-player']]);
    await adapter.stop();
  });

  it('gives two where a server and a renderer have one UDN', async () => {
    const rig = await new Rig((text) => text.replace('</serviceList>', `</serviceList><deviceList>${SERVER}</deviceList>`)).start();
    const list = rig.devices.map(({ description: { id, kind }, library, player }) => [id, kind, library !== undefined, player !== undefined]);
    assert.deepEqual(list, [['uuid:renderer', 'media-server', true, false], ['uuid:renderer::MediaRenderer', 'media-player', false, true]]);
    await rig.hear('byebye');
    await rig.clock.advance(upnp.discovery.tracker.grace + 1);
    assert.deepEqual(rig.gone, ['uuid:renderer', 'uuid:renderer::MediaRenderer']);
    await rig.adapter.stop();
  });

  it('gives two also where each is described elsewhere, and knows each as it was described last', async () => {
    let isServer = false;
    const rig = await new Rig((text) => (isServer ? text.replace(/<device>.*<\/device>/s, SERVER) : text)).start();
    const player = rig.devices[0]?.player;
    isServer = true;
    await rig.hear('byebye');
    await rig.hear('alive', '192.0.2.8');
    assert.deepEqual(rig.devices.map(({ description: { id, kind } }) => [id, kind]), [['uuid:renderer', 'media-player'], ['uuid:renderer::MediaServer', 'media-server']]);
    await player?.setVolume(7, { signal });
    assert.deepEqual([player?.feed.address, rig.device.volume], ['192.0.2.7', 7]);
    await rig.adapter.stop();
  });

  it('keeps its player, and goes with it where it moves', async () => {
    const rig = await new Rig().start();
    const player = rig.devices[0]?.player;
    await rig.hear('byebye');
    await rig.hear('alive', '192.0.2.8');
    await rig.clock.advance(upnp.discovery.tracker.grace + 1);
    assert.deepEqual([rig.devices.length, rig.gone, player?.feed.address], [1, [], '192.0.2.8']);
    rig.hosts.length = 0;
    await player?.setVolume(7, { signal });
    assert.deepEqual([rig.hosts[0], rig.device.volume], ['192.0.2.8:8080', 7]);
    assert.ok(rig.subscriber.subscriptions.every(({ renewals, service }) => renewals > 0 && service().eventUrl.hostname === '192.0.2.8'));
    await rig.adapter.stop();
  });

  it('subscribes anew to one that has started anew without a byebye, as soon as it says so', async () => {
    const rig = await new Rig().start();
    const boot = (id: number): Promise<void> => rig.hear('alive', undefined, `BOOTID.UPNP.ORG: ${id}\r\n`);
    const renewals = (): number[] => rig.subscriber.subscriptions.map((subscription) => subscription.renewals);
    await boot(1);
    const before = renewals();
    await boot(1);
    assert.deepEqual(renewals(), before);
    await boot(2);
    await boot(2);
    assert.deepEqual([renewals(), rig.devices.length, rig.gone], [before.map((count) => count + 1), 1, []]);
    await rig.adapter.stop();
  });

  it('is told what to do by IPv4 where it has that, also if it was found by IPv6', async () => {
    const rig = new Rig();
    await rig.adapter.start({ signal });
    await rig.hear('alive', 'fd00::7');
    const player = rig.devices[0]?.player;
    assert.equal(player?.feed.address, 'fd00::7');
    await rig.hear('alive');
    assert.equal(player?.feed.address, '192.0.2.7');
    await rig.hear('alive', 'fd00::7');
    assert.deepEqual([player?.feed.address, rig.devices.length], ['192.0.2.7', 1]);
    await rig.adapter.stop();
  });

  it('asks for one that has died without a word, as soon as nothing listens there, and believes its silence', async () => {
    for (const [details, answers] of [[{ refused: true }, false], [{ refused: true }, true], [{}, false]] as const) {
      const rig = await new Rig().start();
      await rig.clock.advance(1000);
      const player = rig.devices[0]?.player;
      rig.failure = new XpmnError('unreachable', 'A device does not answer.', { details });
      const searched = once(rig.ssdp, 'sent');
      await assert.rejects(async () => player?.setVolume(7, { signal }), { code: 'unreachable' });
      if (details.refused) assert.match(String((await searched)[0]), /\nST: uuid:renderer\r/);
      if (answers) {
        rig.failure = undefined;
        await rig.hear('alive');
      }
      await rig.clock.advance(upnp.discovery.tracker.grace + 1);
      // Who does not answer in time, or breaks off, may be busy.
      assert.deepEqual(rig.gone, details.refused && !answers ? ['uuid:renderer'] : []);
      await rig.adapter.stop();
    }
  });

  it('ends what its player does when it goes', async () => {
    const rig = await new Rig().start();
    const player = rig.devices[0]?.player;
    await rig.hear('byebye');
    await rig.clock.advance(upnp.discovery.tracker.grace + 1);
    assert.deepEqual([rig.gone, rig.subscriber.subscriptions.length], [['uuid:renderer'], 0]);
    await assert.rejects(async () => player?.play({ signal }), { code: 'unreachable' });
    await rig.adapter.stop();
    assert.equal(rig.clock.pending, 0);
  });

  it('stops only when what has gone was let go of', async () => {
    const rig = await new Rig().start();
    const farewell = deferred();
    for (const subscription of rig.subscriber.subscriptions) {
      const close = subscription.close.bind(subscription);
      subscription.close = () => close().then(() => farewell.promise);
    }
    await rig.hear('byebye');
    await rig.clock.advance(upnp.discovery.tracker.grace + 1);
    let hasStopped = false;
    const stopping = rig.adapter.stop().then(() => (hasStopped = true));
    await settle();
    assert.equal(hasStopped, false);
    farewell.resolve();
    await stopping;
  });

  it('tells that a player is on this machine', async () => {
    const { devices, adapter } = await new Rig(undefined, '192.0.2.7').start();
    assert.deepEqual([devices.length, devices[0]?.player?.feed.address], [1, undefined]);
    await adapter.stop();
  });

  it('imports no gateway\'s export, and no renderer that can\'t be told what to play', async () => {
    for (const describe of [
      (text: string) => text.replace('>Lute<', `>${upnp.exportModelName}<`), (text: string) => text.replaceAll('service:AVTransport:1', 'service:Other:1'),
      (text: string) => text.replace('<controlURL>/AV', '<controlURL>http://192.0.2.99/AV'),
    ]) {
      const { devices, adapter } = await new Rig(describe).start();
      assert.deepEqual(devices, []);
      await adapter.stop();
    }
  });

  it('takes events from the device\'s own host only, and does without', async () => {
    const rig = await new Rig((text) => text.replaceAll('<eventSubURL>', '<eventSubURL>http://192.0.2.99')).start();
    assert.deepEqual([rig.devices.length, rig.subscriber.subscriptions.length], [1, 0]);
    await rig.adapter.stop();
  });

  it('closes the subscriber when it stops', async () => {
    const rig = await new Rig().start();
    assert.equal(rig.subscriber.subscriptions.length, 2);
    await rig.adapter.stop();
    assert.equal(rig.subscriber.subscriptions.length, 0);
    assert.throws(() => rig.subscriber.subscribe(() => assert.fail(), { event: () => undefined, state: () => undefined }), { code: 'not-running' });
  });
});
