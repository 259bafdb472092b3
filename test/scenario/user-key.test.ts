import assert from 'node:assert/strict';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import { serialise, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { isSignedBy, parseKeyInfo } from '../../src/xpmn/trust/keyinfo.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { readList } from '../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../src/xpmn/trust/signed-list.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems } from '../../src/xpmn/xmpp/pep.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
const PASSWORD = 'correct horse';

/** The first gateway has the user key, and has been started anew since it got a password: longer ago than lists last unchanged. */
describe('a network whose user key is locked', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let clock: FakeClock;
  let network: Network;
  let other: Network;
  let first: MediaGateway;
  let second: MediaGateway;

  before(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    clock = new FakeClock(Date.now() - settings.trust.reissueAfter);
    network = await firstNetwork(account, 'home', { clock });
    other = await nextNetwork(network, 'second');
    await network.keyPassword.lock(PASSWORD);
    await clock.advance(settings.trust.reissueAfter);
    [first, second] = [testGateway(network, account, { server }), testGateway(other, account, { server })];
    for (const gateway of [first, second]) await gateway.start({ signal });
    await waitUntil('they see each other', () => [first, second].every((gateway) => gateway.devices().filter(({ isAvailable }) => isAvailable).length === 2));
  });
  after(() => Promise.all([first, second].map((gateway) => gateway?.stop())));

  async function onAccount(node: string): Promise<Awaited<ReturnType<typeof fetchItems>>> {
    const connection = server.connection(parseJid(`${account.jid}/reader`), account.password, { clock: systemClock, random: systemRandom, router: new IqRouter({ log: silentLogger }, settings.iq) });
    await connection.start({ signal });
    try {
      return await fetchItems(connection.channel, undefined, node, { signal });
    } finally {
      await connection.stop();
    }
  }
  /** What the server has, without a moment's delay. */
  const onServer = (): string => {
    const jid = parseJid(account.jid);
    return serialise(server.account(jid).pep.handle(jid, 'get', xml('pubsub', NS_PUBSUB, {}, xml('items', NS_PUBSUB, { node: NS.trust }))) as XmlElement);
  };
  const published = async (): Promise<VerifiedList | undefined> => {
    const item = (await onAccount(NS.trust)).find(({ id }) => id === 'devices');
    return item?.payload && readList(item.payload, trustOptions(settings));
  };
  const signed = async (): Promise<number> =>
    (await onAccount(NS.pubkey)).filter(({ payload }) => payload && isSignedBy(parseKeyInfo(payload, settings.trust), network.userCertificate.der)).length;
  const newest = ({ lists, id }: Network): VerifiedList | undefined => devicesList(lists.snapshot, id);

  it('lets its lists wait, and says the same to whoever asks for a change, here and elsewhere', async () => {
    await waitUntil('it is published as it is', async () => (await published()) !== undefined);
    assert.deepEqual(network.waitingLists.map(({ type }) => type), ['devices']);
    const locked = { code: 'not-authorized', message: 'The user key is locked: it has to be unlocked first, on the machine that manages the media network.' };
    await assert.rejects(first.remove(second.jid), locked);
    await assert.rejects(second.remove(second.jid), locked);
    assert.ok(other.isMember);
  });

  it('has them issued and published as soon as it is unlocked, and its certificates signed', async () => {
    const before = newest(network) as VerifiedList;
    assert.equal(await signed(), 0);
    await network.keyPassword.unlock(PASSWORD);
    const types = (await first.issueDue()).map(({ type }) => type);
    const isThere = onServer().includes(serialise((newest(network) as VerifiedList).element));
    assert.deepEqual(types, ['devices']);
    assert.ok(isThere, 'it is on the account when that resolves');
    const issued = newest(network) as VerifiedList;
    assert.ok(issued.seq > before.seq);
    assert.equal((await published())?.hash, issued.hash);
    await waitUntil('the other has it', () => newest(other)?.hash === issued.hash);
    await waitUntil('the certificates are signed', async () => (await signed()) === 2);
  });
});
