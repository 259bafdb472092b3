import assert from 'node:assert/strict';
import { positionAt } from '../../../src/xpmn/model/playback.ts';
import type { PlaybackStatus } from '../../../src/xpmn/model/playback.ts';
import { playbackStatus } from '../../fakes/fake-players.ts';

describe('the position of a player', () => {
  const at = (changes: Partial<PlaybackStatus>, passed: number): number | undefined =>
    positionAt({ status: playbackStatus({ position: 62, duration: 276, speed: 1, ...changes }), heard: 1000 }, 1000 + passed);

  it('goes on from when it was heard, as fast as it plays, and not past the end', () => {
    assert.equal(at({}, 1500), 63.5);
    assert.equal(at({ speed: 2 }, 1500), 65);
    assert.equal(at({ speed: -1 }, 100_000), 0);
    assert.equal(at({}, 1_000_000), 276);
    assert.equal(at({ duration: undefined }, 1_000_000), 1062);
    assert.equal(at({}, -5000), 62, 'clocks may be set back');
    assert.equal(at({ position: 300 }, 0), 300, 'a device knows better than its own duration');
    for (const state of ['paused', 'stopped', 'buffering', 'opened', 'error'] as const) assert.equal(at({ state }, 5000), 62);
  });

  it('is known only where it was told', () => {
    assert.equal(at({ position: undefined }, 1000), undefined);
    assert.equal(positionAt({ status: undefined, heard: 0 }, 5), undefined);
  });
});
