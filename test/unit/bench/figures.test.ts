import assert from 'node:assert/strict';
import { figure, isMet, ratio } from '../../bench/parts/figures.ts';
import { parseOptions } from '../../bench/parts/options.ts';
import { formatTable } from '../../bench/parts/table.ts';
import { parseStat } from '../../bench/parts/usage.ts';
import { floorOf } from '../../bench/parts/floor.ts';

describe('bench figures', () => {
  it('judges the median by its target', () => {
    assert.equal(isMet(ratio('G', 'more', [1, 3, 2], [1, 1, 1], { atLeast: 2 })), true);
    assert.equal(isMet(ratio('G', 'more', [1, 3, 2], [1, 1, 1], { atLeast: 2.1 })), false);
    assert.equal(isMet(figure('G', 'less', 'ms', [5], { atMost: 4 })), false);
    assert.equal(isMet(figure('', 'no goal', 'ms', [5])), undefined);
  });

  it('prints them in columns, with range and verdict', () => {
    const text = formatTable('title', [
      figure('G1', 'goodput', 'x', [1.23456, 1, 2], { atLeast: 1.25 }),
      figure('', 'a longer one', 'MB/s', [600]),
    ]);
    assert.equal(text, ['== title', 'G1  goodput       1.235 [1-2] x  MISSED (>= 1.25)', '    a longer one  600 MB/s', ''].join('\n'));
  });

  it('adds the steps of two machines to a floor', () => {
    assert.equal(floorOf({ encrypt: 1, decrypt: 2, send: 10, receive: 100 }), 223);
  });
});

describe('bench options', () => {
  const known = ['goodput', 'latency'];

  it('runs everything five times by default', () => {
    assert.deepEqual(parseOptions([], known), { names: known, rounds: 5, quick: false });
    assert.deepEqual(parseOptions(['--quick'], known), { names: known, rounds: 1, quick: true });
  });

  it('takes names and rounds', () => {
    assert.deepEqual(parseOptions(['latency', '--rounds', '7', '--quick', '--profile', 'here'], known), { names: ['latency'], rounds: 7, quick: true, profile: 'here' });
  });

  it('refuses what it does not know', () => {
    assert.throws(() => parseOptions(['speed'], known), /usage: .*goodput\|latency/);
    for (const rounds of ['0', '1.5', 'x', undefined]) assert.throws(() => parseOptions(['--rounds', ...(rounds === undefined ? [] : [rounds])], known), /whole number/);
  });
});

describe('use of a process', () => {
  it('reads times and parent behind a name that holds anything', () => {
    const fields = ['S', 7, ...Array<number>(9).fill(0), 100, 20, 3, 4, 20];
    assert.deepEqual(parseStat(`42 (a) (b) ${fields.join(' ')}`, 100), { pid: 42, parent: 7, cpu: 1.27 });
  });
});
