import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { playerMedia } from '../../support/media-players.ts';
import { inPassing, rendererRig } from '../../support/renderer-rig.ts';
import type { RendererRig, RendererRigOptions } from '../../support/renderer-rig.ts';

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

  it('stops what was broken off after the device had said, when asked before, that it has stopped', async () => {
    const player = await begin({ defects: { startsIn: 1000 } });
    const { device, clock } = rig;
    await player.load(playerMedia(ONE, 60), { signal });
    const enough = new AbortController();
    const { handle } = device;
    let late: Parameters<typeof handle>[0] | undefined;
    device.handle = (received) => {
      const { soapaction = '' } = received.headers;
      if (soapaction.includes('#Play') && !late) {
        late = received;
        return { silent: true };
      }
      const answer = handle.call(device, received);
      if (soapaction.includes('#GetTransportInfo') && late && !enough.signal.aborted) {
        handle.call(device, late);
        enough.abort(new XpmnError('aborted', 'Enough.'));
      }
      return answer;
    };
    await assert.rejects(player.play({ signal: enough.signal }), { code: 'aborted' });
    await player.stop({ signal });
    await clock.advance(5000);
    assert.deepEqual([device.state, player.snapshot.state], ['STOPPED', 'stopped']);
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
