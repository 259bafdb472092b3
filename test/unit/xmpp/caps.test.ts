import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { CapsCache, computeVer, formatCaps, isTrueVer, parseCaps } from '../../../src/xpmn/xmpp/caps.ts';
import { DiscoRegistry, formatInfo, parseInfo } from '../../../src/xpmn/xmpp/disco.ts';
import type { DiscoInfo } from '../../../src/xpmn/xmpp/disco.ts';

const exodus: DiscoInfo = {
  identities: [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1' }],
  features: ['http://jabber.org/protocol/muc', 'http://jabber.org/protocol/disco#info', 'http://jabber.org/protocol/caps', 'http://jabber.org/protocol/disco#items'],
  forms: [],
};
const VER = 'QgayPKawpkPSDYmwT/WM94uAlu0=';
const caps = (ver: string) => ({ node: 'https://example.test', ver, hash: 'sha-1' });
const field = (name: string, values: string[], type?: string): XmlElement =>
  xml('field', 'jabber:x:data', { var: name, type }, values.map((value) => xml('value', 'jabber:x:data', {}, value)));
const signal = new AbortController().signal;
const PEER = parseJid('juliet@home.test/x');

/** Answers each query with what `answers` says; counts them. */
function channel(answer: () => DiscoInfo): StanzaChannel & { asked: number } {
  const fake = {
    asked: 0,
    request(): Promise<XmlElement> {
      fake.asked += 1;
      return Promise.resolve(xml('iq', 'jabber:client', { type: 'result' }, formatInfo(answer())));
    },
  };
  return fake as never;
}

describe('entity capabilities', () => {
  it('hashes as in XEP-0115 §5.2', () => assert.equal(computeVer(exodus), VER));

  it('hashes as in XEP-0115 §5.3, with languages and a form', () => {
    const form = xml('x', 'jabber:x:data', { type: 'result' },
      field('FORM_TYPE', ['urn:xmpp:dataforms:softwareinfo'], 'hidden'), field('ip_version', ['ipv6', 'ipv4']), field('os', ['Mac']),
      field('os_version', ['10.5.1']), field('software', ['Psi']), field('software_version', ['0.11']));
    const identities = [{ category: 'client', type: 'pc', name: 'Psi 0.11', lang: 'en' }, { category: 'client', type: 'pc', name: 'Ψ 0.11', lang: 'el' }];
    assert.equal(computeVer({ ...exodus, identities, forms: [form] }), 'q07IKJEyjvHSyhy//CH0CxmKi8w=');
  });

  it('does not depend on the order, and orders by bytes', () => {
    assert.equal(computeVer({ ...exodus, features: [...exodus.features].reverse() }), VER);
    const odd = ['urn:\u{1F600}', 'urn:\uffee'];
    assert.equal(computeVer({ ...exodus, features: odd }), computeVer({ ...exodus, features: [...odd].reverse() }));
  });

  it('writes what it reads', () => {
    const presence = xml('presence', 'jabber:client', {}, formatCaps(caps(VER)));
    assert.deepEqual(parseCaps(presence), caps(VER));
    assert.equal(parseCaps(xml('presence', 'jabber:client', {}, xml('c', 'http://jabber.org/protocol/caps', { node: 'x', ver: '1.0' }))), undefined);
    assert.equal(parseCaps(xml('presence', 'jabber:client', {}, formatCaps(caps('x'.repeat(2000))))), undefined);
  });

  for (const [what, info] of Object.entries({
    'another feature': { ...exodus, features: [...exodus.features, 'urn:x'] },
    'features hidden in a form': { ...exodus, features: [], forms: [xml('x', 'jabber:x:data', {}, field('FORM_TYPE', [[...exodus.features].sort().join('<')], 'hidden'))] },
    'a feature twice': { ...exodus, features: [...exodus.features, exodus.features[0] as string] },
    'an identity twice': { ...exodus, identities: [...exodus.identities, ...exodus.identities] },
    'a separator inside': { ...exodus, features: ['a<b'] },
    'a form twice': { ...exodus, forms: [0, 1].map(() => xml('x', 'jabber:x:data', {}, field('FORM_TYPE', ['urn:x'], 'hidden'))) },
    'a form of two types': { ...exodus, forms: [xml('x', 'jabber:x:data', {}, field('FORM_TYPE', ['urn:x', 'urn:y'], 'hidden'))] },
  } satisfies Record<string, DiscoInfo>)) {
    it(`is not believed with ${what}`, () => {
      assert.equal(isTrueVer(info, caps(VER)), false);
      if (what !== 'another feature') assert.equal(isTrueVer(info, caps(computeVer(info))), false);
    });
  }

  it('asks once for a hash, for all who announce it', async () => {
    const cache = new CapsCache({ entries: 10, answerSize: 1000 });
    const peer = channel(() => exodus);
    await Promise.all([cache.infoOf(peer, PEER, caps(VER), { signal }), cache.infoOf(peer, PEER, caps(VER), { signal })]);
    await cache.infoOf(peer, parseJid('other@home.test/y'), caps(VER), { signal });
    assert.equal(peer.asked, 1);
  });

  it('does not let a liar speak for others', async () => {
    const cache = new CapsCache({ entries: 10, answerSize: 1000 });
    const liar = channel(() => ({ ...exodus, features: ['urn:evil'] }));
    assert.deepEqual((await cache.infoOf(liar, PEER, caps(VER), { signal })).features, ['urn:evil']);
    assert.equal(cache.size, 0);
    assert.equal(cache.lookUp(caps(VER)), undefined);
  });

  it('remembers nobody who says too much of himself', async () => {
    const cache = new CapsCache({ entries: 10, answerSize: 1000 });
    const info = { ...exodus, features: ['x'.repeat(1000)] };
    await assert.rejects(cache.infoOf(channel(() => info), PEER, caps(computeVer(info)), { signal }), { code: 'too-large' });
    assert.equal(cache.size, 0);
  });

  it('keeps the last used, and not more', async () => {
    const cache = new CapsCache({ entries: 2, answerSize: 1000 });
    const vers: string[] = [];
    for (const feature of ['a', 'b', 'c']) {
      const info = { ...exodus, features: [feature] };
      vers.push(computeVer(info));
      await cache.infoOf(channel(() => info), PEER, caps(computeVer(info)), { signal });
      cache.lookUp(caps(vers[0] as string));
    }
    assert.deepEqual(vers.map((ver) => cache.lookUp(caps(ver)) !== undefined), [true, false, true]);
    assert.equal(cache.size, 2);
  });
});

describe('service discovery', () => {
  it('gathers what the parts provide, and tells of changes', () => {
    let changes = 0;
    const registry = new DiscoRegistry({ changed: () => (changes += 1) });
    registry.addIdentity({ category: 'automation', type: 'xpmn', name: 'TV' });
    registry.addFeatures('urn:b', 'urn:a', 'urn:b');
    registry.removeFeatures('urn:a');
    assert.equal(changes, 3);
    const info = parseInfo(formatInfo(registry.info()));
    assert.deepEqual(info.features, ['http://jabber.org/protocol/disco#info', 'urn:b']);
    assert.deepEqual(info.identities, [{ category: 'automation', type: 'xpmn', name: 'TV', lang: undefined }]);
  });

  it('reads past what makes no sense', () => {
    const ns = 'http://jabber.org/protocol/disco#info';
    const info = parseInfo(xml('query', ns, {}, xml('identity', ns, { category: 'x' }), xml('feature', ns), xml('feature', ns, { var: 'urn:a' }), xml('item', ns)));
    assert.deepEqual(info, { identities: [], features: ['urn:a'], forms: [] });
  });
});
