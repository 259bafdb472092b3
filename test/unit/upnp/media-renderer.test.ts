import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import type { PlayerSnapshot } from '../../../src/xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../../../src/xpmn/ports/player-feed.ts';
import { playerMedia } from '../../support/media-players.ts';
import { inPassing, rendererRig } from '../../support/renderer-rig.ts';
import type { RendererRig, RendererRigOptions } from '../../support/renderer-rig.ts';
import { settings } from '../../support/settings.ts';

const options = settings.upnp.renderer;
const signal = new AbortController().signal;
const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> => assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));

/** A rig with what its player has told. */
async function start(how: RendererRigOptions = {}): Promise<RendererRig & { readonly told: PlayerSnapshot[]; readonly ended: string[]; readonly asked: (action: string) => number; playing(seconds?: number, url?: string): Promise<PlayerMedia> }> {
  const rig = await rendererRig(how);
  const player = inPassing(rig.player, rig.clock) as typeof rig.player;
  const [told, ended]: [PlayerSnapshot[], string[]] = [[], []];
  rig.player.on('changed', (snapshot) => told.push(snapshot));
  rig.player.on('ended', (url) => ended.push(url));
  await rig.clock.advance(10);
  const playing = async (seconds = 60, url = 'http://192.0.2.1/1.mp3'): Promise<PlayerMedia> => {
    const media = playerMedia(url, seconds);
    rig.device.lengths.set(url, seconds);
    await player.load(media, { signal });
    await player.play({ signal });
    await rig.clock.advance(1200);
    assert.equal(player.snapshot.state, 'playing');
    return media;
  };
  return { ...rig, player, told, ended, playing, asked: (action) => rig.device.calls.filter((name) => name === action).length };
}

