import { settle } from '../support/fake-clock.ts';
import { playerMedia } from '../support/media-players.ts';
import { passing } from '../support/passing.ts';
import { didlWithArt } from '../support/pictures.ts';
import { inPassing, rendererRig } from '../support/renderer-rig.ts';
import type { RendererRigOptions } from '../support/renderer-rig.ts';
import { describeMediaPlayer } from './media-player.suite.ts';
import type { MediaPlayerRig, MediaPlayerTraits } from './media-player.suite.ts';
import { describePlayerPicture } from './player-picture.suite.ts';
import type { PictureHand } from './player-picture.suite.ts';

async function setup(options: RendererRigOptions): Promise<MediaPlayerRig & { readonly hand: PictureHand }> {
  const { clock, device, player } = await rendererRig({ ...options, defects: { ...options.defects } });
  const { hand } = device;
  let names = 0;
  const next = (): string => `http://192.0.2.1:8080/${(names += 1)}.mp3`;
  const media = async (seconds: number) => {
    const made = playerMedia(next(), seconds);
    device.lengths.set(made.url, seconds);
    return made;
  };
  return {
    player: inPassing(player, clock),
    media,
    async missing() {
      const made = await media(60);
      device.missing.add(made.url);
      return made;
    },
    hand: {
      play: async () => hand.play(),
      pause: async () => hand.pause(),
      stop: async () => hand.stop(),
      setVolume: async (volume) => hand.setVolume(volume),
      setMute: async (mute) => hand.setMute(mute),
      async playOther() {
        const url = next();
        hand.playThese(url);
        return url;
      },
      playList: async () => hand.playThese(next(), next()),
      async showPicture({ bytes }) {
        const [url, path] = [next(), `/art/${names}.jpg?size=full`];
        device.files.set(path, bytes);
        hand.playWith(didlWithArt(path), url);
      },
      finish: async () => hand.finish(),
      refuse: async () => void (device.defects.faults = { Play: [705] }),
      stall: async () => void (device.defects.hangs = true),
      vanish: () => player.close(),
    },
    monotonic: () => clock.monotonic(),
    pass: passing(clock, settle),
    async close() {
      device.stopAll();
      await player.close();
    },
  };
}

const VARIANTS: Readonly<Record<string, readonly [RendererRigOptions, MediaPlayerTraits?]>> = {
  'a good renderer': [{}],
  'one that tells nothing': [{ isSilent: true, defects: { mute: true } }],
  'one whose events are not to be relied on': [{ quirks: { poll: 'always' } }],
  'one that can\'t say what it can do': [{ defects: { noScpd: true } }, { preload: false }],
  'one that does not go on, and forgets what it had': [{ defects: { missing: ['SetNextAVTransportURI'], clearsAtEnd: true } }, { preload: false }],
  'one that plays on at the end': [{ defects: { stuckAtEnd: true } }],
  'one that is slow, and tells late': [{ defects: { stopsIn: 700, startsIn: 900, lateStopped: 500, stopsBetween: true } }],
  'one with 20 steps of volume, which it rounds': [{ defects: { volumeSteps: 20, noActions: true } }],
  'one whose events break off': [{ defects: { spoil: (text) => `${text.slice(0, -20)}\0` } }],
};

for (const [name, [options, traits]] of Object.entries(VARIANTS)) describeMediaPlayer(`UPnP, ${name}`, () => setup(options), traits);
describePlayerPicture('UPnP, a good renderer', () => setup({}));
