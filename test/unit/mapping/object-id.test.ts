import assert from 'node:assert/strict';
import fc from 'fast-check';
import { idFromObjectId, objectIdFromId, splitUid, uidFrom } from '../../../src/mapping/object-id.ts';

const objectId = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });

describe('object ids', () => {
  it('go there and back, and never collide with the root', () => {
    fc.assert(fc.property(objectId, (id) => {
      assert.equal(objectIdFromId(idFromObjectId(id)), id);
      assert.equal(idFromObjectId(id) === 'root', id === '0');
    }));
  });

  it('are the same as ever', () => {
    assert.deepEqual(['0', '64$1', 'é?>'].map(idFromObjectId), ['root', 'NjQkMQ', 'w6k_Pg']);
    assert.equal(uidFrom('64$1', '0a1b2c'), 'NjQkMQ-0a1b2c');
  });

  it('are only taken in the form they are given', () => {
    for (const id of ['', 'MA', 'NjQkMQ==', 'NjQkMR', 'Nj QkMQ', 'NjQkMQ\n', 'a+b/', '____', 'rooT']) assert.equal(objectIdFromId(id), undefined, id);
  });

  it('survive in uids, with dashes in them', () => {
    fc.assert(fc.property(objectId, fc.stringMatching(/^[0-9a-f]{6}$/), (id, tag) => assert.deepEqual(splitUid(uidFrom(id, tag)), { objectId: id, tag })));
    assert.deepEqual(splitUid(uidFrom('0', 'aaaaaa')), { objectId: '0', tag: 'aaaaaa' });
    for (const uid of ['', '-aaaaaa', 'NjQkMQ', 'NjQkMQ-aaaaa', 'NjQkMQ-AAAAAA', 'NjQkMQ=-aaaaaa', 'NjQkMQ-aaaaaaa', 'NjQkMQ-aaaaa/']) {
      assert.equal(splitUid(uid), undefined, uid);
    }
  });
});
