import { userInfo } from 'node:os';
import { startPlayer } from './mpris-player.ts';
import type { PlayerPlace, RealPlayer } from './mpris-player.ts';
import { run } from './process.ts';

/** VLC refuses to be root. */
const USER = 'daemon';
/** In real time, and with a volume that works, which its own dummy output has not. */
const NULL_SOUND = 'pcm.!default { type null }\nctl.!default { type null }\n';

/** VLC without an interface, under two bus names. */
export async function startVlc(bus: string, place: PlayerPlace = {}): Promise<RealPlayer> {
  const uid = userInfo().uid === 0 ? Number(await run(['id', '-u', USER])) : userInfo().uid;
  // Its MPRIS is there by itself; asked for by name, it would be there twice.
  const argv = ['vlc', '-I', 'dummy', '--aout', 'alsa', '--vout', 'vdummy', '--no-media-library', '--no-metadata-network-access'];
  return startPlayer({ program: 'vlc', name: 'org.mpris.MediaPlayer2.vlc', argv, user: { name: USER, uid }, files: { '.asoundrc': NULL_SOUND } }, bus, place);
}
