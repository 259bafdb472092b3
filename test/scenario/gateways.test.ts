import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describeStatus } from '../../src/app/gateway-view.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { MediaPage } from '../../src/xpmn/model/media.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { MediaDevice } from '../../src/xpmn/ports/media-device.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount, TestGatewayOptions } from '../support/gateways.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** Several gateways of one owner, on one account of a server in memory. */
describe('gateways of one owner', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let network: Network;
  const running: MediaGateway[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    network = await firstNetwork(account);
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  async function start(of: Network, options: TestGatewayOptions = {}): Promise<MediaGateway> {
    const gateway = testGateway(of, account, { server, ...options });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  function nas(id = 'uuid:nas'): MediaDevice {
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', randomBytes(300_000));
    return { description: { id, name: 'The NAS', kind: 'media-server' }, library };
  }

  const libraries = (gateway: MediaGateway): Jid[] =>
    gateway.devices().filter(({ services, isAvailable }) => isAvailable && services.includes('directory')).map(({ jid }) => jid);

  /** The one library that `away` sees, over a path of its own. */
  async function directly(away: MediaGateway): Promise<{ jid: Jid; browse: () => Promise<MediaPage> }> {
    await waitUntil('it is seen', () => libraries(away).length === 1);
    const [jid] = libraries(away) as [Jid];
    const browse = (): Promise<MediaPage> => away.browse(jid, { container: 'root', offset: 0, limit: 10 }, never);
    await browse();
    await waitUntil('there is a direct path', () => away.devices().find((device) => device.jid === jid)?.path === 'direct');
    // Over the direct path: then it is open at the other end, too.
    await browse();
    return { jid, browse };
  }

  it('shows a device while it is there, and after that its name alone', async () => {
    const devices = new MemoryDevices();
    const home = await start(network, { sources: [devices] });
    const away = await start(await nextNetwork(network, 'away'));
    devices.appear(nas());
    await waitUntil('it is seen', () => libraries(away).length === 1);
    const [jid] = libraries(home);
    assert.deepEqual(libraries(away), [jid]);
    devices.vanish('uuid:nas');
    await waitUntil('it is gone', () => libraries(away).length === 0);
    for (const gateway of [home, away]) assert.deepEqual(gateway.devices().filter((device) => device.jid === jid).map(({ name, services }) => ({ name, services })), [{ name: 'The NAS', services: [] }]);
    devices.appear(nas());
    await waitUntil('it is back under the same name', () => libraries(away)[0] === jid);
  });

  it('still knows what a device is called that is off, when it is started anew', async () => {
    const memory = { storage: new MemoryStorage(), password: account.password };
    const devices = new MemoryDevices();
    const [home, second] = [await start(network, { sources: [devices] }), await nextNetwork(network, 'away')];
    const away = await start(second, { memory });
    devices.appear(nas());
    await waitUntil('it is seen', () => libraries(away).length === 1);
    const [jid] = libraries(away);
    running.length = 0;
    await Promise.all([away.stop(), home.stop()]);
    const named = async (storage: MemoryStorage): Promise<(string | undefined)[]> => {
      const gateway = await start(second, { memory: { ...memory, storage } });
      return gateway.devices().filter((device) => device.jid === jid).map(({ name }) => name);
    };
    assert.deepEqual(await named(memory.storage), ['The NAS']);
    await running.splice(0)[0]?.stop();
    await memory.storage.put('device-names', Buffer.from('{"names": 7'));
    assert.deepEqual(await named(memory.storage), [undefined], 'damaged, it says nothing');
  });

  it('has so many devices on the server as it may; where one goes, another takes its turn', async () => {
    const devices = new MemoryDevices();
    const home = await start(network, { sources: [devices], change: (settings) => ({ ...settings, connections: 2 }) });
    const away = await start(await nextNetwork(network, 'away'));
    const jidOf = (id: string): Jid | undefined => network.hostedDevices.get(id)?.jid;
    const seen = (...ids: string[]): Promise<unknown> => waitUntil(`${ids.join()} are seen`, () => libraries(away).length === ids.length && ids.every((id) => libraries(away).includes(jidOf(id) as Jid)));
    for (const id of ['uuid:1', 'uuid:2', 'uuid:3', 'uuid:4']) devices.appear(nas(id));
    await waitUntil('all are bridged', () => libraries(home).length === 4);
    await seen('uuid:1', 'uuid:2');
    assert.equal(home.unconnected.beyondLimit, 2);
    devices.vanish('uuid:1');
    await seen('uuid:2', 'uuid:3');
    devices.appear(nas('uuid:1'));
    devices.vanish('uuid:3');
    await seen('uuid:2', 'uuid:4');
    assert.equal(home.unconnected.beyondLimit, 1);
  });

  it('bridges a device that two gateways see once, by the one with the lower key, and hands it over', async () => {
    const second = await nextNetwork(network, 'second');
    const [low, high] = network.gateway.key < second.gateway.key ? [network, second] : [second, network];
    const devices = [new MemoryDevices(), new MemoryDevices()] as const;
    const higher = await start(high, { sources: [devices[1]] });
    devices[1].appear(nas());
    await waitUntil('the only one has it', () => libraries(higher).length === 1);
    const lower = await start(low, { sources: [devices[0]] });
    devices[0].appear(nas());
    await waitUntil('the lower key has it, the higher has let go', () => {
      const seen = [libraries(lower), libraries(higher)];
      const hosted = lower.devices().find(({ jid }) => jid === seen[0]?.[0]);
      return seen[0]?.length === 1 && seen[1]?.length === 1 && seen[0][0] === seen[1][0] && hosted?.isHere === true;
    });
    running.splice(running.indexOf(lower), 1);
    await lower.stop();
    await waitUntil('the other takes over', () => higher.devices().some(({ isHere, services }) => isHere && services.includes('directory')));
  });

  it('listens to no stranger, and tells it nothing', async () => {
    server.addAccount(parseJid('mallory@home.test'), 'secret');
    server.befriend(parseJid(account.jid), parseJid('mallory@home.test'));
    const devices = new MemoryDevices();
    await start(network, { sources: [devices] });
    devices.appear(nas());
    const foreign: TestAccount = { ...account, jid: 'mallory@home.test' };
    const strangers = testGateway(await firstNetwork(foreign), foreign, { server });
    running.push(strangers);
    await strangers.start({ signal: never });
    await waitUntil('the NAS is listed', () => network.hostedDevices.size === 1);
    const target = [...network.hostedDevices.values()][0]?.jid as Jid;
    await assert.rejects(
      strangers.browse(target, { container: 'root', offset: 0, limit: 10 }, never),
      (error) => error instanceof XpmnError && ['peer-unavailable', 'not-trusted'].includes(error.code),
    );
  });

  it('sees its own devices however many strangers say that they are there, and asks none of them anything', async () => {
    const devices = new MemoryDevices();
    await start(network, { sources: [devices] });
    const away = await start(await nextNetwork(network, 'away'), { change: (settings) => ({ ...settings, account: { ...settings.account, resources: 8 } }) });
    await waitUntil('it is online', () => away.connection?.state === 'online');
    for (let i = 0; i < 20; i += 1) server.push(away.jid, xml('presence', 'jabber:client', { from: `mallory@evil.test/${i}` }));
    devices.appear(nas());
    await waitUntil('it is seen', () => libraries(away).length === 1);
    assert.ok(!server.handled.some((stanza) => stanza.includes('evil.test')), 'no stranger heard of it');
  });

  it('turns away a device that was removed, though it knows the password', async () => {
    const devices = new MemoryDevices();
    await start(network, { sources: [devices] });
    const lost = await nextNetwork(network, 'lost');
    const thief = await start(lost);
    devices.appear(nas());
    await waitUntil('it is seen', () => libraries(thief).length === 1);
    const [jid] = libraries(thief) as [Jid];
    await thief.browse(jid, { container: 'root', offset: 0, limit: 10 }, never);
    await network.removeDevice(lost.gateway.key);
    await assert.rejects(async () => {
      // The open stream ends; a new one is refused.
      for (;;) await thief.browse(jid, { container: 'root', offset: 0, limit: 10 }, AbortSignal.timeout(20_000));
    }, (error) => error instanceof XpmnError && ['security-failed', 'not-trusted', 'connection-lost', 'peer-unavailable'].includes(error.code));
    await assert.rejects(thief.browse(jid, { container: 'root', offset: 0, limit: 10 }, never));
  });

  it('bridges nothing any more once it was removed: its devices go, its sessions end, and status says so', async () => {
    const lost = await nextNetwork(network, 'lost');
    const devices = new MemoryDevices();
    const thief = await start(lost, { sources: [devices] });
    const home = await start(network);
    devices.appear(nas());
    const { jid } = await directly(home);
    const warnings = (): readonly string[] => describeStatus(thief, lost, { version: '1', clock: systemClock }).warnings;
    assert.deepEqual(warnings(), []);
    const away = new Promise<void>((resolve) => {
      server.onStanza = (stanza) => {
        if (stanza.name === 'presence' && stanza.attrs['type'] === 'unavailable') resolve();
        return false;
      };
    });
    await network.removeDevice(lost.gateway.key);
    await waitUntil('the gateway has heard it, and let go', () => !lost.isMember && !thief.devices().some(({ isHere, jid: own }) => isHere && own === jid));
    await away;
    await waitUntil('nothing is open', () => thief.devices().every(({ path }) => path === undefined) && home.devices().every(({ jid: other, path }) => other === home.jid || path === undefined));
    assert.match(warnings().join(), /removed from the media network: it bridges nothing/);
    devices.vanish('uuid:nas');
    devices.appear(nas());
    devices.appear(nas('uuid:another'));
    await thief.stop();
    assert.equal(lost.hostedDevices.size, 1, 'none was made');
  });

  it('works again after the server was away', async () => {
    const devices = new MemoryDevices();
    await start(network, { sources: [devices] });
    const away = await start(await nextNetwork(network, 'away'));
    devices.appear(nas());
    await waitUntil('it is seen', () => libraries(away).length === 1);
    server.reachable = false;
    for (const { jid } of away.devices()) server.drop(jid);
    await waitUntil('nobody is there', () => libraries(away).length === 0);
    server.reachable = true;
    await waitUntil('everybody is back', () => libraries(away).length === 1, { timeout: 25_000 });
    const page = await away.browse(libraries(away)[0] as Jid, { container: 'root', offset: 0, limit: 10 }, never);
    assert.equal(page.children[0]?.title, 'The Duel');
  });

  it('goes on over a path of its own while the server is away', async () => {
    const devices = new MemoryDevices();
    const home = await start(network, { sources: [devices] });
    const away = await start(await nextNetwork(network, 'away'));
    devices.appear(nas());
    const { browse } = await directly(away);
    server.reachable = false;
    for (const gateway of [home, away]) for (const device of gateway.devices()) server.drop(device.jid);
    await waitUntil('nobody is there', () => libraries(away).length === 0);
    assert.equal((await browse()).children[0]?.title, 'The Duel');
  });

  it('goes on over a path of its own when the server says that the other is gone', async () => {
    const devices = new MemoryDevices();
    await start(network, { sources: [devices] });
    const away = await start(await nextNetwork(network, 'away'));
    devices.appear(nas());
    const { jid, browse } = await directly(away);
    server.push(away.jid, xml('presence', 'jabber:client', { from: jid, type: 'unavailable' }));
    await waitUntil('it is gone, says the server', () => libraries(away).length === 0);
    assert.equal((await browse()).children[0]?.title, 'The Duel');
  });
});
