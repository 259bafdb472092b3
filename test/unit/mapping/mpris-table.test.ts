import assert from 'node:assert/strict';
import { PLAYER_PROPERTIES } from '../../../src/mapping/mpris.ts';
import { MPRIS_MAPPING } from '../../../src/mapping/mpris-table.ts';

/** The two interfaces, as the specification has them. */
const SPECIFIED = {
  'org.mpris.MediaPlayer2': {
    method: ['Raise', 'Quit'],
    signal: [],
    property: ['CanQuit', 'Fullscreen', 'CanSetFullscreen', 'CanRaise', 'HasTrackList', 'Identity', 'DesktopEntry', 'SupportedUriSchemes', 'SupportedMimeTypes'],
  },
  'org.mpris.MediaPlayer2.Player': {
    method: ['Next', 'Previous', 'Pause', 'PlayPause', 'Stop', 'Play', 'Seek', 'SetPosition', 'OpenUri'],
    signal: ['Seeked'],
    property: [
      'PlaybackStatus', 'LoopStatus', 'Rate', 'Shuffle', 'Metadata', 'Volume', 'Position', 'MinimumRate', 'MaximumRate', 'CanGoNext', 'CanGoPrevious', 'CanPlay', 'CanPause',
      'CanSeek', 'CanControl',
    ],
  },
} as const;

describe('the table of MPRIS', () => {
  for (const [of, kinds] of Object.entries(SPECIFIED)) {
    for (const [kind, names] of Object.entries(kinds)) {
      it(`has each ${kind} of ${of}, once`, () => {
        const known = MPRIS_MAPPING.filter((row) => row.interface === of && row.kind === kind).map(({ name }) => name);
        assert.deepEqual([...known].sort(), [...names].sort());
      });
    }
  }

  it('says what is lost of what has no counterpart', () => {
    for (const { name, xpmn, lost } of MPRIS_MAPPING) assert.ok(xpmn !== undefined || lost !== '', name);
  });

  it('has a counterpart for each property that is read', () => {
    for (const name of PLAYER_PROPERTIES) assert.ok(MPRIS_MAPPING.some((row) => row.name === name && row.xpmn !== undefined), name);
  });
});
