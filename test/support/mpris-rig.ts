import { createMessageBus } from '../../src/dbus/message-bus.ts';
import { MprisPlayer } from '../../src/dbus/mpris-player.ts';
import { SerialQueue } from '../../src/xpmn/kernel/tasks.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { MediaPlayerRig } from '../compliance/media-player.suite.ts';
import type { PictureHand } from '../compliance/player-picture.suite.ts';
import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { FakePictureLoader } from '../fakes/fake-picture-loader.ts';
import { connectPeer } from './bus-peer.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { playerMedia } from './media-players.ts';
import { passing } from './passing.ts';
import { ScriptedMpris } from './scripted-mpris.ts';
import type { MprisDefects } from './scripted-mpris.ts';
import { settings } from './settings.ts';

/** There and back, so often that what follows from one another has come to its end. */
const ROUNDS = 4;
const STEP = 50;

export interface MprisRig extends MediaPlayerRig {
  readonly player: MprisPlayer;
  readonly hand: PictureHand;
  readonly scripted: ScriptedMpris;
  readonly clock: FakeClock;
  /** Unique name of the scripted player. */
  readonly owner: string;
  /** Everything that is on its way arrives. */
  settled(): Promise<void>;
}

/** For the cases of a `describe`, in which it is called: rigs on a bus of their own, each closed after its case. */
export function mprisRigs(): (defects?: MprisDefects) => Promise<MprisRig> {
  let bus: Bus;
  const rigs: MprisRig[] = [];
  before(async () => {
    bus = await startBus();
  });
  after(async () => {
    await bus.stop();
  });
  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
  });
  return async (defects) => {
    const rig = await mprisRig(bus, defects);
    rigs.push(rig);
    return rig;
  };
}

/** A real `MprisPlayer` and a scripted player, on a real bus, with time that passes when it is told to. */
export async function mprisRig(bus: Bus, defects: MprisDefects = {}): Promise<MprisRig> {
  const clock = new FakeClock();
  const peer = await connectPeer(bus.address);
  const messages = createMessageBus({ clock, random: systemRandom, log: silentLogger }, { ...settings.dbus, address: bus.address });
  await messages.start({ signal: new AbortController().signal });
  const pictures = new FakePictureLoader();
  const scripted = new ScriptedMpris(peer, clock, defects);
  const player = new MprisPlayer({ bus: messages, clock, pictures }, settings.mpris.player);
  await player.attach(peer.uniqueName, { signal: new AbortController().signal });
  const settled = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await messages.call({ destination: peer.uniqueName, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' }, {}).catch(() => undefined);
      await settle(1);
    }
  };
  const turns = new SerialQueue();
  const step = passing(clock, settled);
  const pass: MediaPlayerRig['pass'] = (ms, condition) => turns.run(() => step(ms, condition));
  let names = 0;
  const next = (): string => `http://127.0.0.1:8080/${(names += 1)}.mp3`;
  const own = () => ({ url: next(), seconds: 100, title: 'Its own' });
  return {
    player: inTime(player, pass), scripted, clock, settled, pass, owner: peer.uniqueName,
    async media(seconds) {
      const media = playerMedia(next(), seconds);
      scripted.lengths.set(media.url, seconds);
      return media;
    },
    async missing() {
      const media = playerMedia(next(), 60);
      scripted.missing.add(media.url);
      return media;
    },
    hand: {
      play: async () => scripted.play(),
      pause: async () => scripted.pause(),
      stop: async () => scripted.stop(),
      setVolume: async (volume) => scripted.setVolume(volume / 100),
      async playOther() {
        const track = own();
        scripted.playList([track]);
        return defects.noUrl ? undefined : track.url;
      },
      ...(defects.noUrl || defects.staleStatus ? {} : { playList: async () => scripted.playList([own(), own()]) }),
      async showPicture(picture) {
        // To the same place each time, as some do.
        const art = 'file:///var/cache/covers/current.jpg';
        pictures.pictures.set(art, picture);
        scripted.playList([{ ...own(), title: `Title ${names}`, art }]);
      },
      finish: async () => scripted.seek((scripted.track?.seconds ?? 10) - 8),
      refuse: async () => void scripted.refusals.set('OpenUri', 'org.mpris.MediaPlayer2.Error.No'),
      stall: async () => void (scripted.isStalled = true),
      async vanish() {
        player.detach();
        player.close();
      },
    },
    monotonic: () => clock.monotonic(),
    async close() {
      player.close();
      scripted.close();
      await messages.stop();
      await peer.close();
    },
  };
}

const COMMANDS: readonly string[] = ['load', 'play', 'pause', 'stop', 'seek', 'next', 'previous', 'setVolume', 'setMute'];

/** The player, whose commands let time pass until they are done. */
function inTime(player: MprisPlayer, pass: MediaPlayerRig['pass']): MprisPlayer {
  return new Proxy(player, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...given: unknown[]) => unknown;
      if (!COMMANDS.includes(String(name))) return bound;
      return async (...given: unknown[]) => {
        let isDone = false;
        const command = (bound(...given) as Promise<void>).finally(() => (isDone = true));
        command.catch(() => undefined);
        while (!(await pass(STEP, () => isDone)));
        return command;
      };
    },
  });
}
