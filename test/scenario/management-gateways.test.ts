import assert from 'node:assert/strict';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import type { GatewaySettings } from '../../src/xpmn/gateway/gateway-settings.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import type { NotifyVariant } from '../../src/xpmn/profiles/management-notifier.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { queryInfo } from '../../src/xpmn/xmpp/disco.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { settings as config } from '../support/settings.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** On a server that has no lists: who has no stream open hears of changes only from the management device. */
describe('gateways and their management device', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let owner: Network;
  let home: Network;
  const running: { stop(): Promise<void> }[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    const { pep } = server.addAccount(parseJid(account.jid), account.password);
    pep.handle = () => {
      throw new XpmnError('not-found', 'There are no lists here.');
    };
    owner = await firstNetwork(account, 'management');
    home = await nextNetwork(owner, 'home');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
  });

  async function start(network: Network): Promise<MediaGateway> {
    const management = { ...config.management, notify: config.management.notify as NotifyVariant, pubsub: config.pubsub, trust: trustOptions(config), patience: 50, fetchInterval: 100, hintInterval: 100 };
    const change = (settings: GatewaySettings): GatewaySettings => ({ ...settings, account: { ...settings.account, management } });
    const gateway = testGateway(network, account, { server, change });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  const isThere = (gateway: MediaGateway, other: MediaGateway): boolean => gateway.devices().some(({ jid, isAvailable }) => jid === other.jid && isAvailable);
  const knows = (network: Network, other: Network): boolean => devicesList(network.lists.snapshot, network.id)?.devices.some(({ key }) => key === other.gateway.key) ?? false;
  const hints = (): readonly string[] => server.handled.filter((stanza) => stanza.includes('<changed '));

  it('hear of a new device by a hint that names keys and nobody, and read it on a stream of their own', async () => {
    const [manager, other] = [await start(owner), await start(home)];
    await waitUntil('they see one another', () => isThere(manager, other) && isThere(other, manager));
    const away = await nextNetwork(owner, 'away');
    await waitUntil('the other knows it', () => knows(home, away));
    assert.ok(hints().length > 0 && hints().every((stanza) => stanza.includes(`to='${other.jid}'`) && !stanza.includes('signed') && !stanza.includes(away.gateway.jid)));
    const streams = server.handled.filter((stanza) => stanza.includes('session-initiate') && stanza.includes('jingle:apps:xmlstream:0') && stanza.includes(`to='${manager.jid}'`));
    assert.ok(streams.length > 0, 'it went there');
  });

  it('hear it over the stream that they have', async () => {
    const [manager, other] = [await start(owner), await start(home)];
    await waitUntil('they see one another', () => isThere(manager, other) && isThere(other, manager));
    const first = await nextNetwork(owner, 'first');
    await waitUntil('there is a stream now', () => knows(home, first) && manager.devices().some(({ jid, path }) => jid === other.jid && path !== undefined));
    const said = hints().length;
    const second = await nextNetwork(owner, 'second');
    await waitUntil('the other knows it', () => knows(home, second));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(hints().length, said);
  });

  it('find it by what it announces, which only it does', async () => {
    const [manager, other] = [await start(owner), await start(home)];
    const router = new IqRouter({ log: silentLogger }, config.iq);
    const connection = server.connection(parseJid('romeo@home.test/reader'), account.password, { clock: systemClock, random: systemRandom, router });
    running.push(connection);
    await connection.start({ signal: never });
    const infoOf = (gateway: MediaGateway): ReturnType<typeof queryInfo> => waitUntil('it answers', () => queryInfo(connection.channel, gateway.jid, { signal: never }));
    const of = { manager: await infoOf(manager), other: await infoOf(other) };
    assert.ok(of.manager.features.includes(NS.management) && !of.other.features.includes(NS.management));
    assert.deepEqual(of.manager.identities.map(({ category, type }) => `${category}/${type}`), ['automation/xpmn', 'pubsub/pep']);
    assert.deepEqual(of.other.identities.map(({ category, type }) => `${category}/${type}`), ['automation/xpmn']);
    assert.equal(of.manager.identities[0]?.name, 'management');
  });
});
