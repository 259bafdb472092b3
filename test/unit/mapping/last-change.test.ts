import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseLastChange } from '../../../src/mapping/last-change.ts';
import { escapeAttr } from '../../../src/xpmn/model/xml.ts';
import { ownTime } from '../../support/own-time.ts';

const limits = { depth: 16, bytes: 65_536, nodes: 2000 };
const read = (text: string): Record<string, string> => Object.fromEntries(parseLastChange(text, limits).values);
const AVT = 'urn:schemas-upnp-org:metadata-1-0/AVT/';
const event = (inner: string, attrs = ` xmlns="${AVT}"`): string => `<Event${attrs}>${inner}</Event>`;
const instance = (inner: string, val = '0'): string => `<InstanceID val="${val}">${inner}</InstanceID>`;
const PLAYING = '<TransportState val="PLAYING"/>';
const SAID = { TransportState: 'PLAYING' };

/** By what is wrong with them. */
const FORMS: Readonly<Record<string, readonly [text: string, values: Record<string, string>]>> = {
  'nothing': [event(instance(PLAYING)), SAID],
  'a declaration, a comment and white space': [`<?xml version="1.0" encoding="utf-8"?>\n<!-- x --> ${event(instance(PLAYING))}`, SAID],
  'a prefix that is bound': [`<avt:Event xmlns:avt="${AVT}"><avt:InstanceID val="0"><avt:TransportState val="PLAYING"/></avt:InstanceID></avt:Event>`, SAID],
  'a prefix that is not bound': [event(instance('<r:Sleep val="1"/><avt:TransportState val="PLAYING"/>')), { ...SAID, Sleep: '1' }],
  'a prefix at the attribute': [event(instance('<TransportState avt:val="PLAYING"/>')), SAID],
  'a trailing NUL': [`${event(instance(PLAYING))}\0\0`, SAID],
  'a raw &': [event(instance(`${PLAYING}<AVTransportURI val="http://192.0.2.1/a?b=1&x=2"/>`)), { ...SAID, AVTransportURI: 'http://192.0.2.1/a?b=1&x=2' }],
  'no end': [event(instance(PLAYING)).slice(0, -20), SAID],
  'an end in the middle of a tag': [`<Event xmlns="${AVT}"><InstanceID val="0">${PLAYING}<CurrentTrackMetaData val="&lt;DIDL-Li`, SAID],
  'an end tag too many': [`${event(instance(PLAYING))}</InstanceID></Event>`, SAID],
  'no instance': [event(PLAYING), SAID],
  'an instance that has no number': [event(`<InstanceID>${PLAYING}</InstanceID>`), SAID],
  'no event around it': [instance(PLAYING), SAID],
  'several instances': [event(instance('<TransportState val="STOPPED"/>', '1') + instance(PLAYING) + instance('<TransportState val="STOPPED"/>', '2')), SAID],
  'another instance only': [event(instance(PLAYING, '4')), {}],
  'several channels, Master among them': [event(instance('<Volume channel="LF" val="1"/><Volume channel="Master" val="7"/><Volume channel="RF" val="2"/>')), { Volume: '7' }],
  'several channels without Master': [event(instance('<Volume channel="LF" val="1"/><Volume channel="RF" val="2"/>')), { Volume: '1' }],
  'no channel': [event(instance('<Volume val="3"/>')), { Volume: '3' }],
  'a value that is text': [event(instance('<Mute channel="Master">1</Mute>')), { Mute: '1' }],
  'an escape too many': [event(instance(PLAYING)).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll('>', '&gt;'), SAID],
  'another case': [event(instance('<TransportState VAL="PLAYING"/>')), SAID],
  'metadata that are not escaped': [event(instance(`${PLAYING}<CurrentTrackMetaData val="<DIDL-Lite xmlns="x"><item/></DIDL-Lite>"/><NumberOfTracks val="1"/>`)), { ...SAID, NumberOfTracks: '1' }],
  'several instances, and no end': [`<Event>${instance('<TransportState val="STOPPED"/>', '1')}<InstanceID val="0">${PLAYING}<`, SAID],
  'nothing in it': ['', {}],
  'no XML in it': ['hello', {}],
  'a value that is missing': [event(instance('<TransportState/>')), {}],
};

describe('LastChange', () => {
  for (const [name, [text, values]] of Object.entries(FORMS)) it(`with ${name}`, () => assert.deepEqual(read(text), values));

  it('unescapes a value once', () => {
    const didl = '<DIDL-Lite><dc:title>Oliver &amp; Friends</dc:title></DIDL-Lite>';
    assert.equal(read(event(instance(`<CurrentTrackMetaData val="${escapeAttr(didl)}"/>`))).CurrentTrackMetaData, didl);
  });

  it('gives what was written, whatever it is', () => {
    const value = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\p{Cc}\ufffe\uffff]/gu, ''));
    const names = fc.uniqueArray(fc.stringMatching(/^[A-Z][a-z]{1,8}$/), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(names, value, (all, text) => {
      const values = Object.fromEntries(all.map((name) => [name, text]));
      const inner = all.map((name) => `<${name} val="${escapeAttr(text)}"/>`).join('');
      assert.deepEqual(read(event(instance(inner))), values);
    }));
  });

  it('keeps what came before the place where it breaks off', () => {
    const whole = event(instance(`${PLAYING}<CurrentTrackDuration val="0:01:00"/>`));
    const [first, both] = [whole.indexOf('/>') + 2, whole.lastIndexOf('/>') + 2];
    for (let at = 0; at <= whole.length; at += 1) {
      const values = read(whole.slice(0, at));
      assert.equal(values.TransportState, at >= first ? 'PLAYING' : undefined, whole.slice(0, at));
      assert.equal(values.CurrentTrackDuration, at >= both ? '0:01:00' : undefined, whole.slice(0, at));
    }
  });

  it('never throws, and is refused when it is too large', () => {
    const pieces = ['<Event>', '<InstanceID val="0">', '<Volume', ' val="1"', '/>', '>', '<', '&', '"', "'", '\0', '</InstanceID>', '<!DOCTYPE x [<!ENTITY a "b">]>', 'avt:', '&lt;'];
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (parts) => void read(parts.join(''))));
    assert.deepEqual(parseLastChange(event(instance(PLAYING)) + ' '.repeat(limits.bytes), limits), { values: new Map(), losses: ['too-large'] });
  });

  it('takes no time for what is made to take it', () => {
    const begun = ownTime();
    for (const piece of ['<a b="', '<a b="c" ', '<a ', '<', ' a="b"']) read(`<Event>${piece.repeat(60_000 / piece.length)}`);
    assert.ok(ownTime() - begun < 5);
  });
});
