import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { MediaPage } from '../../src/xpmn/model/media.ts';
import { serialise } from '../../src/xpmn/model/xml.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** A server that keeps the lists to itself: devices learn of each other only from each other. */
describe('devices that a server keeps from knowing each other', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let owner: Network;
  let home: Network;
  let nas: Jid;
  const running: MediaGateway[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    const { pep } = server.addAccount(parseJid(account.jid), account.password);
    pep.handle = () => {
      throw new XpmnError('not-found', 'There are no lists here.');
    };
    owner = await firstNetwork(account, 'management');
    home = await nextNetwork(owner, 'home');
    const devices = new MemoryDevices();
    await start(home, [devices]);
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', randomBytes(1000));
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    await waitUntil('the NAS is listed', () => home.hostedDevices.size === 1);
    nas = [...home.hostedDevices.values()][0]?.jid as Jid;
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  async function start(network: Network, sources: readonly MemoryDevices[] = []): Promise<MediaGateway> {
    const gateway = testGateway(network, account, { server, sources });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  async function browse(gateway: MediaGateway): Promise<MediaPage> {
    for (;;) {
      try {
        return await gateway.browse(nas, { container: 'root', offset: 0, limit: 10 }, never);
      } catch (error) {
        // Presence is still under way.
        if (!(error instanceof XpmnError && error.code === 'peer-unavailable')) throw error;
        await waitUntil('the NAS is there', () => server.account(parseJid(account.jid)).sessions.get(nas)?.presence !== undefined);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  const initiations = (): number => server.handled.filter((stanza) => stanza.includes('session-initiate') && stanza.includes('jingle:apps:xmlstream:0')).length;
  const knows = (network: Network, other: Network): boolean =>
    network.lists.snapshot.lists.some(({ type, devices }) => type === 'devices' && devices.some(({ key }) => key === other.gateway.key));

  it('accept a new one that knows none of them, by what both show', async () => {
    const away = await nextNetwork(owner, 'away');
    assert.ok(!knows(home, away));
    const gateway = await start(away);
    assert.equal((await browse(gateway)).children[0]?.title, 'The Duel');
    assert.ok(knows(home, away), 'and know it from now on');
    assert.equal(initiations(), 1);
  });

  for (const [what, keeps] of [['', false], [', though the server keeps the reason to itself', true]] as const) it(`turn away a new one that knows them, hear who it is, and answer what it asked${what}`, async () => {
    server.onStanza = (stanza) => keeps && serialise(stanza).includes('session-terminate');
    const away = await nextNetwork(owner, 'away');
    await away.lists.offerAll(home.lists.snapshot.lists.map(({ element }) => element));
    const gateway = await start(away);
    assert.equal((await browse(gateway)).children[0]?.title, 'The Duel');
    assert.ok(knows(home, away));
    assert.equal(initiations(), 2);
  });

  it('are not shown anything when they know each other already', async () => {
    const away = await nextNetwork(owner, 'away');
    for (const [from, to] of [[away, home], [home, away]] as const) await to.lists.offerAll(from.lists.snapshot.lists.map(({ element }) => element));
    const gateway = await start(away);
    assert.equal((await browse(gateway)).children[0]?.title, 'The Duel');
    assert.equal(initiations(), 1);
  });

  it('turn away a removed one, whatever it shows, twice and no more, and tell it why', async () => {
    const away = await nextNetwork(owner, 'away');
    await away.lists.offerAll(home.lists.snapshot.lists.map(({ element }) => element));
    const removal = await owner.removeDevice(away.gateway.key);
    await home.lists.offer(removal.element);
    const gateway = await start(away);
    await assert.rejects(browse(gateway), (error) => error instanceof XpmnError && ['security-failed', 'not-trusted'].includes(error.code));
    assert.equal(initiations(), 2);
    await waitUntil('it knows, though the server has not told it', () => !away.isMember);
  });
});
