import assert from 'node:assert/strict';
import type { PlayerSnapshot } from '../../../src/xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../../../src/xpmn/ports/player-feed.ts';
import { settings } from '../../support/settings.ts';
import { mprisRigs } from '../../support/mpris-rig.ts';
import type { MprisRig } from '../../support/mpris-rig.ts';
import type { MprisDefects } from '../../support/scripted-mpris.ts';

const signal = new AbortController().signal;
const FAILED = 'org.freedesktop.DBus.Error.Failed';

describe('a player by MPRIS', function () {
  this.timeout(20_000);
  const begin = mprisRigs();
  let rig: MprisRig;
  let told: PlayerSnapshot[];

  const playing = async (defects: MprisDefects = {}): Promise<PlayerMedia> => {
    rig = await begin(defects);
    told = [];
    rig.player.on('changed', (snapshot) => told.push(snapshot));
    const media = await rig.media(60);
    await rig.player.load(media, { signal });
    await rig.player.play({ signal });
    assert.ok(await rig.pass(2_000, () => rig.player.snapshot.state === 'playing'));
    rig.scripted.calls.length = 0;
    told.length = 0;
    return media;
  };
  const members = (): string[] => rig.scripted.calls.map((call) => call.split(' ')[0] as string);

  describe('goes to a place', () => {
    it('by the track', async () => {
      await playing();
      await rig.player.seek(40.5, { signal });
      assert.deepEqual(rig.scripted.calls, ['SetPosition /org/xpmn/track1 40500000']);
    });

    for (const [name, defects, wanted] of [
      ['by so many from here, if there is no track to name', { trackId: 'none' }, ['Seek']],
      ['by so many from here, if its track is none', { trackId: 'text' }, ['Seek']],
      ['by so many from here, if its track is an old one', { trackId: 'stale' }, ['SetPosition', 'Seek']],
      ['by so many from here, if the other does nothing', { ignoresSetPosition: true }, ['SetPosition', 'Seek']],
      ['by a place, if it takes what is from here for one', { ignoresSetPosition: true, seekIsAbsolute: true }, ['SetPosition', 'Seek', 'Seek']],
      ['and is believed, if it does not say where it is', { noPosition: true }, ['SetPosition']],
    ] as const satisfies readonly (readonly [string, MprisDefects, readonly string[]])[]) {
      it(name, async () => {
        await playing(defects);
        await rig.pass(5_000);
        await rig.player.seek(30, { signal });
        assert.deepEqual(members(), wanted);
        assert.ok(Math.abs(rig.scripted.position - 30) < 2, String(rig.scripted.position));
        assert.ok(Math.abs((rig.player.snapshot.position ?? NaN) - 30) < 2);
      });
    }

    it('to the end, from where it goes on by itself', async () => {
      const media = await playing();
      const ended: string[] = [];
      rig.player.on('ended', (url) => ended.push(url));
      await rig.pass(5_000);
      await rig.player.seek(60, { signal });
      assert.deepEqual([members(), ended], [['SetPosition'], [media.url]]);
      assert.equal(rig.player.snapshot.state, 'stopped');
    });

    it('or says that it can\'t, if nothing helps', async () => {
      await playing({ ignoresSetPosition: true, ignoresSeek: true });
      await assert.rejects(rig.player.seek(30, { signal }), { code: 'not-seekable' });
      rig.scripted.more = { CanSeek: { signature: 'b', value: false } };
      rig.scripted.calls.length = 0;
      rig.scripted.tell('CanSeek');
      await rig.settled();
      assert.equal(rig.player.snapshot.abilities.seek, false);
      await assert.rejects(rig.player.seek(30, { signal }), { code: 'not-seekable' });
      assert.deepEqual(members(), []);
    });
  });

  it('asks once more before it says that something can\'t be done', async () => {
    await playing();
    rig.scripted.more = { CanControl: { signature: 'b', value: false } };
    rig.scripted.tell('CanControl');
    await rig.settled();
    assert.deepEqual(rig.player.snapshot.abilities, { seek: false, pause: false, next: false, previous: false, volume: false, mute: false });
    await assert.rejects(rig.player.pause({ signal }), { code: 'not-supported' });
    rig.scripted.more = {};
    await rig.player.pause({ signal });
    assert.equal(rig.player.snapshot.state, 'paused');
    rig.scripted.more = { CanPause: { signature: 'b', value: false } };
    rig.scripted.tell('CanPause');
    await rig.player.play({ signal });
    await assert.rejects(rig.player.pause({ signal }), { code: 'not-pausable' });
  });

  it('takes something new, though it says that it plays on: it may have nothing', async () => {
    await playing({ ignores: ['Stop'] });
    await rig.player.load(await rig.media(30), { signal });
    await rig.player.play({ signal });
    assert.equal(members().at(-1), 'OpenUri');
  });

  it('is refused, or not obeyed, and says so, but for one that leaves when it is stopped', async () => {
    await playing({ ignores: ['Pause', 'Stop'], ignoresVolume: true });
    await assert.rejects(rig.player.pause({ signal }), { code: 'not-acceptable' });
    await assert.rejects(rig.player.stop({ signal }), { code: 'not-acceptable' });
    await assert.rejects(rig.player.setVolume(10, { signal }), { code: 'not-acceptable' });
    for (const [error, code] of [[FAILED, 'not-acceptable'], ['org.freedesktop.DBus.Error.UnknownMethod', 'not-supported'], ['org.freedesktop.DBus.Error.NoReply', 'unreachable'], ['org.freedesktop.DBus.Error.AccessDenied', 'not-acceptable']] as const) {
      rig.scripted.refusals.set('Pause', error);
      await assert.rejects(rig.player.pause({ signal }), { code });
    }
    assert.equal(rig.player.snapshot.state, 'playing');
    const stop = rig.player.stop({ signal });
    await rig.settled();
    rig.player.detach();
    await stop;
  });

  it('does not take what it can\'t fetch', async () => {
    rig = await begin();
    await rig.player.attach(await restarted({ SupportedUriSchemes: { signature: 'as', value: ['file', 'cdda'] } }), { signal });
    await assert.rejects(rig.player.load(await rig.media(60), { signal }), { code: 'unsupported-type' });
    await rig.player.attach(await restarted({ SupportedUriSchemes: { signature: 's', value: 'file' } }), { signal });
    await rig.player.load(await rig.media(60), { signal });
  });

  it('that has nothing does nothing, whatever it says, and is told to play: it may have a list of its own', async () => {
    rig = await begin();
    rig.scripted.more = { PlaybackStatus: { signature: 's', value: 'Playing' } };
    await rig.player.attach(rig.owner, { signal });
    assert.equal(rig.player.snapshot.state, 'idle');
    await assert.rejects(rig.player.play({ signal }), { code: 'unexpected-request' });
    assert.deepEqual(members(), ['Play']);
    rig.scripted.more = {};
    rig.scripted.tell('PlaybackStatus');
    rig.scripted.stoppedList = [{ url: 'file:///music/1.mp3', seconds: 60 }];
    await rig.player.play({ signal });
    assert.deepEqual([rig.player.snapshot.state, rig.player.snapshot.media?.url], ['playing', 'file:///music/1.mp3']);
  });

  it('does not take anything if it opens nothing, as browsers', async () => {
    rig = await begin();
    await rig.player.attach(await restarted({ SupportedUriSchemes: { signature: 'as', value: [] } }), { signal });
    await assert.rejects(rig.player.load(await rig.media(60), { signal }), { code: 'not-supported' });
    assert.deepEqual([members(), rig.player.snapshot.state, rig.player.takesNothing], [[], 'idle', true]);
    rig.player.detach();
    await assert.rejects(rig.player.load(await rig.media(60), { signal }), { code: 'unreachable' });
    assert.equal(rig.player.takesNothing, false);
  });

  it('does not take anything if it says that it has no such method, whatever schemes it names, as Audacious', async () => {
    rig = await begin();
    const methods = (names: readonly string[]): string => `<node><interface name="org.mpris.MediaPlayer2.Player">${names.map((name) => `<method name="${name}"/>`).join('')}</interface></node>`;
    for (const [introspection, takesNothing] of [[methods(['Play', 'OpenUri']), false], ['<node/>', false], [methods(['Play']), true]] as const) {
      rig.scripted.introspection = introspection;
      await rig.player.attach(rig.owner, { signal });
      await rig.settled();
      assert.equal(rig.player.takesNothing, takesNothing, introspection);
    }
    await assert.rejects(rig.player.load(await rig.media(60), { signal }), { code: 'not-supported' });
  });

  it('does not take anything once it was seen to know no way to open, until it is started anew', async () => {
    rig = await begin();
    await rig.player.load(await rig.media(60), { signal });
    rig.scripted.refusals.set('OpenUri', 'org.freedesktop.DBus.Error.UnknownMethod');
    await assert.rejects(rig.player.play({ signal }), { code: 'not-supported' });
    assert.deepEqual([rig.player.snapshot.state, rig.player.snapshot.media], ['idle', undefined]);
    await assert.rejects(rig.player.load(await rig.media(60), { signal }), { code: 'not-supported' });
    await rig.player.attach(rig.owner, { signal });
    await rig.player.load(await rig.media(60), { signal });
  });

  const restarted = async (root: MprisRig['scripted']['root']): Promise<string> => {
    rig.scripted.root = root;
    return rig.owner;
  };

  it('does not repeat what it was given', async () => {
    rig = await begin();
    rig.scripted.loop = 'Track';
    rig.scripted.tell('LoopStatus');
    await rig.settled();
    await rig.player.load(await rig.media(60), { signal });
    assert.equal(rig.scripted.loop, 'Track');
    await rig.player.play({ signal });
    assert.equal(rig.scripted.loop, 'None');
  });

  it('is told to play once more only where it does not, and is not disturbed otherwise', async () => {
    rig = await begin();
    await rig.player.load(await rig.media(60), { signal });
    await rig.player.play({ signal });
    await rig.pass(3_000);
    assert.deepEqual(members(), ['OpenUri']);
  });

  it('is paused, not stopped, to make room, and plays at once what takes it', async () => {
    await playing({ staysPaused: true });
    await rig.player.load(await rig.media(30), { signal });
    await rig.player.stop({ signal });
    assert.deepEqual([members(), rig.player.snapshot.state], [['Pause'], 'stopped']);
    const began = rig.monotonic();
    await rig.player.play({ signal });
    assert.deepEqual([members(), rig.player.snapshot.state, rig.scripted.status], [['Pause', 'OpenUri', 'Play'], 'playing', 'Playing']);
    assert.ok(rig.monotonic() - began < settings.mpris.player.nudgeDelay);
  });

  it('is stopped to make room, if it can\'t be paused', async () => {
    await playing();
    rig.scripted.more = { CanPause: { signature: 'b', value: false } };
    rig.scripted.tell('CanPause');
    await rig.settled();
    await rig.player.load(await rig.media(30), { signal });
    assert.deepEqual([members(), rig.scripted.status], [['Stop'], 'Stopped']);
  });

  it('begins the next one, though it says late that the one before is over', async () => {
    for (const tellsEndLate of [0, 40, 300, 700]) {
      rig = await begin({ staleStatus: true, tellsEndLate });
      for (const turn of ['first', 'second']) {
        const media = await rig.media(60);
        await rig.player.stop({ signal });
        await rig.player.load(media, { signal });
        await rig.player.play({ signal });
        assert.deepEqual([rig.player.snapshot.state, rig.player.snapshot.media?.url], ['playing', media.url], `the ${turn}, ${tellsEndLate} ms late`);
      }
      await rig.close();
    }
    rig = await begin();
  });

  it('can\'t get what it never has, or has for a moment', async () => {
    for (const showsMissing of [400, 0, undefined]) {
      rig = await begin(showsMissing === undefined ? {} : { showsMissing });
      await rig.player.load(await rig.missing(), { signal });
      const began = rig.monotonic();
      await assert.rejects(rig.player.play({ signal }), { code: 'origin-unreachable' });
      assert.ok(showsMissing === undefined || rig.monotonic() - began < 3_000);
      assert.equal(rig.player.snapshot.state, 'stopped');
      if (showsMissing !== undefined) await rig.close();
    }
  });

  describe('is muted', () => {
    it('by turning it to 0, and heard again as before', async () => {
      await playing();
      rig.scripted.setVolume(0.7);
      await rig.pass(500, () => rig.player.snapshot.volume === 70);
      told.length = 0;
      await rig.player.setMute(true, { signal });
      await rig.pass(1_000);
      assert.deepEqual([rig.scripted.volume, rig.player.snapshot.volume, rig.player.snapshot.mute], [0, 70, true]);
      await rig.player.setVolume(40, { signal });
      assert.equal(rig.scripted.volume, 0);
      await rig.player.setMute(false, { signal });
      await rig.pass(1_000);
      assert.deepEqual([rig.scripted.volume, rig.player.snapshot.volume, rig.player.snapshot.mute], [0.4, 40, false]);
      assert.deepEqual(told.map(({ volume, mute }) => [volume, mute]), [[70, true], [40, true], [40, false]], 'each change once, and no echo');
    });

    it('also where it tells nothing of its volume, and is looked at meanwhile', async () => {
      await playing({ volumeIsNotTold: true });
      rig.scripted.tell('CanSeek');
      await rig.player.setMute(true, { signal });
      assert.deepEqual([rig.scripted.volume, rig.player.snapshot.volume, rig.player.snapshot.mute, told.length], [0, 50, true, 1]);
    });

    it('until somebody turns it up at the player', async () => {
      await playing();
      await rig.player.setMute(true, { signal });
      rig.scripted.setVolume(0.2);
      assert.ok(await rig.pass(1_000, () => rig.player.snapshot.mute === false));
      assert.equal(rig.player.snapshot.volume, 20);
    });

    it('not, where it refuses', async () => {
      await playing();
      rig.scripted.refusals.set('Set', FAILED);
      await assert.rejects(rig.player.setMute(true, { signal }), { code: 'not-acceptable' });
      assert.deepEqual([rig.player.snapshot.mute, rig.player.snapshot.volume], [false, 50]);
    });

    it('not, where the volume was seen to stay as it is, until it changes', async () => {
      await playing({ ignoresVolume: true });
      await assert.rejects(rig.player.setMute(true, { signal }), { code: 'not-acceptable' });
      const { volume, mute, abilities } = rig.player.snapshot;
      assert.deepEqual([volume, mute, abilities.volume, abilities.mute], [undefined, undefined, false, false]);
      for (const refused of [rig.player.setMute(true, { signal }), rig.player.setVolume(10, { signal })]) await assert.rejects(refused, { code: 'not-supported' });
      assert.deepEqual(members(), ['Set']);
      rig.scripted.defects = {};
      rig.scripted.setVolume(0.4);
      await rig.settled();
      await rig.player.setVolume(10, { signal });
      assert.equal(rig.player.snapshot.volume, 10);
    });

    it('all the same, where it only does not go so small a step', async () => {
      await playing({ ignoresVolume: true });
      await assert.rejects(rig.player.setVolume(56, { signal }), { code: 'not-acceptable' });
      assert.deepEqual([rig.player.snapshot.volume, rig.player.snapshot.abilities.volume], [50, true]);
    });

    it('not, where there is no volume', async () => {
      await playing({ noVolume: true });
      assert.deepEqual([rig.player.snapshot.volume, rig.player.snapshot.mute, rig.player.snapshot.abilities.mute], [undefined, undefined, false]);
      for (const command of [() => rig.player.setMute(true, { signal }), () => rig.player.setVolume(10, { signal })]) await assert.rejects(command, { code: 'not-supported' });
    });
  });

  it('shows jumps that it does not tell of, while somebody looks', async () => {
    await playing({ noSeeked: true });
    const unwatch = rig.player.watched();
    await rig.pass(1_000);
    rig.scripted.seek(40);
    assert.ok(await rig.pass(6_000, () => told.length > 0));
    assert.ok(Math.abs((told[0]?.position ?? NaN) - 40) < 6);
    unwatch();
    told.length = 0;
    rig.scripted.seek(10);
    await rig.pass(8_000);
    assert.equal(told.length, 0, 'nobody looks');
  });

  it('shows what it does not tell of, while somebody looks, however much else it tells', async () => {
    await playing({ volumeIsNotTold: true });
    const unwatch = rig.player.watched();
    rig.scripted.setVolume(0.2);
    for (let second = 0; second < 6; second += 1) {
      await rig.pass(1_000);
      rig.scripted.seek(second + 10);
    }
    assert.equal(rig.player.snapshot.volume, 20);
    unwatch();
  });

  it('shows a jump that it tells of before it says the new position', async () => {
    await playing({ seekedBefore: 400 });
    await rig.pass(1_000);
    rig.scripted.seek(40);
    assert.ok(await rig.pass(600, () => Math.abs((rig.player.snapshot.position ?? NaN) - 40) < 1));
    await rig.player.seek(10, { signal });
    assert.ok(Math.abs((rig.player.snapshot.position ?? NaN) - 10) < 1);
  });

  it('has no place where it always says 0, and what it signals counts', async () => {
    await playing({ alwaysAtZero: true });
    const unwatch = rig.player.watched();
    assert.ok(await rig.pass(12_000, () => rig.player.snapshot.position === undefined));
    rig.scripted.seek(33);
    assert.ok(await rig.pass(1_000, () => Math.abs((rig.player.snapshot.position ?? NaN) - 33) < 1));
    unwatch();
  });

  it('shows a picture that is its own address, and bears one that is too long', async () => {
    await playing();
    const { art } = settings.mpris.player;
    const picture = async (length: number): Promise<string | undefined> => {
      const title = `Of ${length}`;
      rig.scripted.playList([{ url: 'http://other/x', seconds: 100, title, art: `data:image/jpeg;base64,${'A'.repeat(length)}` }]);
      assert.ok(await rig.pass(2_000, () => rig.player.snapshot.media?.title === title));
      return rig.player.snapshot.media?.picture;
    };
    assert.match((await picture(art - 30)) ?? '', /^[\w-]{22}$/);
    assert.equal(await picture(2 * art), undefined);
    assert.equal(rig.player.snapshot.problem, undefined);
  });

  it('tells no pictures of its machine', async () => {
    await playing();
    rig.scripted.playList([{ url: 'http://other/x', seconds: 10 }]);
    await rig.pass(500);
    assert.doesNotMatch(JSON.stringify([told, rig.player.snapshot]), /secret/);
  });
});
