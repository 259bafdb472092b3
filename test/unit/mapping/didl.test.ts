import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { objectFromDidl } from '../../../src/mapping/didl-item.ts';
import { parseDidl } from '../../../src/mapping/didl.ts';
import { escapeText } from '../../../src/xpmn/model/xml.ts';
import { settings } from '../../support/settings.ts';

const limits = settings.upnp.contentDirectory.didl;
const VECTORS = new URL('../../vectors/didl/', import.meta.url);

/** Stands for the adapter: the path, shortened, of what the one host offers. */
const locator = {
  tag: (uri: string) => (/^http:\/\/192\.0\.2\.1[:/]/.test(uri) ? `#${uri.replace(/^http:\/\/[^/]*/, '')}` : undefined),
};

function read(xml: string): unknown {
  const { entries, losses } = parseDidl(xml, limits);
  const objects = entries.map((entry) => entry && objectFromDidl(entry, locator));
  return JSON.parse(JSON.stringify({ objects, losses })) as unknown;
}

describe('DIDL-Lite', () => {
  const names = readdirSync(VECTORS).filter((name) => name.endsWith('.xml'));
  assert.ok(names.length >= 8);
  for (const name of names) {
    it(`reads ${name}`, () => {
      const golden = JSON.parse(readFileSync(new URL(name.replace('.xml', '.json'), VECTORS), 'utf8')) as unknown;
      assert.deepEqual(read(readFileSync(new URL(name, VECTORS), 'utf8')), golden);
    });
  }

  it('reads any title and id that XML can carry, escaped once or twice or not at all', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map((raw) => raw.replaceAll(/[\p{Cc}\s]/gu, 'x').trim()).filter((raw) => raw !== '');
    fc.assert(fc.property(text, text, fc.integer({ min: 1, max: 2 }), (title, id, times) => {
      let xml = `<DIDL-Lite><item id='${escapeText(id).replaceAll("'", '&apos;')}'><title>${escapeText(title)}</title></item></DIDL-Lite>`;
      for (let i = 1; i < times; i += 1) xml = escapeText(xml);
      const [object] = parseDidl(xml, limits).entries;
      assert.deepEqual([object?.id, object?.title], [id, title]);
    }));
  });

  it('never throws, whatever it gets', () => {
    const pieces = ['<item id="1">', '</item>', '<container', ' id=', '"2"', '>', '<res', '&', '<', ']]>', '<![CDATA[', '<!--', '-->', '<?', '?>', '\u0000', '&#0;', '&#x110000;', 'xmlns:a="b"', '<a:b>', 'text', '<!DOCTYPE x>', '<DIDL-Lite>', '</DIDL-Lite>'];
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (parts) => void read(parts.join(''))), { numRuns: 2000 });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void read(text)));
  });

  it('keeps the place of what it can\'t read', () => {
    const { entries } = parseDidl('<DIDL-Lite><item id="1"/><item/><item id="3"/></DIDL-Lite>', limits);
    assert.deepEqual(entries.map((entry) => entry?.id), ['1', undefined, '3']);
  });

  it('refuses document types, and reads no entity', () => {
    const bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><DIDL-Lite><item id="1"><title>&b;</title></item></DIDL-Lite>';
    assert.deepEqual(parseDidl(bomb, limits), { entries: [], losses: ['xml-restricted'] });
  });

  it('stays within its limits: bytes, depth, nodes, objects', () => {
    const item = '<item id="1"/>';
    const whole = (inner: string): string => `<DIDL-Lite>${inner}</DIDL-Lite>`;
    assert.deepEqual(parseDidl(whole(item), { ...limits, bytes: 20 }).losses, ['too-large']);
    assert.deepEqual(parseDidl(whole('<a>'.repeat(limits.depth) + '</a>'.repeat(limits.depth)), limits).losses, ['too-large']);
    assert.deepEqual(parseDidl(whole(item.repeat(20)), { ...limits, nodes: 10 }).losses, ['too-large']);
    assert.equal(parseDidl(whole(item.repeat(20)), { ...limits, objects: 7 }).entries.length, 7);
    assert.ok(parseDidl(item.repeat(20), { ...limits, objects: 7 }).entries.length <= 7);
  });

  it('takes time in proportion to what is sent, however hostile', function () {
    this.timeout(60_000);
    const bytes = limits.bytes - 100;
    const fill = (piece: string): string => piece.repeat(Math.floor(bytes / piece.length));
    for (const piece of ['<item ', '<item>', '</item>', '<!--', '<?', '<![CDATA[', '&', '<', ' ', '<a1:b ', '\n', 'x:', '&lt;', '<item id="1"><b></i></item>']) {
      read(`<DIDL-Lite>${fill(piece)}`);
      read(fill(piece));
    }
    let prefixes = '<DIDL-Lite>';
    for (let i = 0; prefixes.length < bytes; i += 1) prefixes += `<p${i}:x/>`;
    read(prefixes);
  });
});
