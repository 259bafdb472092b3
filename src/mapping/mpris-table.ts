/**
 * How MPRIS and the profiles of the network correspond, name by name: what a player offers, what of it a controller elsewhere
 * has, and what is lost on the way. For people; `test/unit/mapping/mpris-table.test.ts` holds it to be complete.
 * @spec MPRIS v2.2 §Media_Player
 */
export interface MprisMappingRow {
  readonly kind: 'method' | 'signal' | 'property' | 'metadata';
  readonly interface: 'org.mpris.MediaPlayer2' | 'org.mpris.MediaPlayer2.Player';
  readonly name: string;
  /** Media Playback Control and Media Rendering Control (WIRE §2.5, §2.6); undefined: nothing. */
  readonly xpmn: string | undefined;
  /** What does not come over; empty: nothing. */
  readonly lost: string;
}

const ROOT = 'org.mpris.MediaPlayer2';
const PLAYER = 'org.mpris.MediaPlayer2.Player';
type Row = readonly [name: string, xpmn: string | undefined, lost?: string];

const rows = (kind: MprisMappingRow['kind'], of: MprisMappingRow['interface'], list: readonly Row[]): MprisMappingRow[] =>
  list.map(([name, xpmn, lost = '']) => ({ kind, interface: of, name, xpmn, lost }));

export const MPRIS_MAPPING: readonly MprisMappingRow[] = [
  ...rows('method', ROOT, [
    ['Raise', undefined, 'A window is nothing for who is elsewhere.'],
    ['Quit', undefined, 'Nobody ends a program from elsewhere.'],
  ]),
  ...rows('property', ROOT, [
    ['Identity', 'name of the device', 'A name that changes while the player runs.'],
    ['DesktopEntry', 'model of the device'],
    ['SupportedUriSchemes', 'open: unsupported-type where http is not among them, not-supported where there are none', 'The list itself.'],
    ['SupportedMimeTypes', undefined, 'All of it: the lists of most players are too short, so types are tried.'],
    ['CanQuit', undefined, 'With Quit.'],
    ['CanRaise', undefined, 'With Raise.'],
    ['Fullscreen', undefined, 'Windows.'],
    ['CanSetFullscreen', undefined, 'Windows.'],
    ['HasTrackList', undefined, 'The player\'s own list can be gone through, not read.'],
  ]),
  ...rows('method', PLAYER, [
    ['OpenUri', 'open, at the first play', 'Players that would only load it: OpenUri plays at once, so it is kept until then.'],
    ['Play', 'play'],
    ['Pause', 'pause'],
    ['PlayPause', undefined, 'Nothing: play and pause say which.'],
    ['Stop', 'stop'],
    ['Next', 'next, where the player plays a list of its own'],
    ['Previous', 'previous, where the player plays a list of its own'],
    ['SetPosition', 'seek', 'Microseconds.'],
    ['Seek', 'seek, where SetPosition does nothing', 'Going beyond the end as a way to the next.'],
  ]),
  ...rows('signal', PLAYER, [
    ['Seeked', 'event status: a new position', 'Its value: the position is asked for, as some players say another unit.'],
  ]),
  ...rows('property', PLAYER, [
    ['PlaybackStatus', 'event status: playing, paused, stopped', 'Buffering, which players do not tell; any other value counts as stopped, and so does any of a player that has nothing and is nowhere. One that says stopped, and whose position goes on, is playing.'],
    ['LoopStatus', 'turned off when something is opened', 'Repeating: the list is kept above the player.'],
    ['Shuffle', undefined, 'The order of the player\'s own list.'],
    ['Rate', 'speed of the event status', 'Setting it.'],
    ['MinimumRate', undefined, 'With setting the rate.'],
    ['MaximumRate', undefined, 'With setting the rate.'],
    ['Metadata', 'event metadata', 'Fields that are not among those below.'],
    ['Volume', 'variable volume, 0 to 100; variable mute, as 0 with the former value remembered', 'Amplification beyond 1.0; hundredths of a step. The remembered value, when the gateway ends. All of it, once the player was seen not to heed it.'],
    ['Position', 'position', 'Changes between two looks, where the player tells no jumps.'],
    ['CanGoNext', 'next: not-supported'],
    ['CanGoPrevious', 'previous: not-supported'],
    ['CanPlay', 'play: not-acceptable'],
    ['CanPause', 'pausable; pause: not-pausable'],
    ['CanSeek', 'seekable; seek: not-seekable'],
    ['CanControl', 'all commands: not-supported'],
  ]),
  ...rows('metadata', PLAYER, [
    ['mpris:trackid', undefined, 'Given back with SetPosition only.'],
    ['mpris:length', 'duration', 'Microseconds.'],
    ['mpris:artUrl', 'cover-album: the picture itself, by its hash', 'Its address: file, data, and http of the whole world are followed here, and nobody is told. What is no JPEG, PNG, GIF or WebP.'],
    ['xesam:url', 'uri, where it is what was opened'],
    ['xesam:title', 'title'],
    ['xesam:artist', 'artist', 'Where one ends and the next begins.'],
    ['xesam:albumArtist', 'artist, where there is none'],
    ['xesam:album', 'album'],
    ['xesam:genre', 'genre', 'Where one ends and the next begins.'],
    ['xesam:trackNumber', 'track'],
  ]),
];
