import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { PeerIdentity, Verdict } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { MANAGEMENT_RIGHTS, addManagementNodes, listChange } from '../../../src/xpmn/profiles/management-nodes.ts';
import { PubsubService } from '../../../src/xpmn/pubsub/service.ts';
import type { PubsubAction } from '../../../src/xpmn/pubsub/service.ts';
import { elementBytes } from '../../../src/xpmn/pubsub/wire.ts';
import { CertificateShelf } from '../../../src/xpmn/trust/certificate-shelf.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { headOf, headsElement } from '../../../src/xpmn/trust/heads.ts';
import { formatKeyInfo, keyInfoId, signCertificate } from '../../../src/xpmn/trust/keyinfo.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';
import { NOW, device, list, options, somebody } from '../trust/world.ts';
import type { Draft, Somebody } from '../trust/world.ts';

const [deskJid, nasJid] = ['romeo@home.test/desk', 'romeo@home.test/nas'];
const VERDICTS: readonly Verdict[] = ['own', 'own-hosted', 'friend', 'pairing'];
const NODES = [NS.trust, NS.trustFriends, NS.pubkey];

/** Who may, of own, own-hosted, friend, pairing, and somebody who has proven nothing. */
const ALLOWED: readonly [node: string, action: PubsubAction, who: string][] = [
  [NS.trust, 'list', 'yes yes yes no no'], [NS.trust, 'read', 'yes yes yes no no'], [NS.trust, 'publish', 'yes no no no no'], [NS.trust, 'retract', 'no no no no no'], [NS.trust, 'subscribe', 'yes no yes no no'],
  [NS.trustFriends, 'list', 'yes no no no no'], [NS.trustFriends, 'read', 'yes no no no no'], [NS.trustFriends, 'publish', 'yes no no no no'], [NS.trustFriends, 'retract', 'no no no no no'], [NS.trustFriends, 'subscribe', 'yes no no no no'],
  [NS.pubkey, 'list', 'yes yes no no no'], [NS.pubkey, 'read', 'yes yes yes no no'], [NS.pubkey, 'publish', 'yes no no no no'], [NS.pubkey, 'retract', 'no no no no no'], [NS.pubkey, 'subscribe', 'yes no no no no'],
];

