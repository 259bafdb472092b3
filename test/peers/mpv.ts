import { startPlayer } from './mpris-player.ts';
import type { PlayerPlace, RealPlayer } from './mpris-player.ts';

export interface MpvPlace extends PlayerPlace {
  /** Bytes that it gathers beforehand; what mpv usually takes (150 MiB) by default. */
  readonly readAhead?: number;
}

/** mpv with Debian's mpv-mpris, waiting for something to play. */
export function startMpv(bus: string, { readAhead, ...place }: MpvPlace = {}): Promise<RealPlayer> {
  // The script would be loaded by itself, but not without the system's configuration.
  const argv = [
    'mpv', '--no-config', '--msg-level=all=info', '--input-terminal=no', '--idle=yes', '--ao=null', '--vo=null', '--force-window=no', '--script=/usr/lib/mpv-mpris/mpris.so',
    ...(readAhead === undefined ? [] : [`--demuxer-max-bytes=${readAhead}`]),
  ];
  return startPlayer({ program: 'mpv', name: 'org.mpris.MediaPlayer2.mpv', argv }, bus, place);
}
