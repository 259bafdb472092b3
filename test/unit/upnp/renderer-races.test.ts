import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { playerMedia } from '../../support/media-players.ts';
import { inPassing, rendererRig } from '../../support/renderer-rig.ts';
import type { RendererRig, RendererRigOptions } from '../../support/renderer-rig.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const ONE = 'http://192.0.2.1/1.mp3';

describe('media renderer, while something else happens', () => {
  let rig: RendererRig;
  async function begin(options: RendererRigOptions = {}): Promise<RendererRig['player']> {
    rig = await rendererRig(options);
    await rig.clock.advance(10);
    rig.device.lengths.set(ONE, 60);
    return inPassing(rig.player, rig.clock) as RendererRig['player'];
  }
  afterEach(async () => {
    rig.device.stopAll();
    await rig.player.close();
    assert.equal(rig.clock.pending, 0, 'timers are left behind');
  });

  it('stops what a command has begun that was broken off before its answer', async () => {
    const player = await begin({ defects: { startsIn: 1000 } });
    const { device, clock } = rig;
    await player.load(playerMedia(ONE, 60), { signal });
    await clock.advance(10_000);
    const enough = new AbortController();
    const { handle } = device;
    device.handle = (received) => {
      const answer = handle.call(device, received);
      if (device.calls.at(-1) === 'Play') enough.abort(new XpmnError('aborted', 'Enough.'));
      return answer;
    };
    await assert.rejects(player.play({ signal: enough.signal }), { code: 'aborted' });
    await player.stop({ signal });
    await clock.advance(5000);
    assert.deepEqual([device.state, player.snapshot.state], ['STOPPED', 'stopped']);
  });

  it('plays again what has just ended when it is told to, and goes to what follows at the next end', async () => {
    const player = await begin({ defects: { ignoresNext: true } });
    const { clock } = rig;
    const ended: string[] = [];
    player.on('ended', (url) => ended.push(url));
    await player.load(playerMedia(ONE, 60), { signal });
    await player.play({ signal });
    await player.preload?.(playerMedia('http://192.0.2.1/2.mp3', 60), { signal });
    for (let passed = 0; player.snapshot.state !== 'stopped' && passed < 70_000; passed += 100) await clock.advance(100);
    await player.play({ signal });
    await clock.advance(2 * settings.upnp.renderer.followGrace);
    assert.deepEqual([player.snapshot.state, ended], ['playing', []]);
    await clock.advance(60_000);
    assert.deepEqual([player.snapshot.state, ended], ['stopped', [ONE]]);
  });

  it('stops it also where an answer was under way that is older than the command', async () => {
    const player = await begin({ defects: { startsIn: 1000 } });
    const { device, clock } = rig;
    await player.load(playerMedia(ONE, 60), { signal });
    const enough = new AbortController();
    let command: Promise<void> | undefined;
    const { handle } = device;
    device.handle = (received) => {
      const answer = handle.call(device, received);
      const action = device.calls.at(-1);
      if (action === 'GetTransportInfo' && !command) command = assert.rejects(rig.player.play({ signal: enough.signal }), { code: 'aborted' });
      if (action === 'Play') enough.abort(new XpmnError('aborted', 'Enough.'));
      return answer;
    };
    for (let passed = 0; !command && passed < 10_000; passed += 10) await clock.advance(10);
    await command;
    await player.stop({ signal });
    assert.deepEqual([device.state, device.calls.filter((call) => call === 'Stop').length], ['STOPPED', 1]);
  });

  /** Whatever it answers, that is where it says it is. */
  function says(place: () => string | undefined): void {
    const { device } = rig;
    const { handle } = device;
    device.handle = (received) => {
      const answer = handle.call(device, received);
      const said = place();
      return said === undefined || !('body' in answer) ? answer : { ...answer, body: String(answer.body).replace(/<RelTime>[^<]*/, `<RelTime>${said}`) };
    };
  }
  async function plays(player: RendererRig['player'], url: string): Promise<void> {
    await player.load(playerMedia(url, 60), { signal });
    await player.play({ signal });
  }

  it('is told once where to go, though it says where it was until it is there', async () => {
    const player = await begin({ defects: { startsIn: 1200 } });
    const { device, clock } = rig;
    await plays(player, ONE);
    await clock.advance(1500);
    says(() => (device.state === 'TRANSITIONING' ? '0:00:01' : undefined));
    await player.seek(40, { signal });
    await clock.advance(3000);
    assert.deepEqual([device.calls.filter((call) => call === 'Seek').length, player.snapshot.state], [1, 'playing']);
    assert.ok((player.snapshot.position ?? 0) >= 40);
  });

  it('goes on where it was left, and is told so once', async () => {
    const player = await begin();
    const { device, clock } = rig;
    await plays(player, ONE);
    await clock.advance(20_000);
    await player.stop({ signal });
    await plays(player, ONE);
    await clock.advance(500);
    says(() => (device.state === 'TRANSITIONING' ? '0:00:01' : undefined));
    device.defects.startsIn = 700;
    await player.seek(20, { signal });
    await clock.advance(500);
    assert.ok((player.snapshot.position ?? 0) >= 20, String(player.snapshot.position));
    assert.equal(device.calls.filter((call) => call === 'Seek').length, 1);
  });

  it('is told once where to go in the middle of a title, though it never says where it is', async () => {
    const player = await begin();
    const { device, clock } = rig;
    says(() => '0:00:00');
    await plays(player, ONE);
    await clock.advance(10_000);
    await player.seek(40, { signal });
    assert.equal(device.calls.filter((call) => call === 'Seek').length, 1);
  });

  it('is not taken for one that says where it is because it did not follow a seek with its position', async () => {
    const player = await begin();
    const { clock } = rig;
    says(() => '0:00:00');
    await plays(player, ONE);
    await clock.advance(500);
    await player.seek(40, { signal });
    await clock.advance(1000);
    await plays(player, ONE);
    await clock.advance(30_000);
    assert.deepEqual([player.snapshot.state, player.snapshot.problem], ['playing', undefined]);
  });

  describe('that plays what is set without being told to', () => {
    const OTHER = 'http://192.0.2.1/other.mp3';
    const options: RendererRigOptions = { defects: { playsWhatIsSet: true }, quirks: { playsWhatIsSet: true } };

    for (const isSilent of [false, true]) {
      it(`gets it when it is to play${isSilent ? ', also if it tells nothing' : ''}`, async () => {
        const player = await begin({ ...options, isSilent });
        const { device, clock } = rig;
        device.titlesFor(OTHER);
        device.hand.play();
        await clock.advance(5000);
        const unwatch = player.watched();
        const media = playerMedia(ONE, 60);
        await player.load(media, { signal });
        await clock.advance(20_000);
        assert.deepEqual([device.state, device.title?.url, player.snapshot.state, player.snapshot.media?.url], ['STOPPED', OTHER, 'stopped', ONE]);
        await player.stop({ signal });
        await player.play({ signal });
        await clock.advance(2000);
        assert.deepEqual([device.state, device.title?.url, player.snapshot.state, player.snapshot.media?.url], ['PLAYING', ONE, 'playing', ONE]);
        assert.equal(device.calls.filter((call) => call === 'SetAVTransportURI').length, 1);
        unwatch();
      });
    }

    it('and plays what it had when somebody makes it', async () => {
      const player = await begin(options);
      const { device, clock } = rig;
      device.titlesFor(OTHER);
      device.hand.play();
      await clock.advance(5000);
      await player.load(playerMedia(ONE, 60), { signal });
      await clock.advance(5000);
      device.hand.play();
      await clock.advance(2000);
      assert.deepEqual([player.snapshot.state, player.snapshot.media?.url], ['playing', OTHER]);
    });
  });
});
