import assert from 'node:assert/strict';
import { trustOptions } from '../../../src/app/gateway-settings.ts';
import { ListPublisher } from '../../../src/xpmn/gateway/list-publisher.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../../src/xpmn/ports/xmpp-connection.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems } from '../../../src/xpmn/xmpp/pep.ts';
import { FakeXmppServer } from '../../fakes/fake-xmpp-server.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { firstNetwork, nextNetwork } from '../../support/gateways.ts';
import type { TestAccount } from '../../support/gateways.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const trust = trustOptions(settings);

describe('gateways that publish lists', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let tasks: TaskGroup;
  const connections: XmppConnection[] = [];

  beforeEach(() => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    tasks = new TaskGroup((error) => assert.fail(String(error)));
  });
  afterEach(async () => {
    await tasks.close();
    for (const connection of connections.splice(0)) await connection.stop({ signal });
  });

  async function start(network: Network, listEntries = trust.listEntries): Promise<void> {
    const [clock, random, { jid }] = [new FakeClock(), new FakeRandom(), network.gateway];
    const connection = server.connection(jid, account.password, { clock, random, router: new IqRouter({ log: silentLogger }, settings.iq) });
    connections.push(connection);
    const publisher = new ListPublisher({ channel: connection.channel, network, clock, log: silentLogger, signal }, { ...settings.account, trust: { ...trust, listEntries } });
    connection.on('stanza', (stanza) => tasks.run(() => publisher.received(stanza)));
    network.lists.on('changed', () => tasks.run(() => publisher.sync()));
    await connection.start({ signal });
    await connection.channel.send(xml('presence', 'jabber:client'));
    Object.assign(server.account(parseJid(account.jid)).sessions.get(jid) ?? {}, { interests: new Set([NS.trust, NS.trustFriends]) });
    await publisher.sync();
  }

  const publications = (): number => server.handled.filter((stanza) => stanza.includes('<publish ')).length;

  it('come to rest where one holds for void what the other has put there', async () => {
    const home = await firstNetwork(account);
    const away = await nextNetwork(home, 'away');
    await start(home);
    await start(away, 1);
    await home.createDevice('TV');
    await settle(1000);
    const there = await fetchItems((connections[0] as XmppConnection).channel, undefined, NS.trust, { signal });
    assert.deepEqual(there.map(({ payload }) => payload), home.lists.snapshot.lists.filter(({ type }) => type === 'devices').map(({ element }) => element));
    assert.deepEqual(away.lists.snapshot.lists.length, home.lists.snapshot.lists.length);
    const before = publications();
    await settle(1000);
    assert.equal(publications(), before);
  });
});