describe('the nodes of the management device', () => {
  let user: Somebody;
  let friend: Somebody;
  let desk: Somebody;
  let nas: Somebody;
  let gone: Somebody;
  let lists: ListStore;
  let certificates: CertificateShelf;
  let service: PubsubService<XmlElement>;
  let clock: FakeClock;

  before(async function () {
    this.timeout(60_000);
    [user, friend, desk, nas, gone] = await Promise.all(['nodes user', 'nodes friend', 'nodes desk', 'nodes nas', 'nodes gone'].map(somebody)) as [Somebody, Somebody, Somebody, Somebody, Somebody];
  });
  beforeEach(async () => {
    clock = new FakeClock(NOW);
    lists = await ListStore.open({ storage: new MemoryStorage(), clock }, options, user.name);
    const view = () => ({ lists: lists.snapshot, account: parseJid('romeo@home.test'), own: cert(desk, deskJid), user: user.leaf, sign: (der: Buffer) => signCertificate(der, user.key, user.leaf) });
    certificates = new CertificateShelf(view, { ...options, certificates: 10 });
    make(true);
    for (const one of [devices(), list('friends', user, { friends: [{ who: friend, jid: 'juliet@else.test' }] }), hosted(), list('devices', friend, { devices: [] })]) await lists.offer(one.element);
  });
  function make(tellsOwnDevices: boolean): void {
    service = new PubsubService({ sizeOf: elementBytes }, settings.pubsub);
    addManagementNodes({ service, lists, certificates }, { trust: options, tellsOwnDevices });
  }

  const cert = (who: Somebody, jid: string): Buffer =>
    issueCertificate({ clock: new FakeClock(NOW), random: new FakeRandom() }, options, who.key, { commonName: 'A device', jid: parseJid(jid) }).der;
  const devices = (draft: Draft = {}, signer = user): VerifiedList =>
    list('devices', signer, { devices: [device(desk, deskJid, { roles: 'host management' }), device(nas, nasJid, { roles: 'host' })], ...draft });
  const hosted = (draft: Draft = {}): VerifiedList => list('hosted', user, draft, nas);
  const peer = (verdict: Verdict): PeerIdentity =>
    ({ verdict, key: nas.name, jid: parseJid(nasJid), network: verdict === 'friend' ? friend.name : user.name, roles: [] });
  const ids = (node: string, verdict: Verdict, of: readonly string[] = []): string => service.items(node, peer(verdict), { ids: of }).map(({ id }) => id).join();
  const publish = (node: string, payload: XmlElement, id = 'x'): Promise<unknown> => service.publish(node, peer('own'), { id, payload }, () => []);
  const held = (): string => lists.snapshot.lists.filter(({ network }) => network === user.name).map(({ type, seq }) => `${type} ${seq - NOW / 1000}`).join();
  const isCode = (code: string) => (error: unknown): boolean => error instanceof XpmnError && error.code === code;

  it('have rights for every role and action, and no more', () => {
    assert.deepEqual([...MANAGEMENT_RIGHTS.keys()].sort(), [...NODES].sort());
    assert.equal(ALLOWED.length, NODES.length * 5);
  });
  for (const [node, action, who] of ALLOWED) {
    for (const [i, allowed] of who.split(' ').entries()) {
      const verdict = VERDICTS[i];
      it(`${node} ${action}: ${verdict ?? 'nobody'} ${allowed === 'yes' ? 'may' : 'may not'}`, async () => {
        const visitor = verdict && peer(verdict);
        const act = async (): Promise<unknown> => {
          switch (action) {
            case 'list': return service.items(node, visitor);
            case 'read': return service.items(node, visitor, { ids: ['devices'] });
            case 'publish': return service.publish(node, visitor, { payload: xml('nonsense', 'urn:x') }, () => []);
            case 'retract': return service.retract(node, visitor, 'devices', () => []);
            case 'subscribe': return service.subscribe(node, visitor);
          }
        };
        const refusal = verdict ? 'not-allowed' : 'security-required';
        if (allowed === 'no') await assert.rejects(act, isCode(refusal));
        else await act().catch((error: unknown) => assert.ok(!isCode(refusal)(error)));
      });
    }
  }

  it('show what the store has, of the own network, each list after what gives its signer the right', () => {
    assert.equal(ids(NS.trust, 'friend'), `devices,hosted-${nas.name}`);
    assert.equal(ids(NS.trustFriends, 'own'), 'friends');
    assert.equal(ids(NS.trust, 'own', ['devices', 'friends']), 'devices');
    assert.deepEqual(service.items(NS.trust, peer('own'), { ids: ['devices'] })[0]?.payload, devices().element);
  });

  it('show no list of a host that is none any more', async () => {
    await lists.offer(devices({ issued: NOW + 1000, devices: [device(desk, deskJid, { roles: 'host management' })] }).element);
    assert.equal(ids(NS.trust, 'own'), 'devices');
  });

  it('show nobody what the exchange of heads would not give him', () => {
    for (const verdict of VERDICTS) {
      for (const node of [NS.trust, NS.trustFriends]) {
        let shown: readonly { payload: XmlElement }[] = [];
        try {
          shown = service.items(node, peer(verdict));
        } catch (error) {
          assert.ok(isCode('not-allowed')(error));
        }
        for (const { payload } of shown) assert.ok(lists.mayRead(lists.snapshot.lists.find(({ element }) => element === payload) as VerifiedList, peer(verdict)), `${node} ${verdict}`);
      }
    }
  });

  it('offer what is published to the store, under the id that it has, whatever it is called', async () => {
    const next = hosted({ issued: NOW + 1000 });
    assert.deepEqual(await publish(NS.trust, next.element, 'devices'), { id: `hosted-${nas.name}`, notification: undefined });
    assert.equal(held(), 'devices 0,friends 0,hosted 1');
    assert.deepEqual(await publish(NS.trust, next.element), { id: `hosted-${nas.name}`, notification: undefined }, 'again is no failure');
    assert.equal(ids(NS.trust, 'own', ['devices']), 'devices');
    assert.deepEqual(service.items(NS.trust, peer('own'), { ids: ['devices'] })[0]?.payload, devices().element);
  });

  it('take no older list', async () => {
    await lists.offer(devices({ issued: NOW + 5000 }).element);
    await assert.rejects(publish(NS.trust, devices({ issued: NOW + 2000 }).element), isCode('conflict'));
    assert.equal(held(), 'friends 0,hosted 0,devices 5');
  });

  it('take no list that is signed by who may not, that is none, or that belongs elsewhere', async () => {
    const before = held();
    const forged = { ...devices({ issued: NOW + 9000 }).element, children: [...devices({ issued: NOW + 9000 }).element.children.slice(0, 2), ...devices().element.children.slice(2)] };
    const wrong: readonly [node: string, payload: XmlElement, code: string][] = [
      [NS.trust, forged, 'not-trusted'],
      [NS.trust, list('hosted', user, { issued: NOW + 1000 }, friend).element, 'not-trusted'],
      [NS.trust, xml('signed', NS.trust), 'bad-request'],
      [NS.trust, xml('other', 'urn:x'), 'bad-request'],
      [NS.trust, list('friends', user, { issued: NOW + 1000 }).element, 'not-acceptable'],
      [NS.trustFriends, devices({ issued: NOW + 1000 }).element, 'not-acceptable'],
      [NS.trust, list('devices', friend, { issued: NOW + 1000 }).element, 'not-acceptable'],
    ];
    for (const [node, payload, code] of wrong) await assert.rejects(publish(node, payload), isCode(code), code);
    assert.equal(held(), before);
  });

  it('show certificates of own devices; a friend those whose fingerprints it has', async () => {
    const der = cert(nas, nasJid);
    const id = keyInfoId({ certificate: der });
    assert.deepEqual(await publish(NS.pubkey, formatKeyInfo({ certificate: der, signatures: [] }), 'misnamed'), { id, notification: undefined });
    assert.equal(ids(NS.pubkey, 'friend', [id]), id);
    assert.equal(ids(NS.pubkey, 'friend', ['misnamed']), '');
    assert.throws(() => ids(NS.pubkey, 'friend'), isCode('not-allowed'));
    assert.equal(ids(NS.pubkey, 'own').split(',').length, 3);
    await assert.rejects(publish(NS.pubkey, formatKeyInfo({ certificate: cert(friend, nasJid), signatures: [] })), isCode('not-acceptable'));
  });

  it('tell of a list by its head, to own devices without being asked, and to friends who have asked', () => {
    const greeting = service.greeting(peer('own'));
    assert.deepEqual(greeting.map(({ node, published }) => [node, published.map(({ id }) => id).join()]), [[NS.trust, `devices,hosted-${nas.name}`], [NS.trustFriends, 'friends']]);
    assert.deepEqual(greeting[0]?.published[0]?.payload, headsElement([headOf(devices())]));
    for (const verdict of ['own-hosted', 'friend', 'pairing'] as const) assert.deepEqual(service.greeting(peer(verdict)), []);
    service.subscribe(NS.trust, peer('friend'));
    assert.deepEqual(service.welcome(NS.trust, peer('friend'))?.published.length, 2);
    make(false);
    assert.deepEqual(service.greeting(peer('own')), []);
  });

  it('change with the store: by the newest of its lists, of the own network', async () => {
    const changed: (string | undefined)[] = [];
    lists.on('changed', (one) => {
      const change = listChange(lists, one);
      changed.push(change && `${change.node} ${change.change.published.map(({ id }) => id).join()}`);
    });
    for (const one of [
      devices({ issued: NOW + 5000 }), devices({ issued: NOW + 2000, removed: [gone] }), list('friends', user, { issued: NOW + 1000, friends: [{ who: friend, jid: 'juliet@else.test' }] }),
      list('devices', friend, { issued: NOW + 1000 }), hosted({ issued: NOW + 1000 }),
    ]) await lists.offer(one.element);
    assert.deepEqual(changed, [`${NS.trust} devices`, undefined, `${NS.trustFriends} friends`, undefined, `${NS.trust} hosted-${nas.name}`]);
  });
});