describe('media renderer', () => {
  let close: () => Promise<void> = async () => undefined;
  const begin = async (how: RendererRigOptions = {}): ReturnType<typeof start> => {
    const rig = await start(how);
    close = async () => {
      rig.device.stopAll();
      await rig.player.close();
      assert.equal(rig.clock.pending, 0, 'timers are left behind');
      assert.equal(rig.events.subscriptions.length, 0);
    };
    return rig;
  };
  afterEach(async () => {
    await close();
    close = async () => undefined;
  });

  describe('asks a device that tells', () => {
    it('never, while nobody watches and nothing of ours plays', async () => {
      const { device, clock } = await begin();
      device.calls.length = 0;
      device.hand.playThese('http://192.0.2.9/other.mp3');
      await clock.advance(600_000);
      assert.deepEqual(device.calls, []);
    });

    it('rarely where it is, while somebody watches', async () => {
      const { device, player, clock, playing, asked } = await begin();
      const unwatch = player.watched();
      await playing(3600);
      await clock.advance(5000);
      device.calls.length = 0;
      await clock.advance(300_000);
      assert.equal(asked('GetPositionInfo'), 300_000 / options.drift);
      assert.deepEqual([asked('GetVolume'), asked('GetMediaInfo')], [0, 0]);
      unwatch();
      device.calls.length = 0;
      await clock.advance(300_000);
      assert.deepEqual(device.calls, []);
    });

    it('once it should have come to its end, and did not say so', async () => {
      const { device, playing, clock, ended, asked } = await begin();
      await playing(60);
      await clock.advance(5000);
      device.calls.length = 0;
      device.onEvent = () => undefined;
      await clock.advance(65_000);
      assert.deepEqual(ended, ['http://192.0.2.1/1.mp3']);
      assert.equal(asked('GetTransportInfo'), 1);
    });
  });

  describe('asks a device that tells nothing', () => {
    const SILENT: RendererRigOptions = { isSilent: true, defects: { mute: true } };

    it('only while somebody watches', async () => {
      const { device, player, clock, asked } = await begin(SILENT);
      await clock.advance(5000);
      device.calls.length = 0;
      await clock.advance(60_000);
      assert.deepEqual(device.calls, []);
      const unwatch = player.watched();
      await clock.advance(60_000);
      assert.ok(asked('GetTransportInfo') >= 60_000 / options.pollIdle && asked('GetTransportInfo') <= 2 + 60_000 / options.pollIdle, String(asked('GetTransportInfo')));
      unwatch();
    });

    it('to the end of what was loaded here, whoever looks', async () => {
      const { playing, clock, ended } = await begin(SILENT);
      const media = await playing(30);
      await clock.advance(32_000);
      assert.deepEqual(ended, [media.url]);
    });

    it('and not for what it does not have', async () => {
      const { player, clock, asked, told } = await begin({ ...SILENT, defects: { mute: true, faults: { GetPositionInfo: 501, GetMute: 401 } } });
      const unwatch = player.watched();
      await clock.advance(60_000);
      assert.equal(asked('GetMute'), 1, 'it has shown that it is not there');
      assert.equal(told.filter(({ problem }) => problem).length, 0);
      unwatch();
    });
  });

  for (const defect of ['broken', 'hangs'] as const) {
    it(`is unreachable after some questions to a device that ${defect === 'hangs' ? 'hangs' : 'answers 500 to everything'}, and comes back by itself`, async () => {
      const { device, player, clock, told } = await begin({ isSilent: true, defects: { mute: true } });
      const unwatch = player.watched();
      await clock.advance(6000);
      device.defects[defect] = true;
      await clock.advance(120_000);
      assert.equal(player.snapshot.problem?.code, 'unreachable');
      assert.equal(told.filter(({ problem }) => problem).length, 1, 'told once');
      device.defects[defect] = false;
      await clock.advance(options.backOff.max + 1000);
      assert.deepEqual([player.snapshot.problem, told.at(-1)?.problem], [undefined, undefined]);
      unwatch();
    });
  }

  it('looks once when its events stop coming, also while nobody watches', async () => {
    const { device, player, clock, events } = await begin();
    await clock.advance(1000);
    device.defects.hangs = true;
    events.at('/AVTransport/evt')?.become('refused');
    await clock.advance(60_000);
    assert.equal(player.snapshot.problem?.code, 'unreachable');
    device.defects.hangs = false;
    events.at('/AVTransport/evt')?.sendAll({ LastChange: device.everything('AVTransport') });
    assert.equal(player.snapshot.problem, undefined, 'its event says that it is there');
  });

  it('subscribes anew when the device has moved, or may have started anew', async () => {
    const { player, events, clock } = await begin();
    player.moved();
    await clock.advance(100);
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [1, 1]);
  });

  it('subscribes anew when the device answers again: nobody knows what it has forgotten', async () => {
    const { player, device, events, clock, playing } = await begin();
    const unwatch = player.watched();
    await playing(3600);
    device.defects.hangs = true;
    await clock.advance(120_000);
    assert.equal(player.snapshot.problem?.code, 'unreachable');
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [0, 0]);
    device.defects.hangs = false;
    await clock.advance(120_000);
    assert.equal(player.snapshot.problem, undefined);
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [1, 1]);
    unwatch();
  });

  it('subscribes anew when the device is found otherwise than it has told, and keeps silent about it', async () => {
    const { player, device, events, clock, playing } = await begin();
    const unwatch = player.watched();
    await playing();
    await clock.advance(2_000);
    const told = device.onEvent;
    device.onEvent = () => undefined;
    device.hand.pause();
    await clock.advance(options.drift + 1_000);
    assert.equal(player.snapshot.state, 'paused');
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [1, 1]);
    device.onEvent = told;
    device.hand.play();
    await clock.advance(options.drift + 1_000);
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [1, 1], 'it tells');
    unwatch();
  });

  it('lets a device take its time to tell, however often it is asked meanwhile', async () => {
    const { player, device, events, clock, playing } = await begin();
    const unwatch = player.watched();
    await playing();
    await clock.advance(2_000);
    const told = device.onEvent;
    device.onEvent = (...event) => void clock.after(options.settle - 50, () => told(...event));
    const stopping = player.stop({ signal: new AbortController().signal });
    for (let passed = 0; passed < 3_000; passed += 50) await clock.advance(50);
    await stopping;
    assert.equal(player.snapshot.state, 'stopped');
    assert.deepEqual(events.subscriptions.map(({ renewals }) => renewals), [0, 0]);
    unwatch();
  });

  it('plays at once what is refused for the moment, and nothing else', async () => {
    const { device, player, clock, asked, playing } = await begin();
    await playing();
    await clock.advance(options.startPatience);
    await player.seek(5, { signal });
    await player.seek(6, { signal });
    assert.ok(asked('Seek') > 2, 'it was transitioning');
    await player.pause({ signal });
    await clock.advance(1000);
    device.calls.length = 0;
    for (const [number, code] of [[701, 'unexpected-request'], [714, 'unsupported-type'], [716, 'origin-unreachable'], [501, 'not-acceptable']] as const) {
      device.defects.faults = { Play: [number] };
      await rejects(player.play({ signal }), code);
    }
    assert.equal(asked('Play'), 4, 'a refusal is one');
    for (const [number, code] of [[714, 'unsupported-type'], [716, 'origin-unreachable']] as const) {
      device.defects.faults = { SetAVTransportURI: [number] };
      await rejects(player.load(playerMedia('http://192.0.2.1/2.mp3', 10), { signal }), code);
    }
  });

  it('stops what plays before it sets something else, and waits for it', async () => {
    const { device, player, playing } = await begin({ defects: { stopsIn: 1500 } });
    await playing();
    device.calls.length = 0;
    await player.load(playerMedia('http://192.0.2.1/2.mp3', 10), { signal });
    assert.deepEqual(device.calls.filter((name) => !name.startsWith('Get')), ['Stop', 'SetAVTransportURI']);
    assert.equal(player.snapshot.media?.url, 'http://192.0.2.1/2.mp3');
  });

  it('says not-pausable where there is no such action', async () => {
    const { player, playing } = await begin({ defects: { missing: ['Pause'] } });
    await player.pause({ signal });
    await playing();
    assert.equal(player.snapshot.abilities.pause, false);
    await rejects(player.pause({ signal }), 'not-pausable');
  });

  it('has neither volume nor mute without a RenderingControl', async () => {
    const { player } = await begin({ defects: { noRenderingControl: true } });
    assert.deepEqual([player.snapshot.abilities.volume, player.snapshot.abilities.mute, player.snapshot.volume], [false, false, undefined]);
    await rejects(player.setVolume(5, { signal }), 'not-supported');
    await rejects(player.setMute(true, { signal }), 'not-supported');
  });

  for (const [seekFormat, target] of [['whole', '0:00:07'], ['abs', '0:00:07']] as const) {
    it(`learns how a device wants to be told where to go: ${seekFormat}`, async () => {
      const { device, player, playing, asked, clock } = await begin({ defects: { seekFormat } });
      await playing();
      await player.seek(7.5, { signal });
      assert.equal(device.last.get('Seek')?.get('Target'), target);
      await clock.advance(1000);
      device.calls.length = 0;
      await player.seek(9.5, { signal });
      assert.equal(asked('Seek'), 1);
    });
  }

  it('does not ask a second time what can\'t be sought in', async () => {
    const { player, device, clock } = await begin();
    const live = { ...playerMedia('http://192.0.2.1/live', undefined), isSeekable: false };
    device.lengths.set(live.url, 1000);
    await player.load(live, { signal });
    await player.play({ signal });
    await clock.advance(600);
    await rejects(player.seek(5, { signal }), 'not-seekable');
    assert.ok(!device.calls.includes('Seek'));
  });

  it('learns that a device does not go on by itself, and says so from then on', async () => {
    const { player, playing, clock, ended } = await begin({ defects: { ignoresNext: true } });
    const first = await playing(20);
    await player.preload?.(playerMedia('http://192.0.2.1/2.mp3', 10), { signal });
    await clock.advance(25_000);
    assert.deepEqual(ended, [first.url], 'late, but it has ended');
    await rejects(player.preload?.(playerMedia('http://192.0.2.1/2.mp3', 10), { signal }) as Promise<void>, 'not-supported');
    await player.preload?.(undefined, { signal });
  });

  it('is not told what comes next where that is known not to work', async () => {
    const { player } = await begin({ quirks: { ignoreNext: true } });
    assert.equal(player.preload, undefined);
  });

  it('tells what it is to play in as many words as the device bears', async () => {
    for (const [metadata, expected] of [['full', /<upnp:class>.*duration=/], ['minimal', /<upnp:class>/], ['none', /^$/]] as const) {
      const { player, device } = await begin({ quirks: { metadata } });
      await player.load(playerMedia('http://192.0.2.1/1.mp3', 60), { signal });
      assert.match(device.last.get('SetAVTransportURI')?.get('CurrentURIMetaData') ?? '', expected, metadata);
      await close();
    }
  });

  it('stops before each item where a device wants it so', async () => {
    const { player, device } = await begin({ quirks: { stopBeforeLoad: true } });
    device.titlesFor('http://192.0.2.9/before.mp3');
    await player.load(playerMedia('http://192.0.2.1/1.mp3', 60), { signal });
    assert.deepEqual(device.calls.filter((name) => !name.startsWith('Get')), ['Stop', 'SetAVTransportURI']);
  });

  it('is fed as its quirks say', async () => {
    const { player } = await begin({ quirks: { feed: { length: 'close', mimeTypes: { 'video/x-matroska': 'video/x-mkv' } } } });
    assert.deepEqual(player.feed, { address: '192.0.2.7', profile: { length: 'close', mimeTypes: { 'video/x-matroska': 'video/x-mkv' }, dlnaAlways: false, keepAlive: true } });
  });

  it('finds out that a device which says it plays stands still', async () => {
    const { device, player, playing, clock, told } = await begin();
    await playing(600);
    await clock.advance(10_000);
    const frozen = playerMedia('http://192.0.2.1/2.mp3', 600);
    await player.load(frozen, { signal });
    device.isFrozen = true;
    await player.play({ signal });
    await clock.advance(options.startPatience + 1000);
    assert.equal(player.snapshot.state, 'buffering');
    assert.ok(!told.some(({ problem }) => problem), 'it may still come');
    await clock.advance(options.stallPatience + options.startPatience);
    assert.equal(player.snapshot.problem?.code, 'origin-unreachable');
    const { length } = told;
    device.isFrozen = false;
    await clock.advance(options.drift + 2 * options.startPatience);
    assert.deepEqual([player.snapshot.state, player.snapshot.problem], ['playing', undefined]);
    assert.equal(told.length, length + 1);
  });

  it('does not take a slow beginning for a failure', async () => {
    const { device, playing, player, clock, told } = await begin();
    await playing(600);
    await clock.advance(10_000);
    await player.load(playerMedia('http://192.0.2.1/2.mp3', 600), { signal });
    device.isFrozen = true;
    await player.play({ signal });
    await clock.advance(8000);
    device.isFrozen = false;
    await clock.advance(6000);
    assert.equal(player.snapshot.state, 'playing');
    assert.ok(told.every(({ problem }) => problem === undefined));
  });

  it('plays anew what a device has forgotten at its end', async () => {
    const { device, player, playing, clock, ended } = await begin({ defects: { clearsAtEnd: true } });
    const media = await playing(20);
    await clock.advance(22_000);
    assert.deepEqual([ended, player.snapshot.state, device.title], [[media.url], 'stopped', undefined]);
    await player.play({ signal });
    await clock.advance(1200);
    assert.deepEqual([player.snapshot.state, device.title?.url], ['playing', media.url]);
  });

  it('takes back what was to follow, when something else is set', async () => {
    const { device, player, playing } = await begin();
    await playing();
    await player.preload?.(playerMedia('http://192.0.2.1/2.mp3', 10), { signal });
    await player.load(playerMedia('http://192.0.2.1/3.mp3', 10), { signal });
    assert.equal(device.last.get('SetNextAVTransportURI')?.get('NextURI'), '');
  });

  it('believes an event more than an answer that was under way', async () => {
    const { device, player, clock, playing, events, told } = await begin();
    await playing();
    const handle = device.handle.bind(device);
    device.handle = (received) => {
      const answer = handle(received);
      // It has said that it plays; before all is asked, somebody pauses it.
      if (received.headers.soapaction?.includes('GetTransportInfo')) {
        device.handle = handle;
        device.hand.pause();
        events.at('/AVTransport/evt')?.send({ LastChange: device.everything('AVTransport') });
      }
      return answer;
    };
    await player.seek(20, { signal });
    await clock.advance(5000);
    assert.equal(player.snapshot.state, 'paused');
    assert.equal(told.filter(({ state }) => state === 'paused').length, 1, 'it went to and fro');
  });

  it('finds back from a mute that has taken the volume with it', async () => {
    const { device, player, clock, told } = await begin();
    await player.setVolume(40, { signal });
    await player.setMute(true, { signal });
    device.hand.setVolume(0);
    await clock.advance(1000);
    assert.equal(player.snapshot.volume, 40);
    await player.setMute(false, { signal });
    await clock.advance(1000);
    assert.deepEqual([device.volume, player.snapshot.volume, told.some(({ volume }) => volume === 0)], [40, 40, false]);
  });
});
