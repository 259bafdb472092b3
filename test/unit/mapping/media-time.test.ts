import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatDuration, formatWholeSeconds, parseDuration, parsePosition } from '../../../src/mapping/media-time.ts';

describe('durations', () => {
  const KNOWN: Readonly<Record<string, number>> = {
    '0:00:10': 10, '00:00:10.5': 10.5, '1:02:03.004': 3723.004, '0:00:01.1/4': 1.25, '26:00:00': 93600, '02:30': 150,
    '90:00': 5400, ' 0:01:00 ': 60, '+0:01:00': 60, '0:00:02,5': 2.5, '100:00:00.000': 360000, '0:00:00.5': 0.5, '0:0:7': 7,
  };
  for (const [text, seconds] of Object.entries(KNOWN)) it(`reads ${text}`, () => assert.equal(parseDuration(text), seconds));

  for (const text of ['', 'NOT_IMPLEMENTED', 'END_OF_MEDIA', '0:00:00', '00:00:00.000', '-1', '-0:00:05', '5', '1:60:00', '0:00:61',
    '0:00:01.5/4x', '0:00:01.4/4', '0:00:01.1/0', 'NaN', '1e3:00:00', '0:00:10 and more', '::', '0:00:00.0/5', '9'.repeat(400)]) {
    it(`knows nothing from ${text.slice(0, 20) || 'nothing'}`, () => assert.equal(parseDuration(text), undefined));
  }

  it('knows nothing from undefined', () => assert.equal(parseDuration(undefined), undefined));

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), (ms) => assert.equal(parseDuration(formatDuration(ms / 1000)), ms / 1000)));
  });

  it('knows 0 where it is a position', () => {
    assert.deepEqual(['0:00:00', '00:00:00.000', '0:00:07', 'NOT_IMPLEMENTED', '-0:00:05', undefined].map(parsePosition), [0, 0, 7, undefined, undefined, undefined]);
  });

  it('writes whole seconds, cut', () => {
    assert.deepEqual([0, 0.9, 61.999, 3600, 93_600.5].map(formatWholeSeconds), ['0:00:00', '0:00:00', '0:01:01', '1:00:00', '26:00:00']);
  });
});
