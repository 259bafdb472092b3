import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { createPlaybackControl } from '../../src/xpmn/player/playback-session.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { PlaybackStatus } from '../../src/xpmn/model/playback.ts';
import type { PlaybackCall } from '../../src/xpmn/ports/playback-control.ts';
import type { PlaybackOptions, PlaybackSession } from '../../src/xpmn/player/playback-session.ts';
import type { PlaybackRig } from '../compliance/playback-control.suite.ts';
import { createFakeMediaPlayer } from '../fakes/fake-media-player.ts';
import type { FakeMediaPlayer, FakeMediaPlayerOptions } from '../fakes/fake-media-player.ts';
import { createFakePlayerFeed } from '../fakes/fake-player-feed.ts';
import type { FakePlayerFeed } from '../fakes/fake-player-feed.ts';
import { FakeClock, FakeRandom, settle } from './fake-clock.ts';
import { passing } from './passing.ts';
import { settings } from './settings.ts';

export interface PlayerPlay extends PlaybackRig {
  readonly control: PlaybackSession;
  readonly player: FakeMediaPlayer;
  readonly feed: FakePlayerFeed;
  readonly clock: FakeClock;
}

/** A session over a player and a feed in memory. */
export function playbackRig(player: FakeMediaPlayerOptions = {}, options: Partial<PlaybackOptions> = {}): PlayerPlay {
  const clock = new FakeClock();
  const device = createFakeMediaPlayer(clock, player);
  const feed = createFakePlayerFeed();
  const control = createPlaybackControl({ player: device, feed, clock, random: new FakeRandom(), log: silentLogger }, { ...settings.player, ...options });
  let names = 0;
  const next = (kind: string): string => `http://media.example/${kind}/${(names += 1)}.mp3`;
  return {
    control, player: device, feed, clock,
    hand: {
      pause: () => device.hand.pause(),
      stop: () => device.hand.stop(),
      setVolume: (volume) => device.hand.setVolume(volume),
      setMute: (mute) => device.hand.setMute(mute),
      playOther: (title) => device.hand.playOther({ url: 'http://192.0.2.9/other.mp3', title, duration: 60 }),
      finish: () => device.hand.finish(),
      refusePlay: (code) => device.hand.refuse('play', code),
      trouble: () => device.hand.trouble('unreachable'),
      recover: () => device.hand.recover(),
    },
    title(seconds) {
      const uri = next('title');
      feed.title(uri, seconds);
      return uri;
    },
    playlist(uris) {
      const uri = next('list').replace('.mp3', '.m3u');
      feed.playlist(uri, uris.join('\n'));
      return uri;
    },
    missing: () => next('missing'),
    endless() {
      const uri = next('endless');
      feed.hold(uri);
      return uri;
    },
    pass: passing(clock, settle),
    close: () => control.end(),
  };
}

/** A call of somebody who waits for ever. */
export const anybody = (): PlaybackCall => ({ by: parseJid('romeo@montague.lit/orchard'), signal: new AbortController().signal });

export interface PlaybackScene {
  readonly play: PlayerPlay;
  /** What the session has told, since it began. */
  readonly told: readonly PlaybackStatus[];
  begin(...given: Parameters<typeof playbackRig>): PlayerPlay;
  open(...uris: string[]): Promise<unknown>;
  /** Each once, though more became known of it. */
  states(): string;
}

/** A session that each test begins. */
export function playbackForEachTest(): PlaybackScene {
  let play: PlayerPlay;
  let told: PlaybackStatus[];
  afterEach(() => play.close());
  return {
    get play() {
      return play;
    },
    get told() {
      return told;
    },
    begin(...given) {
      play = playbackRig(...given);
      told = [];
      play.control.on('status', (status) => told.push(status));
      return play;
    },
    open: (...uris) => play.control.open({ uris, autoplay: true }, anybody()),
    states: () => told.map(({ state, index }) => `${state}${index ?? ''}`).filter((state, i, all) => state !== all[i - 1]).join(' '),
  };
}
