import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parsePosition, parseSeekTarget, parseSwitch, parseVolume } from '../../../../src/app/cli/positions.ts';
import { formatDuration } from '../../../../src/app/text.ts';

const WRONG = ['', ' ', '1:', ':1', '1:2', '1:60', '1:99:00', '1:2:03', '1:02:3', '01:02:03:04', '1e3', '0x10', 'x', '1,5', '.5', '1.', '-', '+', '+-1', '--1', '∞', 'NaN', '1 :30', '1234567890'];

describe('a position', () => {
  it('is seconds, or what a clock shows', () => {
    const cases = [['90', 90], ['0', 0], ['12.5', 12.5], ['1:30', 90], ['90:00', 5400], ['1:02:03', 3723], ['0:00:59.5', 59.5], ['007', 7], ['100:00:00', 360000]] as const;
    for (const [text, seconds] of cases) assert.equal(parsePosition(text), seconds, text);
  });

  it('is what we show of it', () => {
    fc.assert(fc.property(fc.nat(3_000_000), (seconds) => assert.equal(parsePosition(formatDuration(seconds)), seconds)));
  });

  it('is nothing else', () => {
    for (const text of [...WRONG, '+1', '-1', '50%']) assert.throws(() => parsePosition(text), { code: 'usage', message: `"${text}" is no position: they look like 90, 1:30 or 1:02:03.` });
  });

  it('to seek to may be from here, or a part of the whole', () => {
    const cases = [['1:30', { position: 90 }], ['+10', { offset: 10 }], ['-10', { offset: -10 }], ['-1:30', { offset: -90 }], ['+0.5', { offset: 0.5 }], ['50%', { percent: 50 }], ['0%', { percent: 0 }], ['33.3%', { percent: 33.3 }], ['100%', { percent: 100 }]] as const;
    for (const [text, target] of cases) assert.deepEqual(parseSeekTarget(text), target, text);
    for (const text of [...WRONG, '101%', '100.1%', '-5%', '+5%', '%', '5 %', '1:00%', '--loud']) assert.throws(() => parseSeekTarget(text), { code: 'usage' }, text);
  });

  it('never comes out of any text as something that is no number', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      try {
        for (const value of Object.values(parseSeekTarget(text))) assert.ok(Number.isFinite(value));
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'usage');
      }
    }));
  });
});

describe('a volume', () => {
  it('is a whole number up to 100, or by how much', () => {
    for (const [text, wanted] of [['0', { value: 0 }], ['100', { value: 100 }], ['+5', { change: 5 }], ['-5', { change: -5 }], ['50%', { value: 50 }], ['-5%', { change: -5 }]] as const) assert.deepEqual(parseVolume(text), wanted);
    for (const text of ['', '101', '+101', '1.5', '5 %', '101%', '%', '1e1', '++5', 'loud']) assert.throws(() => parseVolume(text), { code: 'usage' }, text);
  });
});

describe('a switch', () => {
  it('is on or off', () => {
    assert.deepEqual(['on', 'off'].map(parseSwitch), [true, false]);
    for (const text of ['', 'ON', 'true', '1']) assert.throws(() => parseSwitch(text), { code: 'usage' });
  });
});
