import assert from 'node:assert/strict';
import { wrap } from '../../demo/wrap.ts';

describe('breaking lines', () => {
  it('keeps what fits, and the spaces of a table', () => {
    assert.deepEqual(wrap('a   b  c', 8), ['a   b  c']);
    assert.deepEqual(wrap('', 8), ['']);
  });

  it('breaks between words, and a word only where it is too long itself', () => {
    assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrap('a tremendously b', 6), ['a', 'tremen', 'dously', 'b']);
  });

  it('counts characters, not halves of them', () => {
    assert.deepEqual(wrap('🎵🎵🎵🎵 🎵', 4), ['🎵🎵🎵🎵', '🎵']);
  });
});
