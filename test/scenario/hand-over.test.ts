import assert from 'node:assert/strict';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
/** Soon after it was told, a gateway is started anew. */
const SOON = 200;

/** Two gateways on one account; the first has the user key. Where the daemon would start one anew, the test does. */
describe('the management, handed over from one gateway to the other', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let first: Network;
  let second: Network;
  const running = new Map<Network, MediaGateway>();
  let stale: Set<Network>;

  async function start(network: Network): Promise<MediaGateway> {
    await running.get(network)?.stop();
    const gateway = testGateway(network, account, { server, onMoved: () => void stale.add(network), change: (settings) => ({ ...settings, stopTimeout: SOON }) });
    running.set(network, gateway);
    await gateway.start({ signal: never });
    return gateway;
  }
  const seeEachOther = (): Promise<unknown> => waitUntil('they see each other', () => [...running.values()].every((gateway) => gateway.devices().filter(({ isAvailable }) => isAvailable).length === running.size));
  const managers = ({ lists, id }: Network): string[] => (devicesList(lists.snapshot, id)?.devices ?? []).filter(({ roles }) => roles.includes('management')).map(({ jid }) => jid);

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    first = await firstNetwork(account);
    second = await nextNetwork(first, 'second');
    stale = new Set();
    for (const network of [first, second]) await start(network);
    await seeEachOther();
  });
  afterEach(async () => {
    await Promise.all([...running.values()].map((gateway) => gateway.stop()));
    running.clear();
  });

  it('is done when that resolves, and both are started anew', async () => {
    await running.get(first)?.handOver(second.gateway.jid);
    assert.deepEqual([first.isManagement, second.canSign, managers(first), managers(second)], [false, true, [second.gateway.jid], [second.gateway.jid]]);
    await waitUntil('both are to be started anew', () => stale.size === 2);
    for (const network of [first, second]) await start(network);
    await seeEachOther();
    // Who asks the new one to sign is the one that could do so itself before.
    const tablet = await second.createDevice('Tablet');
    await waitUntil('the first has heard of it', () => running.get(first)?.devices().some(({ jid }) => jid === tablet.jid));
    await running.get(first)?.remove(tablet.jid);
    assert.deepEqual(second.lists.judge(tablet.certificate.der, tablet.jid).verdict, 'stranger');
  });

  it('signs for others from the first moment on, before it is started anew', async () => {
    await running.get(first)?.handOver(second.gateway.jid);
    const tablet = await second.createDevice('Tablet');
    await waitUntil('the first has heard of it', () => running.get(first)?.devices().some(({ jid }) => jid === tablet.jid));
    await running.get(first)?.remove(tablet.jid);
    await running.get(second)?.remove(first.gateway.jid);
    await waitUntil('the first knows that it is out', () => !first.isMember);
  });

  it('stays where it is while the other is away', async () => {
    await running.get(second)?.stop();
    await waitUntil('it is gone', () => running.get(first)?.devices().find(({ jid }) => jid === second.gateway.jid)?.isAvailable === false);
    await assert.rejects(async () => running.get(first)?.handOver(second.gateway.jid), { code: 'peer-unavailable', message: /The key is still here/ });
    assert.deepEqual([first.canSign, managers(first), stale.size], [true, [first.gateway.jid], 0]);
  });

  it('that was broken off before the key was deleted is left so by a restart, and ended by the same command', async () => {
    await second.transfer.take(first.transfer.parts());
    await first.transfer.moveRole(second.gateway.key);
    for (const network of [first, second]) await start(network);
    await seeEachOther();
    await waitUntil('both go by that list', () => managers(second)[0] === second.gateway.jid);
    assert.deepEqual([first.canSign, managers(first), await first.refresh()], [true, [second.gateway.jid], []]);
    await assert.rejects(async () => running.get(second)?.handOver(second.gateway.jid), { code: 'not-allowed', message: 'That is this machine.' });
    await assert.rejects(async () => running.get(second)?.handOver(parseJid(`${account.jid}/nobody`)), { code: 'not-found' });
    await running.get(first)?.handOver(second.gateway.jid);
    assert.deepEqual([first.isManagement, second.canSign, managers(first)], [false, true, [second.gateway.jid]]);
  });
});
