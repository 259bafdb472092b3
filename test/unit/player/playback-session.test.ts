import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { settle } from '../../support/fake-clock.ts';
import { anybody as call, playbackForEachTest } from '../../support/playback-rig.ts';
import { settings } from '../../support/settings.ts';

const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));

describe('a playback session', () => {
  const scene = playbackForEachTest();
  const { begin, open, states } = scene;

  it('makes the next title available shortly before it is needed, and the player goes on without a gap', async () => {
    const { feed, player, clock } = begin();
    const uris = [scene.play.title(100), scene.play.title(100)];
    await open(...uris);
    await clock.advance(69_000);
    assert.deepEqual(feed.asked, uris.slice(0, 1));
    await clock.advance(2000);
    assert.deepEqual(feed.asked, uris);
    await clock.advance(30_000);
    assert.deepEqual([scene.play.control.status.index, scene.play.control.status.state], [1, 'playing']);
    assert.deepEqual(player.told.map((command) => command.split(' ', 1)[0]), ['load', 'play', 'preload']);
    assert.equal(states(), 'buffering0 playing0 playing1');
  });

  it('asks for the next title once where the player must be told', async () => {
    const { feed, player, clock } = begin({ preload: false });
    const uris = [scene.play.title(100), scene.play.title(100)];
    await open(...uris);
    await clock.advance(101_000);
    assert.deepEqual(feed.asked, uris);
    assert.deepEqual(player.told.map((command) => command.split(' ', 1)[0]), ['load', 'play', 'load', 'play']);
    assert.equal(scene.play.control.status.index, 1);
  });

  it('makes it available anew where that was long ago', async () => {
    const { feed, player, clock } = begin({ preload: false });
    const uris = [scene.play.title(10), scene.play.title(10)];
    await open(...uris);
    await clock.advance(1000);
    player.hand.pause();
    await clock.advance(settings.player.readyFor);
    player.hand.play();
    await clock.advance(10_000);
    assert.deepEqual(feed.asked, [...uris, uris[1]]);
  });

  it('looks for nothing where the player takes nothing, which goes on with what it plays', async () => {
    const { feed, player } = begin();
    player.takesNothing = true;
    player.hand.playOther({ url: undefined, title: 'A page', duration: 60 });
    await rejects(open(scene.play.title(10)), 'not-supported');
    assert.deepEqual([feed.asked, player.told, player.snapshot.state, scene.play.control.status.state], [[], [], 'playing', 'playing']);
  });

  it('makes nothing available behind what has no end', async () => {
    const { feed, clock } = begin();
    await open(scene.play.title(undefined), scene.play.title(10));
    await clock.advance(3_600_000);
    assert.equal(feed.asked.length, 1);
  });

  it('waits for a player that does not answer, but not for ever', async () => {
    const { player, clock } = begin();
    player.hand.stall('load');
    const failing = rejects(open(scene.play.title(10)), 'timeout');
    await clock.advance(settings.player.commandTimeout);
    await failing;
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error], ['error', 'timeout']);
  });

  it('waits for a title that is not made available, but not for ever', async () => {
    begin();
    const failing = rejects(open(scene.play.endless()), 'origin-unreachable');
    await scene.play.clock.advance(settings.player.feedTimeout);
    await failing;
  });

  it('reads playlists in playlists, not too deep, and never what they must not name', async () => {
    const { feed } = begin();
    const [one, two] = [scene.play.title(10), scene.play.title(20)];
    const inner = scene.play.playlist([one, 'file:///etc/passwd', two]);
    await open(scene.play.playlist([inner]));
    assert.deepEqual([scene.play.control.status.count, scene.play.control.status.uri], [2, one]);
    assert.ok(feed.asked.every((uri) => uri.startsWith('http://media.example/')));
    let deep = scene.play.playlist([one]);
    for (let depth = 0; depth < settings.player.playlist.depth; depth += 1) deep = scene.play.playlist([deep]);
    await rejects(open(deep), 'unsupported-type');
    await rejects(open(scene.play.playlist([])), 'unsupported-type');
  });

  it('has no more titles than it may, and reads no playlist that is too large', async () => {
    const { feed } = begin({}, { playlist: { ...settings.player.playlist, items: 5, bytes: 1000 } });
    const uri = scene.play.title(10);
    await open(scene.play.playlist(Array.from({ length: 9 }, () => uri)));
    assert.equal(scene.play.control.status.count, 5);
    feed.playlist('http://media.example/large.m3u', `#${'x'.repeat(1000)}\n${uri}`);
    await rejects(open('http://media.example/large.m3u'), 'too-large');
    await rejects(open(...Array.from({ length: 6 }, () => uri)), 'bad-request');
  });

  it('gives no player an HLS list', async () => {
    const { feed, player } = begin();
    feed.playlist('http://media.example/live', '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.ts', 'application/vnd.apple.mpegurl');
    await rejects(open('http://media.example/live'), 'unsupported-type');
    assert.equal(player.snapshot.media, undefined);
  });

  it('stays where it is when the way to the next title is given up', async () => {
    const { player } = begin({ preload: false });
    await open(scene.play.title(100), scene.play.endless());
    player.hand.finish();
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['buffering', 1]);
    await scene.play.control.stop(call());
    assert.equal(scene.play.control.status.state, 'stopped');
    const [first] = [scene.play.title(30)];
    await open(first);
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.uri], ['playing', first]);
  });

  it('goes to the title that is wanted while another one is on its way', async () => {
    const { player } = begin({ preload: false });
    const last = scene.play.title(50);
    await open(scene.play.title(100), scene.play.endless(), last);
    player.hand.finish();
    await settle();
    await scene.play.control.jump(2, call());
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.uri], ['playing', last]);
  });

  it('plays anew what the player has forgotten', async () => {
    const { player } = begin();
    const uri = scene.play.title(100);
    await open(uri);
    await scene.play.control.stop(call());
    player.hand.playOther({ url: 'http://192.0.2.9/x', title: 'x' });
    await settle();
    player.hand.stop();
    await settle();
    assert.equal(scene.play.control.status.session, undefined);
    await scene.play.control.play(call());
    assert.equal(player.snapshot.media?.url, 'http://192.0.2.9/x');
  });

  it('goes through the player\'s own list where nothing of ours plays', async () => {
    const { player, control } = begin();
    const list = [{ url: 'http://192.0.2.9/1', title: 'One' }, { url: 'http://192.0.2.9/2', title: 'Two' }];
    player.hand.playOther(list[0] as (typeof list)[0], list);
    await settle();
    await control.next(call());
    assert.equal(control.item?.item.title, 'Two');
    await control.previous(call());
    assert.equal(control.item?.item.title, 'One');
    await rejects(control.previous(call()), 'unexpected-request');
  });

  it('shows where it really is when it can\'t begin where it was told to', async () => {
    const { player, clock } = begin();
    player.hand.refuse('seek', 'not-acceptable');
    await scene.play.control.open({ uris: [scene.play.title(100)], autoplay: true, position: 40 }, call());
    await clock.advance(1000);
    assert.ok((scene.play.control.status.position as number) < 2);
  });

  for (const code of ['unreachable', 'peer-unavailable', 'timeout', 'connection-lost', 'transport-failed'] as const) {
    it(`is not taken for away itself, when whoever has the title is (${code})`, async () => {
      const { feed, control } = begin();
      const uri = scene.play.title(100);
      feed.fail(uri, code);
      await rejects(open(uri), 'origin-unreachable');
      assert.deepEqual([control.status.state, control.status.error], ['error', 'origin-unreachable']);
    });
  }

  it('takes back what it has set when the player refuses the rest', async () => {
    const { player } = begin();
    player.hand.refuse('setMute', 'unreachable');
    await rejects(scene.play.control.setVariables([{ name: 'volume', value: 10 }, { name: 'mute', value: true }], call()), 'unreachable');
    assert.deepEqual([player.snapshot.volume, player.snapshot.mute], [50, false]);
  });

  it('has only the variables that the player has', async () => {
    begin({ volume: undefined });
    assert.deepEqual(scene.play.control.controls, ['mute']);
    await rejects(scene.play.control.setVariables([{ name: 'volume', value: 10 }], call()), 'not-found');
  });

  it('says by and by what a live source plays', async () => {
    const { player } = begin();
    const url = scene.play.feed.title('http://media.example/radio', undefined);
    await open('http://media.example/radio');
    assert.equal(scene.play.control.item?.item.title, 'Title of http://media.example/radio');
    player.hand.playOther({ url, title: 'A song', artist: 'A singer' });
    await settle();
    assert.deepEqual([scene.play.control.item?.item.title, scene.play.control.item?.item.artist, scene.play.control.status.index], ['A song', 'A singer', 0]);
  });

  it('looks at the player only while somebody wants to know, or a list goes on', async () => {
    const { player, control } = begin();
    await settle();
    assert.equal(player.watchers, 1);
    control.removeAllListeners('status');
    assert.equal(player.watchers, 0);
    await open(scene.play.title(10));
    assert.equal(player.watchers, 1);
    await control.close(call());
    assert.equal(player.watchers, 0);
  });

  it('tells of the smallest jump, and of no drift', async () => {
    const { player, clock } = begin();
    await open(scene.play.title(100));
    await clock.advance(10_000);
    const count = scene.told.length;
    player.hand.seek(10.5);
    await settle();
    assert.equal(scene.told.length, count + 1);
    player.hand.setVolume(3);
    await settle();
    assert.equal(scene.told.length, count + 1);
  });

  it('plays the same title twice, one after the other', async () => {
    const { clock } = begin();
    const uri = scene.play.title(10);
    await open(uri, uri);
    await clock.advance(11_000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['playing', 1]);
  });

  it('goes on without what the player did not want to know', async () => {
    const { player, clock } = begin();
    player.hand.refuse('preload', 'not-supported');
    await open(scene.play.title(10), scene.play.title(10));
    await clock.advance(11_000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['playing', 1]);
    assert.equal(player.told.filter((command) => command.startsWith('load')).length, 2);
  });

  it('waits for a player that gathers bytes', async () => {
    const { clock } = begin({ buffering: 2 * settings.player.startTimeout });
    await open(scene.play.title(100), scene.play.title(100));
    await clock.advance(2 * settings.player.startTimeout - 1000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['buffering', 0]);
  });

  it('waits for no player that gathers bytes for ever', async () => {
    const { clock } = begin({ buffering: 2 * settings.player.bufferTimeout });
    await open(scene.play.title(100));
    await clock.advance(settings.player.bufferTimeout - 1000);
    assert.equal(scene.play.control.status.state, 'buffering');
    await clock.advance(2000);
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.error], ['error', 'timeout']);
  });

  it('heeds no end but that of its own title', async () => {
    const { player } = begin({ preload: false });
    await open(scene.play.title(100), scene.play.title(100));
    player.emit('ended', 'http://192.0.2.9/other');
    await settle();
    assert.equal(scene.play.control.status.index, 0);
    await scene.play.control.stop(call());
    player.emit('ended', player.snapshot.media?.url as string);
    await settle();
    assert.deepEqual([scene.play.control.status.state, scene.play.control.status.index], ['stopped', 0]);
  });

  it('tells the player one thing at a time', async () => {
    const { player } = begin();
    let [now, most] = [0, 0];
    player.setVolume = async () => {
      most = Math.max(most, (now += 1));
      await settle();
      now -= 1;
    };
    await Promise.all([1, 2, 3].map((value) => scene.play.control.setVariables([{ name: 'volume', value }], call())));
    assert.equal(most, 1);
  });

  it('does not go back to where it was to begin once it was told to go elsewhere', async () => {
    const { player, clock } = begin({ buffering: 500 });
    await scene.play.control.open({ uris: [scene.play.title(100)], autoplay: true, position: 40 }, call());
    await scene.play.control.seek({ position: 70 }, call());
    await clock.advance(2000);
    assert.ok((scene.play.control.status.position as number) >= 70, player.told.join());
    assert.ok(!player.told.includes('seek 40'));
  });

  it('ends with all that is under way, and leaves the player alone', async () => {
    const { player, clock, control } = begin();
    await open(scene.play.title(100), scene.play.title(100));
    const opening = rejects(open(scene.play.endless()), 'aborted');
    await settle();
    await control.end();
    await opening;
    await rejects(control.play(call()), 'aborted');
    assert.deepEqual([player.snapshot.state, player.watchers, player.listenerCount('changed'), player.listenerCount('ended')], ['playing', 0, 0, 0]);
    player.hand.vanish();
    assert.equal(clock.pending, 0);
  });
});
