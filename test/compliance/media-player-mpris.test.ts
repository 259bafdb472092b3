import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { mprisRig } from '../support/mpris-rig.ts';
import type { MprisDefects } from '../support/scripted-mpris.ts';
import { describeMediaPlayer } from './media-player.suite.ts';
import { describePlayerPicture } from './player-picture.suite.ts';

/** MPRIS has no mute that somebody at the player could use; test/unit/dbus/mpris-volume.test.ts has ours. */
const TRAITS = { preload: false, mute: false } as const;

describe('media players by MPRIS', () => {
  let bus: Bus;

  before(async () => {
    bus = await startBus();
  });

  after(async () => {
    await bus.stop();
  });

  const players: Readonly<Record<string, MprisDefects>> = {
    'by the book': {},
    'which tells nothing by itself': { noChanges: true, noSeeked: true },
    'which names what has changed, and no more': { onlyInvalidates: true },
    'without addresses and tracks': { noUrl: true, trackId: 'none', artist: 'text', length: 'double' },
    'which says that it is stopped, as mpv-mpris': { staleStatus: true, showsMissing: 400, refusesGetAll: true },
    'which ignores SetPosition, and pauses at the end': { ignoresSetPosition: true, pausesAtEnd: true, trackId: 'text', length: 'text' },
    'which takes offsets for places, and claims to play at the end': { seekIsAbsolute: true, claimsToPlayAtEnd: true, trackId: 'stale', length: 'uint64', volumeIsNotTold: true },
    'which only loads what it is to open': { onlyLoads: true, seekedInMilliseconds: true, length: 'int32' },
  };
  for (const [name, defects] of Object.entries(players)) describeMediaPlayer(`MPRIS, ${name}`, () => mprisRig(bus, defects), TRAITS);
  describePlayerPicture('by the book', () => mprisRig(bus));
});
