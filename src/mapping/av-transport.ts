import type { CurrentMedia, TransportFacts, TransportPhase } from './transport-facts.ts';
import { parseDidl } from './didl.ts';
import type { DidlLimits } from './didl.ts';
import { itemFromDidl } from './didl-item.ts';
import { mappingRows } from './mapping-row.ts';
import type { MappingRow } from './mapping-row.ts';
import { parseDuration, parsePosition } from './media-time.ts';

/** @spec UPnP-AVTransport v1 §2.2 (state variables), §2.4 (actions) */

const PHASES: Readonly<Record<string, TransportPhase>> = {
  STOPPED: 'stopped', PLAYING: 'playing', TRANSITIONING: 'buffering', PAUSED_PLAYBACK: 'paused', NO_MEDIA_PRESENT: 'idle',
  // Nothing here records; what is on is shown as played.
  RECORDING: 'playing', PAUSED_RECORDING: 'paused',
};

/** COMPAT: vendors' own states, by how they begin. */
const VENDOR_PHASES: readonly (readonly [beginning: string, phase: TransportPhase])[] = [
  ['PAUSE', 'paused'], ['PLAY', 'playing'], ['STOP', 'stopped'], ['NO_MEDIA', 'idle'], ['IDLE', 'idle'], ['TRANSITION', 'buffering'],
  ['BUFFER', 'buffering'], ['PREBUFFER', 'buffering'], ['LOAD', 'buffering'], ['OPEN', 'buffering'], ['SEEK', 'buffering'], ['CONNECT', 'buffering'],
];

/** Undefined for what says nothing; then it is as it was. */
export function phaseFromTransportState(text: string | undefined): TransportPhase | undefined {
  const state = text?.trim().toUpperCase() ?? '';
  return PHASES[state] ?? VENDOR_PHASES.find(([beginning]) => state.startsWith(beginning))?.[1];
}

/** Names of actions, lower case. COMPAT: empty while all of them work, so empty is unknown, not none. */
export function actionsFrom(text: string | undefined): ReadonlySet<string> | undefined {
  const actions = new Set((text ?? '').split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '' && name !== 'not_implemented'));
  return actions.size === 0 ? undefined : actions;
}

type Values = ReadonlyMap<string, string>;

export interface TitleLimits extends DidlLimits {
  /** Characters of a title, and of each other name; more is cut off. */
  readonly text: number;
}

/** What the variables of a LastChange say; also of the arguments of GetMediaInfo, which are called otherwise. */
export function factsFromVariables(values: Values, limits: TitleLimits): TransportFacts {
  const first = (...names: string[]): string | undefined => names.map((name) => values.get(name)).find((value) => value !== undefined);
  const metadata = said(values.get('CurrentTrackMetaData')) ?? said(first('AVTransportURIMetaData', 'CurrentURIMetaData'));
  return known({
    phase: phaseFromTransportState(first('TransportState', 'CurrentTransportState')),
    hasFailed: hasFailed(first('TransportStatus', 'CurrentTransportStatus')),
    actions: values.has('CurrentTransportActions') ? (actionsFrom(values.get('CurrentTransportActions')) ?? 'unknown') : undefined,
    uri: uriFrom(first('AVTransportURI', 'CurrentURI')),
    trackUri: uriFrom(first('CurrentTrackURI')),
    media: metadata === undefined ? undefined : mediaFromDidl(metadata, limits),
    duration: parseDuration(values.get('CurrentTrackDuration')) ?? parseDuration(first('CurrentMediaDuration', 'MediaDuration')),
    position: parsePosition(values.get('RelativeTimePosition')),
    speed: speedFrom(first('TransportPlaySpeed', 'CurrentSpeed')),
    tracks: wholeNumber(first('NumberOfTracks', 'NrTracks')),
  });
}

/** What GetPositionInfo answers. COMPAT: some count in AbsTime alone; it is the same where there is one track. */
export function factsFromPositionInfo(values: Values, limits: TitleLimits): TransportFacts {
  const metadata = said(values.get('TrackMetaData'));
  return known({
    trackUri: uriFrom(values.get('TrackURI')),
    media: metadata === undefined ? undefined : mediaFromDidl(metadata, limits),
    duration: parseDuration(values.get('TrackDuration')),
    position: parsePosition(values.get('RelTime')) ?? parsePosition(values.get('AbsTime')),
  });
}

/** Undefined if there is nothing in it. */
function mediaFromDidl(text: string, limits: TitleLimits): CurrentMedia | undefined {
  const object = parseDidl(text, limits).entries.find((entry) => entry !== undefined);
  if (!object) return undefined;
  const { artist, album, genre, track, duration } = itemFromDidl(object, { tag: () => undefined });
  const [title, ...names] = [object.title, artist, album, genre].map((name) => name?.slice(0, limits.text));
  return { title, ...known({ artist: names[0], album: names[1], genre: names[2], track, duration, art: object.art }) };
}

/** `''`: it says that there is none; undefined: it says nothing. */
function uriFrom(text: string | undefined): string | undefined {
  const uri = text?.trim();
  return uri === undefined || uri === 'NOT_IMPLEMENTED' ? undefined : uri;
}

function hasFailed(status: string | undefined): boolean | undefined {
  if (status === undefined || status.trim() === '') return undefined;
  return status.trim().toUpperCase() === 'ERROR_OCCURRED';
}

