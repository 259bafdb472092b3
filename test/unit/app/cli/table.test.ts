import assert from 'node:assert/strict';
import { formatTable } from '../../../../src/app/cli/table.ts';

describe('a table on a terminal', () => {
  it('has columns as wide as what is in them is shown', () => {
    assert.equal(formatTable(['TITLE', 'TYPE'], [['夜の歌', 'audio'], ['bu\u0308ro', 'audio'], ['🎵', 'x']]), [
      'TITLE   TYPE', '夜の歌  audio', 'bu\u0308ro    audio', '🎵      x', '',
    ].join('\n'));
  });

  it('is not made wide everywhere by one long title', () => {
    const [long, longer] = ['x'.repeat(60), 'x'.repeat(61)];
    assert.equal(formatTable(['TITLE', 'TYPE'], [['a', 'audio'], [longer, 'film']]), `TITLE  TYPE\na      audio\n${longer}  film\n`);
    assert.equal(formatTable(['TITLE', 'TYPE'], [['a', 'audio'], [long, 'film']]), `TITLE${' '.repeat(57)}TYPE\na${' '.repeat(61)}audio\n${long}  film\n`);
  });
});
