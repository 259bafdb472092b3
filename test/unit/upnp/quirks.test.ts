import assert from 'node:assert/strict';
import fc from 'fast-check';
import { globFits, quirksFor } from '../../../src/upnp/quirks.ts';
import type { QuirkEntry } from '../../../src/upnp/quirks.ts';

const DEVICE = { manufacturer: 'Samsung Electronics', modelName: 'UE55', friendlyName: 'Living room' };

describe('quirks of devices', () => {
  it('fit by a part of the text, or by the whole with *', () => {
    for (const pattern of ['samsung', 'Electronics', 'SAMSUNG ELECTRONICS', 'samsung*', '*ics', '*', 's*g e*s', '**']) assert.ok(globFits(pattern, 'Samsung Electronics'), pattern);
    for (const pattern of ['samsang', 'electronics*', '*sam', 's*z*s', 'samsung*samsung electronics', '*.+', '.*']) assert.ok(!globFits(pattern, 'Samsung Electronics'), pattern);
    assert.ok(!globFits('ab*ba', 'aba'), 'nothing counts twice');
  });

  it('fit as a slow but plain matcher has it', () => {
    const slow = (pattern: string, text: string): boolean => {
      if (pattern === '') return text === '';
      if (pattern[0] === '*') return slow(pattern.slice(1), text) || (text !== '' && slow(pattern, text.slice(1)));
      return text[0] === pattern[0] && slow(pattern.slice(1), text.slice(1));
    };
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 }).filter((text) => text.includes('*'));
    fc.assert(fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, text) => assert.equal(globFits(pattern, text), slow(pattern, text))));
  });

  it('must fit in all that they name', () => {
    const entry = (match: QuirkEntry['match']): readonly QuirkEntry[] => [{ match, poll: 'always' }];
    assert.equal(quirksFor(DEVICE, entry({ manufacturer: 'samsung', model: 'ue', name: 'room' })).poll, 'always');
    assert.equal(quirksFor(DEVICE, entry({ manufacturer: 'samsung', model: 'xx' })).poll, undefined);
    assert.equal(quirksFor({ ...DEVICE, manufacturer: undefined }, entry({ manufacturer: 'samsung' })).poll, undefined);
  });

  it('are put together, the later over the earlier, and MIME types one by one', () => {
    const quirks = quirksFor(DEVICE, [
      { match: { manufacturer: 'samsung' }, metadata: 'minimal', ignoreNext: true, feed: { dlnaAlways: true, mimeTypes: { 'video/a': 'video/b', 'video/c': 'video/d' } } },
      { match: { model: 'other' }, stopBeforeLoad: true },
      { match: { name: 'living' }, metadata: 'none', feed: { length: 'close', mimeTypes: { 'video/c': 'video/e' } } },
    ]);
    assert.deepEqual(quirks, { metadata: 'none', ignoreNext: true, feed: { dlnaAlways: true, length: 'close', mimeTypes: { 'video/a': 'video/b', 'video/c': 'video/e' } } });
    assert.deepEqual(quirksFor(DEVICE, []), {});
  });
});
