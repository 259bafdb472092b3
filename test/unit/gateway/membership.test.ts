import assert from 'node:assert/strict';
import { Membership } from '../../../src/xpmn/gateway/membership.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { withResource } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import type { PeerLinks } from '../../../src/xpmn/ports/peer-link.ts';
import { serveManagement } from '../../../src/xpmn/profiles/management.ts';
import { keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { listsElement } from '../../../src/xpmn/trust/signed-list.ts';
import { channelPair } from '../../support/channel-pair.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { firstNetwork, nextNetwork } from '../../support/gateways.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;

/** The second device of a network asks the management device, which answers what the test wants. */
describe('membership, where another device has the user key', function () {
  this.timeout(30_000);
  let first: Network;
  let second: Network;
  let third: Network;
  let pair: ChannelPair;
  let membership: Membership;
  let published: number;

  beforeEach(async () => {
    first = await firstNetwork(undefined);
    [second, third] = [await nextNetwork(first, 'second'), await nextNetwork(first, 'third')];
    await second.lists.offerAll(third.lists.snapshot.lists.map(({ element }) => element));
    const identity = (of: Network) => ({ verdict: 'own', key: of.gateway.key, jid: of.gateway.jid, network: of.id, roles: [] }) as const;
    pair = channelPair({ clock: systemClock, random: systemRandom, a: second.gateway.jid, b: first.gateway.jid, peers: { a: identity(first), b: identity(second) } });
    published = 0;
    const links = { to: () => ({ channel: () => Promise.resolve(pair.a.channel) }) } as unknown as PeerLinks;
    membership = new Membership({ network: second, links, publish: () => Promise.resolve(void (published += 1)) }, settings.trust);
  });
  afterEach(() => pair.close());

  it('changes when the lists say so', async () => {
    serveManagement({ registry: pair.b.router, signer: first });
    await membership.remove(third.gateway.jid, never);
    assert.equal(second.lists.judge(third.gateway.certificate.der, third.gateway.jid).verdict, 'stranger');
    assert.equal(published, 1);
  });

  it('does not change by words: a removal, or a device, that no list tells is none', async () => {
    const key = keyNameOf(await testKey('never listed'));
    for (const name of ['add', 'remove']) pair.b.router.handle({ ns: NS.management, name, type: 'set' }, () => listsElement(second.lists.snapshot.lists));
    await assert.rejects(membership.remove(third.gateway.jid, never), { code: 'protocol-violation' });
    await assert.rejects(membership.add({ key, jid: withResource(second.bare, 'new-aaaa'), roles: [] }, never), { code: 'protocol-violation' });
    assert.equal(published, 0);
  });
});
