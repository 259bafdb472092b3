import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { MediaItem, MediaObject } from '../../../src/xpmn/model/media.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { childObjects, metadataFromObject, metadataFromPage, objectFromMetadata } from '../../../src/xpmn/profiles/metadata.ts';
import { settings } from '../../support/settings.ts';

const device = parseJid('romeo@home.test/nas-k3fq');
const other = parseJid('mallory@home.test/nas-k3fq');

/** Over the wire and back, without undefined fields. */
function roundTrip(object: MediaObject): unknown {
  const read = objectFromMetadata(parseXml(serialise(metadataFromObject(object, device)), settings.xml.endToEndStream), device);
  return JSON.parse(JSON.stringify(read));
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !/[\u0000-\u001f\ud800-\udfff\ufffe\uffff]/.test(value));
const name = text.filter((value) => value !== '');
const whole = fc.integer({ min: 0, max: 2 ** 40 });
const optional = { artist: text, album: text, albumArtist: text, genre: text, track: whole, date: text, duration: fc.integer({ min: 0, max: 10 ** 9 }).map((ms) => ms / 1000),
  size: whole, mimeType: text, name: text, width: whole, height: whole, bitrate: whole, channels: whole, sampleRate: whole, uid: name, parent: text };
const item = fc.record({ kind: fc.constant('item' as const), id: name, title: text, type: fc.constantFrom('audio', 'video', 'image', 'stream', 'other'), ...optional },
  { requiredKeys: ['kind', 'id', 'title', 'type'], noNullPrototype: true });
const container = fc.record({ kind: fc.constant('container' as const), id: name, title: text, parent: text, count: whole },
  { requiredKeys: ['kind', 'id', 'title'], noNullPrototype: true });

describe('media metadata', () => {
  it('comes back as it was', () => {
    fc.assert(fc.property(fc.oneof(item, container), (object) => {
      assert.deepEqual(roundTrip(object as MediaObject), object);
    }));
  });

  it('lists children in order, and nothing else', () => {
    fc.assert(fc.property(fc.array(fc.oneof(item, container), { maxLength: 5 }), (objects) => {
      const page = metadataFromPage({ kind: 'container', id: 'c', parent: undefined, title: 't', count: 5 }, objects as MediaObject[], device);
      assert.deepEqual(childObjects(page, device).map(({ id }) => id), objects.map(({ id }) => id));
    }));
  });

  it('writes numbers plainly, and leaves out those that mean nothing', () => {
    const of = (duration: number): unknown => (roundTrip({ kind: 'item', id: 'i', parent: undefined, title: '', type: 'video', uid: undefined, duration }) as MediaItem).duration;
    assert.equal(of(0.1 + 0.2), 0.3);
    assert.equal(of(1e-7), 0);
    assert.equal(of(0), 0);
    for (const wrong of [NaN, Infinity, -1, 1e21, 1e15]) assert.equal(of(wrong), undefined, String(wrong));
  });

  const element = (attrs: Record<string, string>, ...children: XmlElement[]): XmlElement => xml('item', NS.metadata, attrs, ...children);
  const field = (named: string, value: string): XmlElement => xml(named, NS.metadata, {}, value);

  it('is none without an id, under another name or in another namespace', () => {
    for (const wrong of [element({}), element({ id: '' }), xml('thing', NS.metadata, { id: 'a' }), xml('item', 'urn:other', { id: 'a' }), xml('__proto__', NS.metadata, { id: 'a' })]) {
      assert.equal(objectFromMetadata(wrong, device), undefined);
    }
    assert.deepEqual(childObjects(xml('container', NS.metadata, { id: 'c' }, 'text', element({}), element({ id: 'x' })), device).map(({ id }) => id), ['x']);
  });

  it('takes hostile values for what they are', () => {
    for (const number of ['-1', '1e5', '0x10', '1'.repeat(16), 'NaN', '', ' ', '1,5', '1.1234567', '١']) {
      assert.equal((objectFromMetadata(element({ id: 'a' }, field('size', number)), device) as MediaItem).size, undefined, number);
    }
    assert.equal((objectFromMetadata(element({ id: 'a' }, field('size', ' 12 ')), device) as MediaItem).size, 12);
    const strange = objectFromMetadata(element({ id: 'a', type: 'constructor', parent: '' }, xml('title', 'urn:other', {}, 'x'), field('size', '1'), field('size', '2')), device) as MediaItem;
    assert.deepEqual([strange.type, strange.title, strange.parent, strange.size], ['other', '', '', 1]);
  });

  const uid = (uri: string): string | undefined => (objectFromMetadata(element({ id: 'a' }, field('uri', uri)), device) as MediaItem).uid;

  it('believes a URI only if it points to the device that the answer came from', () => {
    assert.equal(uid(`xmpp:${device}?transfer;uid=x`), 'x');
    for (const wrong of [`xmpp:${other}?transfer;uid=x`, 'xmpp:romeo@home.test?transfer;uid=x', 'http://192.168.1.1/x.mp4', 'file:///etc/passwd', '', 'xmpp:', `xmpp:${device}?transfer`, `xmpp:${device}?transfer;uid=%ff`]) {
      assert.equal(uid(wrong), undefined, wrong);
    }
  });

  it('never puts an item without bytes under a URI', () => {
    const written = metadataFromObject({ kind: 'item', id: 'a', parent: undefined, title: 't', type: 'other', uid: undefined }, device);
    assert.ok(!elements(written).some((part) => part.name === 'uri'));
  });
});
