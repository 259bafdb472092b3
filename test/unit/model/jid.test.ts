import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bareJid, isFullJid, parseJid, resourceOf, splitJid, tryJid, withResource } from '../../../src/xpmn/model/jid.ts';

describe('JIDs', () => {
  it('are prepared: local part and domain in lower case, the resource as it is, in NFC', () => {
    assert.equal(parseJid('Romeo@Example.COM/Living Room'), 'romeo@example.com/Living Room');
    assert.equal(parseJid('JU\u0308RGEN@x.org/u\u0308'), 'j\u00fcrgen@x.org/\u00fc');
    assert.equal(parseJid('example.com.'), 'example.com');
    assert.equal(parseJid('a@[::1]/r'), 'a@[::1]/r');
  });

  it('take apart and put together', () => {
    const jid = parseJid('a@b.c/d@e/f');
    assert.deepEqual(splitJid(jid), { local: 'a', domain: 'b.c', resource: 'd@e/f' });
    assert.equal(bareJid(jid), 'a@b.c');
    assert.equal(resourceOf(jid), 'd@e/f');
    assert.equal(withResource(jid, 'g'), 'a@b.c/g');
    assert.ok(isFullJid(jid));
    assert.ok(!isFullJid(bareJid(jid)));
    assert.throws(() => withResource(jid, ''), { code: 'malformed' });
  });

  const wrong: Record<string, string> = {
    'nothing': '', 'no domain': 'a@', 'no local part': '@b', 'no resource': 'a@b/', 'only a slash': '/', 'two at signs': 'a@b@c', 'a space': 'a b@c',
    'a quote': "a'b@c", 'an angle': 'a@b<c', 'a control character': 'a@b/\u0007', 'a line end': 'a@b/c\nd', 'an invisible letter': 'a\u200bb@c',
    'a direction override': 'a@b/\u202ecod', 'half a character': 'a@b/\ud800', 'a non-character': 'a@b/\ufffe', 'an empty label': 'a@b..c',
    'only dots': 'a@..', 'a leading dot': 'a@.b', 'a long local part': `${'a'.repeat(1024)}@b`, 'a long resource in bytes': `a@b/${'\u00fc'.repeat(512)}`,
    'far too long': 'a'.repeat(1_000_000),
  };
  for (const [what, text] of Object.entries(wrong)) {
    it(`are not made of text with ${what}`, () => {
      assert.throws(() => parseJid(text), { code: 'malformed' });
      assert.equal(tryJid(text), undefined);
    });
  }

  it('are prepared once and for all: what was prepared stays', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }), fc.string({ unit: 'binary', minLength: 1 }), (local, domain, resource) => {
      const jid = tryJid(`${local}@${domain}/${resource}`);
      if (jid === undefined) return;
      assert.equal(parseJid(jid), jid);
      assert.equal(parseJid(bareJid(jid)), bareJid(jid));
    }), { numRuns: 3000 });
    for (const letter of ['\u0130', '\u1e9e', '\u03a3', '\u01c5', '\u212a', '\u1fbc', '\uab7e']) {
      const jid = tryJid(`x${letter}@d.e`);
      if (jid !== undefined) assert.equal(parseJid(jid), jid);
    }
  });
});
