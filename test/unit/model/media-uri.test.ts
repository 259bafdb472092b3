import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJid, tryJid } from '../../../src/xpmn/model/jid.ts';
import { formatMediaUri, parseMediaUri } from '../../../src/xpmn/model/media-uri.ts';

describe('media URIs', () => {
  const jid = fc.tuple(fc.string({ maxLength: 10 }), fc.domain(), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }))
    .map(([local, domain, resource]) => tryJid(`${local === '' ? '' : `${local}@`}${domain}/${resource}`))
    .filter((value) => value !== undefined && value.includes('/'));
  const uid = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\ud800-\udfff]/u.test(text));

  it('come back as they were, in URI characters alone', () => {
    fc.assert(fc.property(jid, uid, (device, named) => {
      if (!device) return;
      const text = formatMediaUri({ device, uid: named });
      assert.match(text, /^xmpp:[A-Za-z0-9._~%@/-]+\?transfer;uid=[A-Za-z0-9._~%-]+$/);
      assert.deepEqual(parseMediaUri(text), { device, uid: named });
    }));
  });

  it('are read with other parameters around, and a resource that is not escaped', () => {
    const expected = { device: parseJid('a@b/c/d'), uid: 'x' };
    for (const text of ['xmpp:a@b/c/d?transfer;uid=x', 'xmpp:a@b/c%2Fd?transfer;x=y;uid=x;z', 'xmpp:A@B/c%2fd?transfer;uid=x;uid=y']) {
      assert.deepEqual(parseMediaUri(text), expected, text);
    }
  });

  for (const text of [
    '', 'xmpp:', 'http://a@b/c?transfer;uid=x', 'file:///etc/passwd', 'xmpp:a@b?transfer;uid=x', 'xmpp:a@b/?transfer;uid=x', 'xmpp:a@b/c', 'xmpp:a@b/c?transfer', 'xmpp:a@b/c?transfer;uid=',
    'xmpp:a@b/c?message;uid=x', 'xmpp:a@b/c?transfer;uid=%', 'xmpp:a@b/c?transfer;uid=%ff', 'xmpp:a%2Fx@b/c?transfer;uid=x', 'xmpp:a%40b@c/d?transfer;uid=x', 'xmpp:a%20b@c/d?transfer;uid=x',
    'xmpp:a@b/c%00?transfer;uid=x', 'xmpp:a@b/c?transfer;uid=x#y', ' xmpp:a@b/c?transfer;uid=x', 'xmpp:a@b/c?transfer;uid=x\n', 'xmpp://a@b/c?transfer;uid=x',
  ]) {
    it(`are not ${JSON.stringify(text)}`, () => assert.throws(() => parseMediaUri(text), { code: 'bad-request' }));
  }

  it('are never anything else than refused or canonical', () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (bare, resource, rest) => {
      let read;
      try {
        read = parseMediaUri(`xmpp:${bare}/${resource}?transfer;uid=${rest}`);
      } catch (error) {
        assert.equal((error as { code: string }).code, 'bad-request');
        return;
      }
      assert.deepEqual(parseMediaUri(formatMediaUri(read)), read);
    }), { numRuns: 1000 });
  });
});
