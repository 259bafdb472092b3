/*
 * One MediaRenderer that plays into nothing: it fetches the first bytes of what it is told to play, and says when they came.
 */
import { get } from 'node:http';
import { Publisher } from './renderer-events.mjs';
import { lastChange } from './renderer-services.mjs';

const FIRST_BYTES = 65_536;
const SINK = 'http-get:*:video/mpeg:*,http-get:*:video/mp4:*,http-get:*:audio/mpeg:*,http-get:*:image/jpeg:*';

/** `say` takes what happened, as plain data. */
export class Renderer {
  state = 'NO_MEDIA_PRESENT';
  uri = '';
  metadata = '';
  volume = 50;
  mute = false;
  /** Seconds of the media at `since`. */
  position = 0;
  since = performance.now();
  fetching;
  publishers;
  say;

  constructor(say) {
    this.say = say;
    this.publishers = {
      AVTransport: new Publisher(() => ({ LastChange: lastChange('AVTransport', this.transport()) })),
      RenderingControl: new Publisher(() => ({ LastChange: lastChange('RenderingControl', this.rendering()) })),
      ConnectionManager: new Publisher(() => ({ SourceProtocolInfo: '', SinkProtocolInfo: SINK, CurrentConnectionIDs: '0' })),
    };
  }

  /** Does an action and gives what it answers. @throws one of UPnP's error codes */
  call(action, given) {
    const act = this[action];
    if (!ACTIONS.has(action)) return this.values();
    return act.call(this, given) ?? {};
  }

  /** Somebody at the device itself: its buttons, its remote control. */
  touched({ state, volume, mute }) {
    if (state !== undefined) this.become(state);
    if (volume !== undefined || mute !== undefined) this.render({ volume, mute });
  }

  SetAVTransportURI({ CurrentURI, CurrentURIMetaData }) {
    this.fetching?.destroy();
    Object.assign(this, { uri: CurrentURI, metadata: CurrentURIMetaData });
    this.become(CurrentURI === '' ? 'NO_MEDIA_PRESENT' : 'STOPPED', { AVTransportURI: this.uri, AVTransportURIMetaData: this.metadata, CurrentTrackURI: this.uri, CurrentTrackMetaData: this.metadata });
    this.position = 0;
  }

  Play() {
    if (this.uri === '') throw 701;
    if (this.state === 'PLAYING' || this.state === 'TRANSITIONING') return;
    if (this.state === 'PAUSED_PLAYBACK') return this.become('PLAYING');
    this.become('TRANSITIONING');
    this.fetch();
  }

  Pause() {
    if (this.state !== 'PLAYING') throw 701;
    this.become('PAUSED_PLAYBACK');
  }

  Stop() {
    this.fetching?.destroy();
    if (this.state === 'NO_MEDIA_PRESENT') return;
    this.become('STOPPED');
    this.position = 0;
  }

  Seek({ Unit, Target }) {
    if (Unit === 'TRACK_NR') return;
    if (Unit !== 'REL_TIME' && Unit !== 'ABS_TIME') throw 710;
    this.position = Target.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    this.since = performance.now();
  }

  Next() {
    throw 711;
  }

  Previous() {
    throw 711;
  }

  SelectPreset() {
    this.render({ volume: 50, mute: false });
  }

  SetVolume({ DesiredVolume }) {
    this.render({ volume: Number(DesiredVolume) });
  }

  SetMute({ DesiredMute }) {
    this.render({ mute: ['1', 'true', 'yes'].includes(DesiredMute) });
  }

  /** All that any action answers. */
  values() {
    const now = timeText(this.now());
    const tracks = this.uri === '' ? 0 : 1;
    return {
      CurrentTransportState: this.state, CurrentTransportStatus: 'OK', CurrentSpeed: '1', NrTracks: tracks, MediaDuration: '0:00:00', CurrentURI: this.uri,
      CurrentURIMetaData: this.metadata, NextURI: 'NOT_IMPLEMENTED', NextURIMetaData: 'NOT_IMPLEMENTED', PlayMedium: 'NETWORK', RecordMedium: 'NOT_IMPLEMENTED',
      WriteStatus: 'NOT_IMPLEMENTED', Track: tracks, TrackDuration: '0:00:00', TrackMetaData: this.metadata, TrackURI: this.uri, RelTime: now, AbsTime: now,
      RelCount: 2 ** 31 - 1, AbsCount: 2 ** 31 - 1, PlayMedia: 'NETWORK', RecMedia: 'NOT_IMPLEMENTED', RecQualityModes: 'NOT_IMPLEMENTED', PlayMode: 'NORMAL',
      RecQualityMode: 'NOT_IMPLEMENTED', CurrentPresetNameList: 'FactoryDefaults', CurrentVolume: this.volume, CurrentMute: this.mute ? 1 : 0, Source: '', Sink: SINK,
      ConnectionIDs: '0', RcsID: 0, AVTransportID: 0, ProtocolInfo: '', PeerConnectionManager: '', PeerConnectionID: -1, Direction: 'Input', Status: 'OK',
    };
  }

  transport() {
    return {
      TransportState: this.state, TransportStatus: 'OK', TransportPlaySpeed: '1', CurrentPlayMode: 'NORMAL', NumberOfTracks: this.uri === '' ? 0 : 1, AVTransportURI: this.uri,
      AVTransportURIMetaData: this.metadata, CurrentTrackURI: this.uri, CurrentTrackMetaData: this.metadata, CurrentTrackDuration: '0:00:00',
    };
  }

  rendering() {
    return { Volume: this.volume, Mute: this.mute ? 1 : 0 };
  }

  now() {
    return this.position + (this.state === 'PLAYING' ? (performance.now() - this.since) / 1000 : 0);
  }

  become(state, more = {}) {
    this.position = this.now();
    this.since = performance.now();
    this.state = state;
    this.tell('AVTransport', { TransportState: state, ...more });
  }

  render(changes) {
    if (changes.volume !== undefined && !(changes.volume >= 0 && changes.volume <= 100)) throw 601;
    this.volume = changes.volume ?? this.volume;
    this.mute = changes.mute ?? this.mute;
    this.tell('RenderingControl', this.rendering());
  }

  /** At once: a real one may wait 200 ms for more. */
  tell(service, variables) {
    this.say({ event: 'changed', ...variables });
    void this.publishers[service].publish({ LastChange: lastChange(service, variables) });
  }

  fetch() {
    const { uri } = this;
    this.say({ event: 'fetch', uri });
    const failed = (why) => {
      if (this.uri !== uri || this.state !== 'TRANSITIONING') return;
      this.say({ event: 'failed', uri, why });
      this.become('STOPPED');
    };
    this.fetching = get(uri, { headers: { Range: `bytes=0-${FIRST_BYTES - 1}`, Connection: 'close' } }, (response) => {
      if (response.statusCode >= 300) return failed(`status ${response.statusCode}`);
      response.once('data', () => {
        this.say({ event: 'first-byte', uri });
        if (this.uri === uri && this.state === 'TRANSITIONING') this.become('PLAYING');
      }).on('error', (error) => failed(error.code));
    }).on('error', (error) => failed(error.code));
  }
}

/** Those that do something; all others only answer. */
const ACTIONS = new Set(['SetAVTransportURI', 'Play', 'Pause', 'Stop', 'Seek', 'Next', 'Previous', 'SelectPreset', 'SetVolume', 'SetMute']);

function timeText(seconds) {
  const whole = Math.floor(seconds);
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
