import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import type { PlaybackState } from '../../../src/xpmn/model/playback.ts';
import { PLAYBACK, decide } from '../../../src/xpmn/player/machine.ts';
import type { PlaybackCommand } from '../../../src/xpmn/player/machine.ts';
import { atIndex, currentTitle, expand, playListOf } from '../../../src/xpmn/player/play-list.ts';
import { seekPosition } from '../../../src/xpmn/player/seek-target.ts';

const codeOf = (work: () => unknown): ErrorCode | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof XpmnError);
    return error.code;
  }
};

describe('the table of playback', () => {
  const COMMANDS: readonly PlaybackCommand[] = ['play', 'pause', 'stop', 'seek', 'next', 'previous', 'jump', 'close'];
  /** As a letter each, in the order above; `-` is refused. */
  const EXPECTED: Readonly<Record<PlaybackState, string>> = {
    idle: 'b-d----d', opened: 'b-sngggc', buffering: 'dpskgggc', playing: 'dpskgggc', paused: 'rdskgggc', stopped: 'b-sngggc', error: 'b-s-gggc',
  };
  const LETTERS: Readonly<Record<string, string>> = { done: 'd', begin: 'b', resume: 'r', pause: 'p', stop: 's', seek: 'k', note: 'n', go: 'g', close: 'c' };

  for (const state of Object.keys(PLAYBACK) as PlaybackState[]) {
    it(`says what is done in ${state}, and what is not`, () => {
      const row = COMMANDS.map((command) => {
        try {
          return LETTERS[decide({ state, pausable: true, seekable: true }, command)];
        } catch (error) {
          assert.equal((error as XpmnError).code, 'unexpected-request');
          return '-';
        }
      });
      assert.equal(row.join(''), EXPECTED[state]);
    });
  }

  it('neither pauses nor seeks what has no such thing, and says that only where it could be done', () => {
    const live = { state: 'playing', pausable: false, seekable: false } as const;
    assert.equal(codeOf(() => decide(live, 'pause')), 'not-pausable');
    assert.equal(codeOf(() => decide(live, 'seek')), 'not-seekable');
    assert.equal(codeOf(() => decide({ ...live, state: 'stopped' }, 'seek')), 'not-seekable');
    assert.equal(codeOf(() => decide({ ...live, state: 'idle' }, 'seek')), 'unexpected-request');
    assert.equal(codeOf(() => decide({ ...live, state: 'error', error: 'unreachable' }, 'pause')), 'unreachable');
    assert.equal(codeOf(() => decide({ ...live, state: 'error', error: 'origin-unreachable' }, 'pause')), 'unexpected-request');
    assert.equal(decide(live, 'stop'), 'stop');
  });
});

describe('places to go to', () => {
  const here = { position: 10, duration: 100 };

  it('are inside, clamped, or parts of the whole', () => {
    for (const position of [0, 55.5, 100]) assert.equal(seekPosition({ position }, here), position);
    for (const [offset, position] of [[5, 15], [-5, 5], [-50, 0], [500, 100]] as const) assert.equal(seekPosition({ offset }, here), position);
    for (const [percent, position] of [[0, 0], [25, 25], [100, 100]] as const) assert.equal(seekPosition({ percent }, here), position);
  });

  it('are refused where there are none', () => {
    for (const target of [{ position: -0.1 }, { position: 100.1 }, { percent: -1 }, { percent: 100.1 }]) assert.equal(codeOf(() => seekPosition(target, here)), 'not-acceptable');
    for (const target of [{ position: NaN }, { offset: Infinity }, { percent: NaN }]) assert.equal(codeOf(() => seekPosition(target, here)), 'bad-request');
  });

  it('depend on what is known', () => {
    const unknown = { position: undefined, duration: undefined };
    assert.equal(seekPosition({ position: 1e6 }, unknown), 1e6);
    assert.equal(seekPosition({ offset: 90 }, { ...unknown, position: 20 }), 110);
    assert.equal(codeOf(() => seekPosition({ percent: 50 }, unknown)), 'not-acceptable');
    assert.equal(codeOf(() => seekPosition({ offset: 1 }, unknown)), 'not-acceptable');
  });
});

describe('a list that is played', () => {
  const uris = (list: ReturnType<typeof playListOf>): string => list.titles.map(({ uri }) => uri).join('');

  it('has places, and no others', () => {
    const list = playListOf(['a', 'b']);
    assert.equal(currentTitle(atIndex(list, 1)).uri, 'b');
    for (const index of [-1, 2, 0.5, NaN]) assert.equal(codeOf(() => atIndex(list, index)), 'unexpected-request');
  });

  it('takes up what a title holds, in its place, and stays where it is', () => {
    const list = atIndex(playListOf(['a', 'b', 'c']), 2);
    const grown = expand(list, list.titles[1] as (typeof list.titles)[number], [{ uri: 'x' }, { uri: 'y' }], 10);
    assert.deepEqual([uris(grown), currentTitle(grown).uri, grown.titles[1]?.depth], ['axyc', 'c', 1]);
    assert.equal(expand(grown, list.titles[1] as (typeof list.titles)[number], [{ uri: 'z' }], 10), grown, 'it is not in there any more');
  });

  it('never has more than it may, and never loses its place', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(9), fc.nat(9), fc.integer({ min: 1, max: 20 }), (count, index, at, held) => {
      const list = atIndex(playListOf(Array.from({ length: count }, (_, i) => String(i))), index % count);
      const title = list.titles[at % count] as (typeof list.titles)[number];
      const grown = expand(list, title, Array.from({ length: held }, (_, i) => ({ uri: `x${i}` })), 12);
      assert.ok(grown.titles.length <= 12 && grown.titles.length >= count);
      assert.equal(currentTitle(grown).uri, title === currentTitle(list) ? 'x0' : currentTitle(list).uri);
    }));
  });
});
