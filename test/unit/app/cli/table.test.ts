import assert from 'node:assert/strict';
import { formatTable } from '../../../../src/app/cli/table.ts';

describe('a table on a terminal', () => {
  it('has columns as wide as what is in them is shown', () => {
    assert.equal(formatTable(['TITLE', 'TYPE'], [['夜の歌', 'audio'], ['bu\u0308ro', 'audio'], ['🎵', 'x']]), [
      'TITLE   TYPE', '夜の歌  audio', 'bu\u0308ro    audio', '🎵      x', '',
    ].join('\n'));
  });
});
