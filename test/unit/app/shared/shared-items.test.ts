import assert from 'node:assert/strict';
import { SharedItems } from '../../../../src/app/shared/shared-items.ts';
import { FakeClock, FakeRandom } from '../../../support/fake-clock.ts';
import { memorySource } from '../../../fakes/memory-source.ts';

describe('shared items', () => {
  let clock: FakeClock;
  let items: SharedItems;
  beforeEach(() => {
    clock = new FakeClock();
    items = new SharedItems({ clock, random: new FakeRandom() }, { items: 3, lifetime: 1000 });
  });
  const add = (key: string): string => items.add(key, (uid) => ({ item: { kind: 'item', id: uid, parent: undefined, title: key, type: 'audio', uid }, source: memorySource(Buffer.alloc(1)) }));

  it('are so many at most: the one unused for longest goes', () => {
    const [a, b, c] = ['a', 'b', 'c'].map(add) as [string, string, string];
    assert.ok(items.find(a));
    const d = add('d');
    assert.deepEqual([a, b, c, d].map((uid) => items.find(uid)?.item.title), ['a', undefined, 'c', 'd']);
    assert.equal(items.uidOf('b'), undefined);
    assert.equal(items.uidOf('a'), a);
  });

  it('last as long as they are used', async () => {
    const a = add('a');
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(1000);
      assert.ok(items.find(a));
    }
    await clock.advance(1001);
    assert.equal(items.uidOf('a'), undefined);
    assert.notEqual(add('a'), a);
  });
});
