import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { child, serialise, textOf, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { keyNameOf, signBytes, spkiOf } from '../../../src/xpmn/trust/keys.ts';
import { formatList, NS_TRUST } from '../../../src/xpmn/trust/list-document.ts';
import type { VoidReason } from '../../../src/xpmn/trust/list-document.ts';
import { compareLists, issueList, listsElement, readList, signedIn } from '../../../src/xpmn/trust/signed-list.ts';
import { contentOf, DAY, device, list, NOW, options, somebody } from './world.ts';
import type { Somebody } from './world.ts';

let user: Somebody;
let gateway: Somebody;
let tv: Somebody;

/** `<signed/>` over any bytes, the way an attacker with that key would make it. */
function signedOver(data: string | Buffer, key: KeyObject = user.key, { domain = 'xpmn-list-v1\0', name = keyNameOf(key) as string, method = 'RSA-SHA256' } = {}): XmlElement {
  const bytes = Buffer.from(data);
  return xml('signed', NS_TRUST, {},
    xml('data', NS_TRUST, {}, bytes.toString('base64')),
    xml('key', NS_TRUST, {}, spkiOf(key).toString('base64')),
    xml('signature', NS_TRUST, { key: name, method }, signBytes(key, Buffer.concat([Buffer.from(domain), bytes])).toString('base64')));
}

function document(attrs: Record<string, string> = {}, inside = ''): string {
  const all = { xmlns: NS_TRUST, type: 'devices', network: user.name, seq: '7', issued: '2026-11-22T18:00:00Z', expires: '2026-12-22T18:00:00Z', ...attrs };
  return `<list ${Object.entries(all).map(([name, value]) => `${name}='${value}'`).join(' ')}>${inside}</list>`;
}

function isVoid(reason: VoidReason, signed: XmlElement): void {
  assert.throws(() => readList(signed, options), (error) => error instanceof XpmnError && error.details['reason'] === reason && !error.retryable || assert.fail(String(error)));
}

const deviceXml = (who: Somebody, jid = 'me@home.example/x'): string => `<device key='${who.name}' jid='${jid}'/>`;

describe('a signed list', () => {
  before(async () => {
    [user, gateway, tv] = await Promise.all(['list-user', 'list-gateway', 'list-tv'].map(somebody)) as [Somebody, Somebody, Somebody];
  });

  it('reads back as what was issued', () => {
    const content = contentOf('devices', user, {
      devices: [{ ...device(gateway, 'me@home.example/gateway', { roles: 'host management', aliases: ['a@b/c', 'a@b/d \'"<&>'] }), source: 'b'.repeat(24) }], removed: [tv],
    });
    const issued = issueList(content, user.key, options);
    const read = readList(parseXml(serialise(issued.element), options.xml), options);
    assert.deepEqual(read, issued);
    assert.deepEqual({ ...content }, Object.fromEntries(Object.keys(content).map((key) => [key, read[key as keyof typeof content]])));
    assert.equal(read.signer, user.name);
    assert.equal(read.expiresAt, NOW + 30 * DAY);
  });

  it('expires no later than its lifetime after it was issued', () => {
    assert.equal(list('friends', user, { expires: NOW + 400 * DAY }).expiresAt, NOW + options.listLifetime);
    assert.equal(list('friends', user, { expires: NOW + DAY }).expiresAt, NOW + DAY);
  });

  it('says what a bridged device stands for, if that has the form of a name', () => {
    const bridged = (source: string): string => `<device key='${tv.name}' jid='a@b/c' source='${source}'/>`;
    const read = (source: string): unknown => readList(signedOver(document({}, bridged(source))), options).devices[0];
    const plain = device(tv, 'a@b/c');
    assert.deepEqual(read('a'.repeat(24)), { ...plain, source: 'a'.repeat(24) });
    for (const other of ['', 'A'.repeat(24), 'a'.repeat(25), 'uuid:1']) assert.deepEqual(read(other), plain);
  });

  it('ignores attributes and elements it does not know', () => {
    const inside = `<future/><device xmlns='urn:other' key='x'/><device key='${tv.name}' jid='a@b/c' shape='round'><hue/></device>text`;
    const read = readList(signedOver(document({ mood: 'good' }, inside)), options);
    assert.deepEqual(read.devices.map(({ key }) => key), [tv.name]);
    const wrapped = signedOver(document());
    const passedOn = readList({ ...wrapped, attrs: { extra: '1' }, children: [...wrapped.children, xml('extra', 'urn:x')] }, options).element;
    assert.deepEqual(passedOn, wrapped);
  });

  describe('is void', () => {
    it('when signed by another than the network', () => {
      isVoid('wrong-signer', signedOver(document(), gateway.key));
      isVoid('wrong-signer', signedOver(document({ type: 'friends' }), gateway.key));
      isVoid('wrong-signer', signedOver(document({ type: 'hosted' }), user.key));
    });
    it('when the signature is over something else, by another method, or names another key', () => {
      isVoid('bad-signature', signedOver(document(), user.key, { domain: '' }));
      isVoid('bad-signature', signedOver(document(), user.key, { domain: 'xpmn-list-v2\0' }));
      isVoid('bad-signature', signedOver(document(), user.key, { method: 'RSA-SHA1' }));
      isVoid('bad-signature', signedOver(document(), gateway.key, { name: user.name }));
    });
    it('when another key is put in, with the right name in front', () => {
      const [right, wrong] = [signedOver(document()), signedOver(document(), gateway.key)];
      const mixed = { ...right, children: [right.children[0], wrong.children[1], right.children[2]] } as XmlElement;
      isVoid('bad-signature', mixed);
    });
    it('when the key is short or no RSA key', () => {
      isVoid('weak-key', signedOver(document(), generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey));
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const bare = signedOver(document());
      const children = [bare.children[0], xml('key', NS_TRUST, {}, spkiOf(privateKey).toString('base64')), xml('signature', NS_TRUST, { key: keyNameOf(privateKey), method: 'RSA-SHA256' }, 'AAAA')];
      isVoid('weak-key', { ...bare, children } as XmlElement);
    });
    it('when its type is unknown', () => {
      isVoid('unknown-type', signedOver(document({ type: 'admins' })));
      isVoid('unknown-type', signedOver(document({ type: 'toString' })));
    });
    it('when it has an entry that its type does not have', () => {
      isVoid('foreign-entry', signedOver(document({}, `<friend key='${tv.name}' jid='a@b'/>`)));
      isVoid('foreign-entry', signedOver(document({ type: 'friends' }, deviceXml(tv))));
      isVoid('foreign-entry', signedOver(document({ type: 'hosted' }, `<friend key='${tv.name}' jid='a@b'/>`), gateway.key));
    });
    it('when it has a key twice, or both listed and removed', () => {
      const removed = `<removed key='${tv.name}' at='2026-11-22T18:00:00Z'/>`;
      isVoid('key-twice', signedOver(document({}, deviceXml(tv) + deviceXml(tv, 'other@b/c'))));
      isVoid('key-twice', signedOver(document({}, removed + removed)));
      isVoid('listed-and-removed', signedOver(document({}, deviceXml(tv) + removed)));
    });
    it('when it has too many entries, or too many bytes', () => {
      const entry = (_: unknown, i: number): string => `<removed key='${i.toString(16).padStart(64, '0')}' at='2026-11-22T18:00:00Z'/>`;
      const entries = Array.from({ length: options.listEntries + 1 }, entry);
      assert.equal(readList(signedOver(document({}, entries.slice(1).join(''))), options).removed.length, options.listEntries);
      isVoid('too-large', signedOver(document({}, entries.join(''))));
      const room = options.xml.bytes - document().length;
      assert.ok(readList(signedOver(document({}, ' '.repeat(room))), options));
      isVoid('too-large', signedOver(document({}, ' '.repeat(room + 1))));
    });
    it('when the XML has what is not allowed, or is no XML, or no list', () => {
      for (const data of [
        `<!DOCTYPE list>${document()}`, `<!--x-->${document()}`, document({}, '<!-- x -->'), document({}, '<?pi x?>'), document().slice(0, -1), '',
        document({}, '<a>'.repeat(20) + '</a>'.repeat(20)), `<list/>`, document().replace(NS_TRUST, 'urn:other'), document().replaceAll('list', 'lost'),
      ].filter((text) => text !== '')) {
        assert.throws(() => readList(signedOver(data), options), (error) => error instanceof XpmnError && ['malformed', 'too-large'].includes(String(error.details['reason'])), data);
      }
      isVoid('malformed', signedOver(Buffer.from([...Buffer.from('<list>'), 0xff, 0xfe])));
    });
    it('when an attribute makes no sense', () => {
      const wrong: Record<string, string[]> = {
        seq: ['', '-1', '1.5', '1e3', '007', '9999999999999999', '0x10'], network: ['', 'abc', user.name.toUpperCase()],
        issued: ['', '2026-11-22', '2026-11-22T18:00:00', '2026-11-22T18:00:00+01:00', '2026-02-30T00:00:00Z', '2026-11-22T25:00:00Z'], expires: ['never'],
      };
      for (const [name, values] of Object.entries(wrong)) for (const value of values) isVoid('malformed', signedOver(document({ [name]: value })));
      for (const entry of [
        `<device key='${tv.name}'/>`, `<device key='${tv.name}' jid='a@b'/>`, `<device key='x' jid='a@b/c'/>`, `<device jid='a@b/c'/>`, `<device key='${tv.name}' jid='a@b/c'><alias jid='a@b'/></device>`,
        `<removed key='${tv.name}'/>`, `<removed key='${tv.name}' at='once'/>`,
      ]) isVoid('malformed', signedOver(document({}, entry)));
      isVoid('malformed', signedOver(document({ type: 'friends' }, `<friend key='${tv.name}' jid='a@b/c'/>`)));
    });
    it('when a part is missing, there twice, or not canonical base64', () => {
      const good = signedOver(document());
      for (const part of ['data', 'key', 'signature']) {
        const found = child(good, part) as XmlElement;
        const others = good.children.filter((node) => node !== found);
        isVoid('malformed', { ...good, children: others });
        isVoid('malformed', { ...good, children: [...good.children, found] });
        for (const text of ['', ' ' + textOf(found), textOf(found) + '\n', textOf(found).replace(/..$/, '!!'), '====']) isVoid('malformed', { ...good, children: [...others, { ...found, children: [text] }] });
      }
    });
  });

  it('is ordered by sequence, then time, then hash', () => {
    const base = list('devices', user, { seq: 5 });
    assert.ok(compareLists(list('devices', user, { seq: 6, issued: NOW - DAY }), base) > 0);
    assert.ok(compareLists(list('devices', user, { seq: 5, issued: NOW + 1000, expires: base.expires }), base) > 0);
    const twin = list('devices', user, { seq: 5, expires: NOW + DAY });
    assert.equal(Math.sign(compareLists(twin, base)), twin.hash > base.hash ? 1 : -1);
    assert.equal(compareLists(base, base), 0);
  });

  it('travels in <lists/>, a bounded number of them', () => {
    const one = list('devices', user, {});
    assert.deepEqual(signedIn(listsElement([one, one]), 2), [one.element, one.element]);
    assert.throws(() => signedIn(listsElement([one, one]), 1), { code: 'too-large' });
    assert.throws(() => signedIn(xml('lists', 'urn:other'), 1), { code: 'malformed' });
  });

  it('never verifies as another list after any change to its text', () => {
    const original = issueList(contentOf('devices', user, { devices: [device(tv, 'me@home.example/tv')] }), user.key, options);
    const text = serialise(original.element);
    const edit = fc.record({ at: fc.nat(text.length - 1), cut: fc.nat(3), put: fc.string({ unit: 'grapheme-ascii', maxLength: 3 }) });
    fc.assert(fc.property(edit, ({ at, cut, put }) => {
      try {
        const read = readList(parseXml(text.slice(0, at) + put + text.slice(at + cut), { ...options.xml, bytes: 1 << 20 }), options);
        assert.deepEqual(read, original);
      } catch (error) {
        assert.ok(error instanceof XpmnError, String(error));
      }
    }), { numRuns: 500 });
  });

  it('never verifies after any bit of data, key or signature changed', () => {
    const original = list('devices', user, { devices: [device(tv, 'me@home.example/tv')] });
    fc.assert(fc.property(fc.constantFrom('data', 'key', 'signature'), fc.nat(), fc.nat(7), (part, where, bit) => {
      const children = (original.element.children as XmlElement[]).map((node) => {
        if (node.name !== part) return node;
        const bytes = Buffer.from(textOf(node), 'base64');
        const at = where % bytes.length;
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        return { ...node, children: [bytes.toString('base64')] };
      });
      assert.throws(() => readList({ ...original.element, children }, options), (error) => error instanceof XpmnError);
    }), { numRuns: 300 });
  });

  it('with any data at all, rightly signed, ends in a list or in a coded error', () => {
    const names = ['type', 'network', 'seq', 'issued', 'expires'] as const;
    const chaos = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.record({ name: fc.constantFrom(...names), value: fc.string({ unit: 'grapheme-ascii' }) }).map(({ name, value }) => document({ [name]: value.replace(/[<&']/g, '') })),
      fc.string({ unit: fc.constantFrom('<', '>', '/', 'list', 'device', ' ', "'", '=', '&', ';', '!', '?', '[', ']', '-'), maxLength: 60 }).map((inside) => document({}, inside)),
    );
    fc.assert(fc.property(chaos, (data) => {
      try {
        readList(signedOver(data === '' ? ' ' : data), options);
      } catch (error) {
        assert.ok(error instanceof XpmnError, String(error));
      }
    }), { numRuns: 300 });
  });

  it('is written with whole seconds and without what is empty', () => {
    const content = { ...contentOf('hosted', user, { devices: [device(tv, 'me@home.example/tv')] }), issued: NOW + 999 };
    const text = serialise(formatList(content));
    assert.match(text, /issued='2026-11-22T18:00:00Z'/);
    assert.match(text, /<device key='[0-9a-f]{64}' jid='me@home.example\/tv'\/>/);
  });
});
