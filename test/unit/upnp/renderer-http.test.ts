import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createUpnpAdapter } from '../../../src/upnp/adapter.ts';
import type { UpnpAdapter } from '../../../src/upnp/adapter.ts';
import { createEventSubscriber } from '../../../src/upnp/gena-subscriber.ts';
import { createHttpRequester } from '../../../src/upnp/http-requester.ts';
import { silentLogger as log } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom as random } from '../../../src/xpmn/kernel/system.ts';
import type { MediaPlayer, PlayerSnapshot } from '../../../src/xpmn/ports/media-player.ts';
import { FakeSsdpSocket } from '../../fakes/fake-ssdp.ts';
import { RendererDevice } from '../../fakes/renderer-device.ts';
import { RendererOnHttp } from '../../fakes/renderer-http.ts';
import { playerMedia } from '../../support/media-players.ts';
import { settings } from '../../support/settings.ts';
import { SteadyClock } from '../../support/steady-clock.ts';

const signal = new AbortController().signal;
const TYPE = 'urn:schemas-upnp-org:device:MediaRenderer:1';
const { upnp } = settings;
const clock = new SteadyClock();
/** Nobody waits a minute for a test. */
const OPTIONS = {
  ...upnp,
  discovery: { ...upnp.discovery, tracker: { ...upnp.discovery.tracker, loopback: true } },
  requester: { ...upnp.requester, timeout: 300 },
  renderer: { ...upnp.renderer, pollIdle: 100, pollActive: 50, settle: 50, backOff: { first: 20, max: 200 } },
};

describe('a renderer over HTTP', function () {
  this.timeout(20_000);
  let renderer: RendererOnHttp;
  let device: RendererDevice;
  let adapter: UpnpAdapter;
  let player: MediaPlayer;
  let ssdp: FakeSsdpSocket;

  const announce = (nts: 'alive' | 'byebye'): void =>
    ssdp.hear(`NOTIFY * HTTP/1.1\r\nNT: ${TYPE}\r\nNTS: ssdp:${nts}\r\nUSN: ${device.udn}::${TYPE}\r\n${nts === 'alive' ? `LOCATION: ${renderer.location}\r\n` : ''}\r\n`, '127.0.0.1');

  /** Resolves with the first snapshot that fits, the present one included. */
  const becomes = async (fits: (snapshot: PlayerSnapshot) => boolean): Promise<void> => {
    while (!fits(player.snapshot)) await new Promise<void>((resolve) => void player.once('changed', () => resolve()));
  };

  beforeEach(async () => {
    device = new RendererDevice(clock);
    renderer = new RendererOnHttp(device);
    await renderer.start();
    ssdp = new FakeSsdpSocket();
    const requester = createHttpRequester({ clock }, OPTIONS.requester);
    const events = createEventSubscriber({ requester, clock, random, log }, OPTIONS.gena);
    adapter = createUpnpAdapter({ ssdp, requester, clock, random, log, events, openOrigin: () => assert.fail(), quirks: [], isOwnDevice: () => false }, OPTIONS);
    await adapter.start({ signal });
    const appeared = once(adapter, 'deviceAppeared');
    announce('alive');
    [{ player }] = await appeared as [{ player: MediaPlayer }];
    await becomes(({ volume }) => volume === 50);
  });

  afterEach(async () => {
    await adapter.stop();
    device.stopAll();
    assert.equal(renderer.subscriptions, 0, 'it was told that nobody listens any more');
    await renderer.stop();
  });

  it('plays, and tells by event what others do', async () => {
    const media = playerMedia('http://192.0.2.1/1.mp3', 60);
    await player.load(media, { signal });
    await player.play({ signal });
    await becomes(({ state }) => state === 'playing');
    device.hand.pause();
    await becomes(({ state }) => state === 'paused');
    device.hand.setVolume(30);
    await becomes(({ volume }) => volume === 30);
    assert.ok(!device.calls.includes('GetVolume'), 'nobody asked');
  });

  it('that vanishes is unreachable while somebody looks, and is there again when it is', async () => {
    const unwatch = player.watched();
    await renderer.stop();
    await assert.rejects(player.play({ signal }), { code: 'unexpected-request' }, 'nothing is loaded, and nobody needs the device to know that');
    await assert.rejects(player.load(playerMedia('http://192.0.2.1/1.mp3', 60), { signal }), { code: 'unreachable' });
    await becomes(({ problem }) => problem?.code === 'unreachable');
    await renderer.start();
    await becomes(({ problem }) => problem === undefined);
    unwatch();
  });

  it('that hangs fails a command in time, and the next one works when it is back', async () => {
    device.defects.hangs = true;
    await assert.rejects(player.setVolume(5, { signal }), { code: 'timeout' });
    device.defects.hangs = false;
    await player.setVolume(6, { signal });
    assert.equal(device.volume, 6);
    await becomes(({ volume, problem }) => volume === 6 && problem === undefined);
  });

  it('that has started anew is heard again, on the same player', async () => {
    await renderer.stop();
    await renderer.start();
    announce('byebye');
    announce('alive');
    device.volume = 12;
    await becomes(({ volume }) => volume === 12);
    device.hand.setMute(true);
    await becomes(({ mute }) => mute === true);
    assert.equal(adapter.devices().length, 1);
  });
});
