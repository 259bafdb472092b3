import assert from 'node:assert/strict';
import { alternate } from '../../bench/parts/rounds.ts';

describe('bench rounds', () => {
  it('alternates, turns the order round, and throws the first round away', async () => {
    const order: string[] = [];
    const results = await alternate(['a', 'b'], 2, (variant, round) => {
      order.push(`${variant}${round}`);
      return Promise.resolve(round);
    });
    assert.deepEqual(order, ['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
    assert.deepEqual(results, { a: [1, 2], b: [1, 2] });
  });

  it('ends with the first failure', async () => {
    await assert.rejects(alternate(['a'], 1, () => Promise.reject(new Error('broken'))), /broken/);
  });
});
