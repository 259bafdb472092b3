import assert from 'node:assert/strict';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { commitmentTo, compare, comparisonNumber, formatCompare } from '../../../src/xpmn/pairing/comparison.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';

const never = new AbortController().signal;
const [NEW, HOST] = [parseJid('me@home.test/laptop-abcd'), parseJid('me@home.test/nas-k3fq')];
const exporter = Buffer.alloc(32, 1);
const [joiner, host] = ['11'.repeat(16), '22'.repeat(16)] as [string, string];

describe('the number to compare', () => {
  it('has six digits, and another session, another nonce, or the two exchanged give another', () => {
    const number = comparisonNumber(exporter, { joiner, host });
    assert.match(number, /^\d{6}$/);
    const others = [
      comparisonNumber(Buffer.alloc(32, 2), { joiner, host }), comparisonNumber(exporter, { joiner: host, host: joiner }),
      comparisonNumber(exporter, { joiner: host, host }), comparisonNumber(exporter, { joiner, host: joiner }),
    ];
    assert.equal(new Set([number, ...others]).size, 5);
    assert.equal(comparisonNumber(exporter, { joiner, host }), number);
  });

  function asking(answer: (commitment: string) => XmlElement): ReturnType<typeof compare> {
    const who = (jid: typeof HOST): PeerIdentity => ({ verdict: 'pairing', key: 'a'.repeat(64) as KeyName, jid });
    const pair = channelPair({ clock: new FakeClock(), random: new FakeRandom(), a: NEW, b: HOST, peers: { a: who(HOST), b: who(NEW) } });
    pair.b.router.handle({ ns: NS.pairing, name: 'compare', type: 'get' }, ({ payload }) => answer(payload.attrs['commitment'] ?? ''));
    return compare(pair.a.channel, exporter, new FakeRandom(4), { signal: never });
  }

  it('is made of a part that was promised before the other said its own', async () => {
    let promised = '';
    const { nonce, number } = await asking((commitment) => {
      promised = commitment;
      return formatCompare({ nonce: host });
    });
    assert.equal(promised, commitmentTo(nonce));
    assert.ok(!promised.includes(nonce));
    assert.equal(number, comparisonNumber(exporter, { joiner: nonce, host }));
  });

  it('is not made of nonsense', async () => {
    for (const answer of [xml('other', NS.pairing, { nonce: host }), xml('compare', 'urn:other', { nonce: host }), xml('compare', NS.pairing), xml('compare', NS.pairing, { nonce: `${host} ` }), xml('compare', NS.pairing, { nonce: '2' })]) {
      await assert.rejects(asking(() => answer), { code: 'malformed' });
    }
  });
});
