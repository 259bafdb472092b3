import assert from 'node:assert/strict';
import { Membership } from '../../../src/xpmn/gateway/membership.ts';
import type { MembershipDeps } from '../../../src/xpmn/gateway/membership.ts';
import type { Clock } from '../../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { withResource } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import type { PeerLinks } from '../../../src/xpmn/ports/peer-link.ts';
import { serveManagement } from '../../../src/xpmn/profiles/management.ts';
import { keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { listsElement } from '../../../src/xpmn/trust/signed-list.ts';
import { devicesList } from '../../../src/xpmn/trust/snapshot.ts';
import { waitUntil } from '../../peers/wait.ts';
import { channelPair } from '../../support/channel-pair.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { FakeClock } from '../../support/fake-clock.ts';
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
    membership = of(second);
  });
  afterEach(() => pair.close());

  function of(network: Network, clock: Clock = systemClock, publish: MembershipDeps['publish'] = () => Promise.resolve(void (published += 1))): Membership {
    const links = { to: () => ({ channel: () => Promise.resolve(pair.a.channel) }) } as unknown as PeerLinks;
    return new Membership({ network, clock, links, publish }, { ...settings.pairing, ...settings.trust });
  }
  const isListed = (network: Network, key: KeyName): boolean => devicesList(network.lists.snapshot, network.id)?.devices.some((device) => device.key === key) ?? false;

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
    await assert.rejects(membership.add({ key, jid: withResource(second.bare, 'new-aaaa'), roles: [] }, { signal: never, listing: () => undefined }), { code: 'protocol-violation' });
    assert.equal(published, 0);
  });

  it('lists nobody who is not wanted any more when its turn has come', async () => {
    const entry = { key: keyNameOf(await testKey('never listed')), jid: withResource(first.bare, 'new-aaaa'), roles: [] };
    const asked: string[] = [];
    pair.b.router.handle({ ns: NS.management, name: 'add', type: 'set' }, () => (asked.push('add'), listsElement(first.lists.snapshot.lists)));
    const listing = (): void => {
      throw new XpmnError('not-allowed', 'Not any more.');
    };
    for (const network of [second, first]) await assert.rejects(of(network).add(entry, { signal: never, listing }), { code: 'not-allowed' });
    assert.deepEqual([asked, published], [[], 0]);
    assert.ok(!isListed(first, entry.key));
  });

  it('hears the answer of the management device though the new device has gone, and waits for no server that is silent', async () => {
    serveManagement({ registry: pair.b.router, signer: first });
    const clock = new FakeClock();
    const entry = { key: keyNameOf(await testKey('never listed')), jid: withResource(first.bare, 'new-aaaa'), roles: [] };
    const waits: AbortSignal[] = [];
    const silent = of(second, clock, (signal) => (waits.push(signal), new Promise(() => undefined)));
    const gone = new AbortController();
    await silent.add(entry, { signal: gone.signal, listing: () => gone.abort(new XpmnError('connection-lost', 'It has gone.')) });
    assert.ok(isListed(second, entry.key));
    const again = silent.add(entry, { signal: never, listing: () => undefined });
    await waitUntil('it is published', () => waits.length === 1);
    await clock.advance(settings.pairing.publishTime);
    await again;
    assert.equal(waits[0]?.aborted, true);
  });
});
