import assert from 'node:assert/strict';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import { elements, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { isSignedBy, keyInfoId, parseKeyInfo } from '../../src/xpmn/trust/keyinfo.ts';
import type { KeyInfo } from '../../src/xpmn/trust/keyinfo.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems } from '../../src/xpmn/xmpp/pep.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** What a program that knows XEP-0189 and nothing of ours can find out. */
describe('certificates for foreign readers', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let network: Network;
  const running: { stop(): Promise<void> }[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    for (const jid of [account.jid, 'mallory@home.test']) server.addAccount(parseJid(jid), account.password);
    network = await firstNetwork(account);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
  });

  async function start(of: Network, sources: readonly MemoryDevices[] = []): Promise<MediaGateway> {
    const gateway = testGateway(of, account, { server, sources });
    running.push(gateway);
    await gateway.start({ signal });
    return gateway;
  }

  async function reader(jid: string): Promise<XmppConnection> {
    const router = new IqRouter({ log: silentLogger }, settings.iq);
    const connection = server.connection(parseJid(jid), account.password, { clock: systemClock, random: systemRandom, router });
    running.push(connection);
    await connection.start({ signal });
    return connection;
  }

  const read = (payload: XmlElement | undefined): KeyInfo => parseKeyInfo(payload as XmlElement, settings.trust);
  async function published({ channel }: XmppConnection): Promise<Map<string, KeyInfo>> {
    const items = await fetchItems(channel, undefined, NS.pubkey, { signal });
    return new Map(items.map(({ id, payload }) => [id, read(payload)]));
  }
  const idOf = (of: Network): string => keyInfoId({ certificate: of.gateway.certificate.der });
  async function ask({ channel }: XmppConnection, to: Jid, payload = xml('pubkeys', NS.pubkey)): Promise<KeyInfo[]> {
    const [pubkeys] = elements(await channel.request({ type: 'get', to, payload }, { signal }));
    return elements(pubkeys as XmlElement).map(read);
  }

  it('lie on the account: the user\'s, and those of own devices, which it has signed; and leave it with the device', async () => {
    const other = await nextNetwork(network, 'other');
    const looking = await reader('romeo@home.test/reader');
    await start(other);
    await waitUntil('the other has put its own there', async () => (await published(looking)).has(idOf(other)));
    assert.ok(!isSignedBy((await published(looking)).get(idOf(other)) as KeyInfo, network.userCertificate.der));
    await start(network);
    const isSigned = async (of: Network): Promise<boolean> => {
      const info = (await published(looking)).get(idOf(of));
      return info !== undefined && isSignedBy(info, network.userCertificate.der);
    };
    for (const of of [network, other]) await waitUntil('it is signed', () => isSigned(of));
    const user = (await published(looking)).get(keyInfoId({ certificate: network.userCertificate.der }));
    assert.equal(user?.jid, account.jid);
    assert.equal((await published(looking)).size, 3);
    await network.removeDevice(other.gateway.key);
    await waitUntil('it is gone', async () => !(await published(looking)).has(idOf(other)));
  });

  it('are told to who asks, by every device; the one that was signed elsewhere shows the signature', async () => {
    const other = await nextNetwork(network, 'other');
    const devices = new MemoryDevices();
    const gateway = await start(other, [devices]);
    await start(network);
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library: new MemoryLibrary() });
    const asking = await reader('romeo@home.test/reader');
    const user = network.userCertificate.der;
    await waitUntil('the gateway has heard that it was signed', async () => isSignedBy((await ask(asking, gateway.jid))[0] as KeyInfo, user));
    assert.deepEqual((await ask(asking, gateway.jid)).map(({ certificate, jid }) => [certificate, jid]), [[other.gateway.certificate.der, undefined], [user, account.jid]]);
    await waitUntil('the NAS is there', () => [...other.hostedDevices.values()].some(({ jid }) => server.account(parseJid(account.jid)).sessions.has(jid)));
    const [nas] = [...other.hostedDevices.values()];
    assert.deepEqual((await ask(asking, nas?.jid as Jid))[0], { certificate: nas?.certificate.der, jid: undefined, signatures: [] });
  });

  it('are told one by one, of the own account only, and to no stranger', async () => {
    const { jid } = await start(network);
    const asking = await reader('romeo@home.test/reader');
    await waitUntil('it is there', () => server.account(parseJid(account.jid)).sessions.has(jid));
    const only = (id: string, attrs = {}): XmlElement => xml('pubkeys', NS.pubkey, attrs, xml('fingerprint', NS.pubkey, { algo: 'sha1' }, id));
    assert.deepEqual((await ask(asking, jid, only(idOf(network), { jid: account.jid }))).map(keyInfoId), [idOf(network)]);
    const isCode = (...codes: string[]) => (error: unknown): boolean => error instanceof XpmnError && codes.includes(error.code);
    await assert.rejects(ask(asking, jid, only('0'.repeat(40))), isCode('not-found'));
    await assert.rejects(ask(asking, jid, xml('pubkeys', NS.pubkey, { jid: 'juliet@else.test' })), isCode('not-found'));
    const mallory = await reader('mallory@home.test/x');
    await assert.rejects(ask(mallory, jid), isCode('peer-unavailable'));
  });
});