/** `1`, `-1/2`; undefined for what is none, and for 0, which some say while they play. */
function speedFrom(text: string | undefined): number | undefined {
  const match = /^\s*([+-]?\d{1,3}(?:\.\d{1,3})?)(?:\/(\d{1,3}))?\s*$/.exec(text ?? '');
  const speed = match ? Number(match[1]) / Number(match[2] ?? 1) : 0;
  return Number.isFinite(speed) && speed !== 0 ? speed : undefined;
}

function said(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' || text.trim() === 'NOT_IMPLEMENTED' ? undefined : text;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : undefined;
}

function known<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

const NO_RECORDING = 'Nothing records.';
const NO_MEDIUM = 'Media come from the network.';
const ONE_INSTANCE = 'Always 0: the one that a device plays on.';

/** AVTransport:1, complete. */
export const AV_TRANSPORT_MAPPING: readonly MappingRow[] = [
  ...mappingRows('action', [
    ['SetAVTransportURI', 'open', 'Each item of a list by itself, with DIDL-Lite of what is known of it; what plays is stopped first.'],
    ['SetNextAVTransportURI', 'the next item of the opened list', 'Where the device has it and has shown that it works; else the next item is set when the one before has ended.'],
    ['GetMediaInfo', 'status, metadata of the current item', 'Asked only while the device does not tell by event. Medium and write status are lost.'],
    ['GetTransportInfo', 'status', 'Asked only while the device does not tell by event.'],
    ['GetPositionInfo', 'position in status', 'RelTime, else AbsTime; counters are lost. Asked after changes, rarely while somebody watches.'],
    ['GetDeviceCapabilities', undefined, NO_MEDIUM],
    ['GetTransportSettings', undefined, 'There are no play modes; lists are kept by the gateway.'],
    ['Stop', 'stop, close'],
    ['Play', 'play', 'Speed 1 only.'],
    ['Pause', 'pause', 'not-pausable where the device has no such action.'],
    ['Record', undefined, NO_RECORDING],
    ['Seek', 'seek', 'By REL_TIME, where a device refuses that by ABS_TIME; by whole seconds where it insists; again where it is forgotten at the beginning of a title. Tracks and counters are lost.'],
    ['Next', 'next', 'Of the device\'s own list; in an opened list the next item is set.'],
    ['Previous', 'previous', 'Of the device\'s own list; in an opened list the item before is set.'],
    ['SetPlayMode', undefined, 'There are no play modes; lists are kept by the gateway.'],
    ['SetRecordQualityMode', undefined, NO_RECORDING],
    ['GetCurrentTransportActions', 'seekable, pausable', 'An empty answer is taken for unknown.'],
  ]),
  ...mappingRows('event', [['LastChange', 'events of status and metadata', 'Instance 0; what has no counterpart is left out.']]),
  ...mappingRows('property', [
    ['TransportState', 'state', 'TRANSITIONING is buffering, NO_MEDIA_PRESENT idle; recording is shown as playing. Vendors\' states by how they begin. STOPPED in the first second, by no command, is an error if it stays so.'],
    ['TransportStatus', 'error', 'ERROR_OCCURRED alone; why is not said.'],
    ['PlaybackStorageMedium', undefined, NO_MEDIUM],
    ['RecordStorageMedium', undefined, NO_RECORDING],
    ['PossiblePlaybackStorageMedia', undefined, NO_MEDIUM],
    ['PossibleRecordStorageMedia', undefined, NO_RECORDING],
    ['CurrentPlayMode', undefined, 'There are no play modes; lists are kept by the gateway.'],
    ['TransportPlaySpeed', 'speed'],
    ['RecordMediumWriteStatus', undefined, NO_RECORDING],
    ['CurrentRecordQualityMode', undefined, NO_RECORDING],
    ['PossibleRecordQualityModes', undefined, NO_RECORDING],
    ['NumberOfTracks', 'next, previous', 'More than one: the device has a list of its own. The number is lost.'],
    ['CurrentTrack', undefined, 'The place in the device\'s own list is lost.'],
    ['CurrentTrackDuration', 'duration', '0:00:00 is taken for unknown.'],
    ['CurrentMediaDuration', 'duration', 'Where the track has none.'],
    ['CurrentTrackMetaData', 'metadata of the current item', 'Title, artist, album, genre, track, length, and the picture itself where it lies on the device; the rest is lost.'],
    ['CurrentTrackURI', 'whose item it is', 'Never shown to others: it names an address of this network.'],
    ['AVTransportURI', 'whose item it is', 'Never shown to others: it names an address of this network.'],
    ['AVTransportURIMetaData', 'metadata of the current item', 'Where the track has none.'],
    ['NextAVTransportURI', undefined, 'What others have set as the next is not shown.'],
    ['NextAVTransportURIMetaData', undefined, 'What others have set as the next is not shown.'],
    ['RelativeTimePosition', 'position', 'Never told by event; goes on by itself between two answers.'],
    ['AbsoluteTimePosition', 'position', 'Where there is no RelativeTimePosition.'],
    ['RelativeCounterPosition', undefined, 'Positions are times.'],
    ['AbsoluteCounterPosition', undefined, 'Positions are times.'],
    ['CurrentTransportActions', 'seekable, pausable', 'Counts while playing; empty is unknown.'],
    ['A_ARG_TYPE_SeekMode', 'seek', 'Times only.'],
    ['A_ARG_TYPE_SeekTarget', 'seek', 'H:MM:SS, with a fraction where the device takes it.'],
    ['A_ARG_TYPE_InstanceID', undefined, ONE_INSTANCE],
  ]),
];
