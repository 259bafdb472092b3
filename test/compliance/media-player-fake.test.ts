import type { CurrentMedia } from '../../src/xpmn/ports/media-player.ts';
import { createFakeMediaPlayer } from '../fakes/fake-media-player.ts';
import type { FakeMediaPlayerOptions } from '../fakes/fake-media-player.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { playerMedia } from '../support/media-players.ts';
import { passing } from '../support/passing.ts';
import { describeMediaPlayer } from './media-player.suite.ts';
import type { MediaPlayerRig } from './media-player.suite.ts';
import { describePlayerPicture } from './player-picture.suite.ts';
import type { PictureHand } from './player-picture.suite.ts';

async function rig(options: FakeMediaPlayerOptions): Promise<MediaPlayerRig & { readonly hand: PictureHand }> {
  const clock = new FakeClock();
  const player = createFakeMediaPlayer(clock, options);
  const { hand } = player;
  let names = 0;
  const next = (): string => `http://192.0.2.1/${(names += 1)}.mp3`;
  const own = (): { readonly url: string; readonly title: string; readonly duration: number } => ({ url: next(), title: 'Its own', duration: 100 });
  return {
    player,
    media: async (seconds) => playerMedia(next(), seconds),
    async missing() {
      const media = playerMedia(next(), 60);
      hand.spoil(media.url, 'origin-unreachable', options.lazy ? 'reject' : 'problem');
      return media;
    },
    hand: {
      play: async () => void hand.play(),
      pause: async () => hand.pause(),
      stop: async () => hand.stop(),
      setVolume: async (volume) => hand.setVolume(volume),
      setMute: async (mute) => hand.setMute(mute),
      async playOther() {
        const media = own();
        hand.playOther(media);
        return media.url;
      },
      ...(options.lazy ? {} : {
        async playList() {
          const list = [own(), own()];
          hand.playOther(list[0] as CurrentMedia, list);
        },
      }),
      async showPicture(picture) {
        const name = next().replaceAll(/\W/g, '-');
        player.pictures.set(name, picture);
        hand.playOther({ ...own(), picture: name });
      },
      finish: async () => hand.finish(),
      refuse: async () => hand.refuse('play', 'not-acceptable'),
      stall: async () => hand.stall('play'),
      vanish: async () => hand.vanish(),
    },
    monotonic: () => clock.monotonic(),
    pass: passing(clock, settle),
    close: async () => undefined,
  };
}

describeMediaPlayer('in memory', () => rig({}));
describeMediaPlayer('in memory, slow, and without what follows', () => rig({ preload: false, lazy: true, buffering: 700 }), { preload: false, lazy: true });
describePlayerPicture('in memory', () => rig({}));
