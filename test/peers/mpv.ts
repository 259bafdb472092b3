import { startPlayer } from './mpris-player.ts';
import type { PlayerPlace, RealPlayer } from './mpris-player.ts';

/** mpv with Debian's mpv-mpris, waiting for something to play. */
export function startMpv(bus: string, place: PlayerPlace = {}): Promise<RealPlayer> {
  // The script would be loaded by itself, but not without the system's configuration.
  const argv = [
    'mpv', '--no-config', '--msg-level=all=info', '--input-terminal=no', '--idle=yes', '--ao=null', '--vo=null', '--force-window=no', '--script=/usr/lib/mpv-mpris/mpris.so',
  ];
  return startPlayer({ program: 'mpv', name: 'org.mpris.MediaPlayer2.mpv', argv }, bus, place);
}
