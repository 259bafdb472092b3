import assert from 'node:assert/strict';
import { AV_TRANSPORT_MAPPING, actionsFrom, factsFromPositionInfo, factsFromVariables, phaseFromTransportState } from '../../../src/mapping/av-transport.ts';
import { settings } from '../../support/settings.ts';

const limits = { ...settings.upnp.renderer.didl, text: 40 };
const map = (values: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(values));
const DIDL = '<DIDL-Lite xmlns:dc="x" xmlns:upnp="y"><item id="1"><dc:title>Masque</dc:title><upnp:artist>The Capulets</upnp:artist><upnp:album>Verona</upnp:album><res duration="0:00:09">http://192.0.2.1/1</res></item></DIDL-Lite>';

describe('AVTransport', () => {
  const PHASES: Readonly<Record<string, string | undefined>> = {
    STOPPED: 'stopped', PLAYING: 'playing', TRANSITIONING: 'buffering', PAUSED_PLAYBACK: 'paused', NO_MEDIA_PRESENT: 'idle', RECORDING: 'playing', PAUSED_RECORDING: 'paused',
    ' playing ': 'playing', BUFFERING: 'buffering', PREBUFFERING: 'buffering', PAUSED: 'paused', PLAYING_AD: 'playing', LOADING: 'buffering', X_SLEEPING: undefined, '': undefined, NOT_IMPLEMENTED: undefined,
  };
  for (const [text, phase] of Object.entries(PHASES)) it(`takes the state "${text}" for ${phase ?? 'nothing'}`, () => assert.equal(phaseFromTransportState(text), phase));

  it('takes no actions for unknown ones', () => {
    for (const text of [undefined, '', ' , ', 'NOT_IMPLEMENTED']) assert.equal(actionsFrom(text), undefined);
    assert.deepEqual([...(actionsFrom('Play, Stop,X_DLNA_SeekTime,') ?? [])], ['play', 'stop', 'x_dlna_seektime']);
  });

  it('reads what an event says, and only that', () => {
    assert.deepEqual(factsFromVariables(map({}), limits), {});
    assert.deepEqual(
      factsFromVariables(map({
        TransportState: 'PLAYING', TransportStatus: 'OK', AVTransportURI: ' http://192.0.2.1/1 ', CurrentTrackURI: '', CurrentTrackMetaData: DIDL, CurrentTrackDuration: '0:00:10',
        NumberOfTracks: '1', TransportPlaySpeed: '1', CurrentTransportActions: '', Foreign: 'x',
      }), limits),
      {
        phase: 'playing', hasFailed: false, uri: 'http://192.0.2.1/1', trackUri: '', duration: 10, tracks: 1, speed: 1, actions: 'unknown',
        media: { title: 'Masque', artist: 'The Capulets', album: 'Verona', duration: 9 },
      },
    );
  });

  it('falls back to the medium where the track says nothing', () => {
    const facts = factsFromVariables(map({ CurrentTrackMetaData: 'NOT_IMPLEMENTED', AVTransportURIMetaData: DIDL, CurrentTrackDuration: '0:00:00', CurrentMediaDuration: '0:00:12', TransportStatus: 'ERROR_OCCURRED' }), limits);
    assert.deepEqual([facts.media?.title, facts.duration, facts.hasFailed], ['Masque', 12, true]);
  });

  it('reads GetMediaInfo and GetTransportInfo, which call things otherwise', () => {
    const facts = factsFromVariables(map({ CurrentURI: 'http://192.0.2.1/1', CurrentURIMetaData: DIDL, MediaDuration: '0:01:00', NrTracks: '3', CurrentTransportState: 'STOPPED', CurrentSpeed: '1/2' }), limits);
    assert.deepEqual([facts.uri, facts.media?.title, facts.duration, facts.tracks, facts.phase, facts.speed], ['http://192.0.2.1/1', 'Masque', 60, 3, 'stopped', 0.5]);
  });

  it('cuts off names that have no end', () => {
    const long = DIDL.replace('Masque', 'M'.repeat(5000)).replace('Verona', 'V'.repeat(5000));
    const media = factsFromVariables(map({ AVTransportURIMetaData: long }), limits).media;
    assert.deepEqual([media?.title, media?.album], ['M'.repeat(limits.text), 'V'.repeat(limits.text)]);
  });

  it('knows 0 for a position, and 0 for no duration', () => {
    assert.deepEqual(factsFromPositionInfo(map({ RelTime: '0:00:00', TrackDuration: '0:00:00', TrackURI: 'http://192.0.2.1/1', TrackMetaData: 'NOT_IMPLEMENTED' }), limits), { position: 0, trackUri: 'http://192.0.2.1/1' });
    for (const [times, position] of [
      [{ RelTime: 'NOT_IMPLEMENTED', AbsTime: '0:00:07' }, 7], [{ RelTime: '0:00:03', AbsTime: '1:00:00' }, 3], [{ RelTime: 'END_OF_MEDIA' }, undefined], [{ RelTime: '-1' }, undefined], [{ RelTime: '26:00:00.5' }, 93_600.5], [{}, undefined],
    ] as const) assert.equal(factsFromPositionInfo(map(times), limits).position, position, JSON.stringify(times));
  });

  it('knows nothing from metadata without an object', () => {
    for (const text of ['', 'rubbish', '<DIDL-Lite/>', '&lt;']) assert.equal(factsFromVariables(map({ CurrentTrackMetaData: text }), limits).media, undefined);
  });

  it('has every action and variable of AVTransport:1 once in its table', () => {
    const count = (kind: string): number => AV_TRANSPORT_MAPPING.filter((row) => row.kind === kind).length;
    assert.deepEqual([count('action'), count('event'), count('property')], [17, 1, 29]);
    assert.equal(new Set(AV_TRANSPORT_MAPPING.map(({ kind, upnp }) => `${kind} ${upnp}`)).size, AV_TRANSPORT_MAPPING.length);
    for (const { upnp, here, note } of AV_TRANSPORT_MAPPING) assert.ok(here !== undefined || note !== '', `${upnp} is lost without a word`);
  });
});
