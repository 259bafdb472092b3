import assert from 'node:assert/strict';
import fc from 'fast-check';
import { nextSeq, readGrant, readNotifyHead, readPropertySet, renewHeaders, subscribeHeaders } from '../../../src/upnp/gena-codec.ts';
import type { PropertySet } from '../../../src/upnp/gena-codec.ts';
import { propertySet } from '../../fakes/evented-device.ts';
import { ownTime } from '../../support/own-time.ts';
import { settings } from '../../support/settings.ts';

const { xml } = settings.upnp.gena;
const read = (body: string | Buffer, headers: Record<string, string> = {}): PropertySet | undefined => readPropertySet({ body: Buffer.from(body), headers }, xml);
const propertiesOf = (body: string): Record<string, string> | undefined => {
  const set = read(body);
  return set && Object.fromEntries(set.properties);
};

describe('GENA requests', () => {
  it('ask for whole seconds, whatever the number is', () => {
    assert.deepEqual(subscribeHeaders('http://192.0.2.1:4000/x', 1800), { CALLBACK: '<http://192.0.2.1:4000/x>', NT: 'upnp:event', TIMEOUT: 'Second-1800' });
    assert.deepEqual(renewHeaders('uuid:1', 1800.75), { SID: 'uuid:1', TIMEOUT: 'Second-1800' });
  });
});

describe('GENA answers', () => {
  const timeouts: readonly (readonly [string | undefined, number | undefined])[] = [
    ['Second-1800', 1800], ['second-300', 300], [' Second - 60 ', 60], ['1800', 1800], ['Second-1800.0', 1800], ['Second-0', 0], ['Second-infinite', Infinity], ['infinite', Infinity],
    [undefined, undefined], ['', undefined], ['Second-', undefined], ['Second--5', undefined], ['Second-0:30:00', undefined], ['forever', undefined], [`Second-${'9'.repeat(400)}`, undefined],
  ];
  for (const [text, seconds] of timeouts) {
    it(`read TIMEOUT ${String(text).slice(0, 20)} as ${seconds}`, () => assert.equal(readGrant(text === undefined ? {} : { timeout: text }).timeout, seconds));
  }

  it('name a subscription, or do not', () => {
    assert.equal(readGrant({ sid: ' uuid:1 ' }).sid, 'uuid:1');
    for (const headers of [{}, { sid: '' }, { sid: '  ' }, { sid: 'x'.repeat(257) }]) assert.equal(readGrant(headers as Record<string, string>).sid, undefined);
  });
});

describe('the head of a NOTIFY', () => {
  it('counts from 0 to 2^32-1, or not at all', () => {
    for (const seq of ['0', '1', '4294967295']) assert.equal(readNotifyHead({ seq }).seq, Number(seq));
    for (const seq of ['', '-1', '1.5', 'x', '4294967296', '0x10', '99999999999']) assert.equal(readNotifyHead({ seq }).seq, undefined, seq);
    assert.deepEqual(readNotifyHead({}), { sid: undefined, seq: undefined });
  });

  it('goes on with 1 after the last number, and never comes back to 0', () => {
    assert.equal(nextSeq(2 ** 32 - 1), 1);
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 2 }), (seq) => nextSeq(seq) === seq + 1));
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seq) => readNotifyHead({ seq: String(nextSeq(seq)) }).seq === nextSeq(seq)));
  });
});

describe('a property set', () => {
  const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,20}$/).filter((text) => !/^__proto__$/.test(text));
  // what XML can carry, but for \r, which it turns into \n
  const value = fc.string({ unit: 'grapheme-composite', maxLength: 60 }).map((text) => text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, ' '));

  it('is read as it was written, whatever the values are', () => {
    fc.assert(fc.property(fc.dictionary(name, value), (properties) => {
      assert.deepEqual(propertiesOf(propertySet(properties)), { ...properties });
    }));
  });

  it('may have several properties in one section, any prefix or none, and what is never escaped', () => {
    assert.deepEqual(propertiesOf('<x:propertyset xmlns:x="urn:other"><x:property><A>1</A><B/></x:property></x:propertyset>'), { A: '1', B: '' });
    assert.deepEqual(propertiesOf('<propertyset><property><A>1</A></property></propertyset>'), { A: '1' });
    assert.deepEqual(propertiesOf('<property><A>1</A></property>'), { A: '1' });
    assert.deepEqual(propertiesOf('<e:propertyset><e:property><u:A>1</u:A></e:property></e:propertyset>'), { A: '1' });
    assert.match(propertiesOf('<propertyset><property><LastChange><Event><InstanceID val="0"/></Event></LastChange></property></propertyset>')?.LastChange ?? '', /^<Event><InstanceID val='0'\/><\/Event>$/);
  });

  it('is complete where it could be repaired, and not where only parts of it can be read', () => {
    const cut = propertySet({ A: '1 < 2', B: 'two', C: '3' }).replace(/<C>.*/s, '<C>3');
    assert.deepEqual([read(cut)?.complete, propertiesOf(cut)], [false, { A: '1 < 2', B: 'two' }]);
    const bare = '<propertyset><property><A>Oliver & Friends</A></property></propertyset>\0\n';
    assert.deepEqual([read(bare)?.complete, propertiesOf(bare)], [true, { A: 'Oliver & Friends' }]);
    const empty = '<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"/>';
    assert.deepEqual([read(empty)?.complete, propertiesOf(empty)], [true, {}]);
  });

  it('is none where nothing can be read of it, or too much', () => {
    for (const body of ['', '\0', 'nothing', '<html><body>404</body></html>', '<propertyset><property><A>1', propertySet({ A: 'x'.repeat(xml.bytes) })]) assert.equal(read(body), undefined, body.slice(0, 40));
    assert.equal(read('<!DOCTYPE x [<!ENTITY a "b">]><propertyset><property><A>&a;</A></property></propertyset>'), undefined);
  });

  it('is in the encoding that it says', () => {
    const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><propertyset><property><A>\xfc</A></property></propertyset>', 'latin1');
    assert.equal(read(latin)?.properties.get('A'), 'ü');
  });

  it('never throws, and takes no longer for what is made to be slow', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.from(bytes))));
    fc.assert(fc.property(fc.nat(200), (at) => void read(propertySet({ A: '1', B: '<&>' }).slice(0, at))));
    const hostile = '<property><A>'.repeat(xml.bytes / 13 - 1);
    const begun = ownTime();
    read(hostile);
    assert.ok(ownTime() - begun < 2);
  });
});
