import assert from 'node:assert/strict';
import { trustOptions } from '../../../src/app/gateway-settings.ts';
import { CertificatePublisher } from '../../../src/xpmn/gateway/certificate-publisher.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { formatKeyInfo, isSignedBy, keyInfoId, parseKeyInfo } from '../../../src/xpmn/trust/keyinfo.ts';
import { generateKey } from '../../../src/xpmn/trust/keys.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems, publishItem } from '../../../src/xpmn/xmpp/pep.ts';
import { FakeXmppServer } from '../../fakes/fake-xmpp-server.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { firstNetwork, nextNetwork } from '../../support/gateways.ts';
import type { TestAccount } from '../../support/gateways.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const options = { ...settings.account, trust: settings.trust };

/** Two gateways whose lists nobody brings to the other. */
describe('gateways that publish certificates', function () {
  this.timeout(30_000);
  let clock: FakeClock;
  let server: FakeXmppServer;
  let home: Network;
  let away: Network;
  let publishers: CertificatePublisher[];
  let connections: XmppConnection[];
  let tasks: TaskGroup;

  before(async () => {
    home = await firstNetwork(account);
    away = await nextNetwork(home, 'away');
  });
  beforeEach(() => set());
  afterEach(async () => {
    await tasks.close();
    for (const connection of connections) await connection.stop({ signal });
  });

  function set(keeps?: number): void {
    [clock, publishers, connections] = [new FakeClock(), [], []];
    server = new FakeXmppServer(keeps === undefined ? {} : { keeps });
    server.addAccount(parseJid(account.jid), account.password);
    tasks = new TaskGroup((error) => assert.fail(String(error)));
  }

  async function start(network: Network): Promise<CertificatePublisher> {
    const random = new FakeRandom();
    const { jid } = network.gateway;
    const connection = server.connection(jid, account.password, { clock, random, router: new IqRouter({ log: silentLogger }, settings.iq) });
    const publisher = new CertificatePublisher({ channel: connection.channel, network, clock, log: silentLogger, tasks }, options);
    connection.on('stanza', (stanza) => void publisher.received(stanza));
    await connection.start({ signal });
    await connection.channel.send(xml('presence', 'jabber:client'));
    Object.assign(server.account(parseJid(account.jid)).sessions.get(jid) ?? {}, { interests: new Set([NS.pubkey]) });
    connections.push(connection);
    publishers.push(publisher);
    publisher.sync();
    await clock.advance(10 * options.certificateInterval);
    return publisher;
  }

  /** What they change on the account in the time of `rounds` readings. */
  async function changes(rounds: number): Promise<number> {
    const before = server.handled.length;
    await clock.advance(rounds * options.certificateInterval);
    return server.handled.slice(before).filter((stanza) => /<(publish|retract) /.test(stanza)).length;
  }

  const idOf = (network: Network): string => keyInfoId({ certificate: network.gateway.certificate.der });
  const there = (): string[] => server.account(parseJid(account.jid)).pep.itemsOf(NS.pubkey);
  const channel = (): XmppConnection['channel'] => (connections[0] as XmppConnection).channel;

  it('come to rest when all is there and signed', async () => {
    await start(home);
    await start(away);
    assert.equal(there().length, 3);
    const infos = (await fetchItems(channel(), undefined, NS.pubkey, { signal })).map(({ payload }) => parseKeyInfo(payload ?? assert.fail(), options.trust));
    assert.equal(infos.filter((info) => isSignedBy(info, home.userCertificate.der)).length, 2);
    assert.equal(await changes(10), 0);
  });

  it('come to rest where one has removed the other, which has not heard of it', async () => {
    const removing = await firstNetwork(account);
    const unaware = await nextNetwork(removing, 'unaware');
    await start(removing);
    const publisher = await start(unaware);
    await removing.removeDevice(unaware.gateway.key);
    publishers[0]?.sync();
    assert.ok(await changes(10) > 0);
    assert.equal(await changes(10), 0);
    assert.ok(!there().includes(idOf(unaware)), 'it does not put there again what was taken away');
    publisher.sync();
    assert.ok(await changes(10) <= 2, 'but for news, once');
    assert.equal(await changes(10), 0);
  });

  it('leave alone what another one with the user key has signed, whose list they have not heard of', async () => {
    const restored = await Network.restore({ clock, random: new FakeRandom(), storage: new MemoryStorage(), generateKey }, trustOptions(settings), { ...home.exportBackup(), name: 'restored' });
    for (const network of [restored, home, await nextNetwork(home, 'third')]) await start(network);
    assert.equal(await changes(10), 0);
    assert.equal(there().length, 4);
  });

  it('come to rest where the server has no room for all', async () => {
    await tasks.close();
    set(1);
    await start(home);
    await start(away);
    assert.equal(await changes(10), 0);
  });

  it('take their time, whoever changes what and how often', async () => {
    await start(home);
    const readings = (): number => server.handled.filter((stanza) => stanza.includes('<items node=\'urn:xmpp:pubkey:0\'')).length;
    const before = readings();
    const unsigned = { id: idOf(away), payload: formatKeyInfo({ certificate: away.gateway.certificate.der, signatures: [] }) };
    for (let i = 0; i < 50; i += 1) {
      await publishItem(channel(), NS.pubkey, unsigned, { signal });
      await clock.advance(options.certificateInterval / 10);
    }
    assert.ok(readings() > before);
    // One more is the one that looks whether all was kept.
    assert.ok(readings() - before <= 5 + 1 + 1);
  });
});
