import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { MediaDevice } from '../../src/xpmn/ports/media-device.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import type { FakeAccount } from '../fakes/fake-xmpp-account.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount, TestGatewayOptions, TestMemory } from '../support/gateways.ts';
import { MemoryDisk, MemoryStorage } from '../support/memory-storage.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

describe('gateways on a server that takes certificates', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let romeo: FakeAccount;
  let network: Network;
  let memory: TestMemory;
  const running: MediaGateway[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer({ dialect: 'urn:xmpp:saslcert:1' });
    romeo = server.addAccount(parseJid(account.jid), account.password);
    network = await firstNetwork(account);
    memory = remembering();
  });
  afterEach(() => Promise.all(running.splice(0).map((gateway) => gateway.stop())));

  function remembering(password: string | undefined = account.password, disk = new MemoryDisk()): TestMemory {
    return { storage: new MemoryStorage(disk), password };
  }
  async function start(of: Network, options: TestGatewayOptions = {}): Promise<MediaGateway> {
    const gateway = testGateway(of, account, { server, ...options });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }
  async function end(gateway: MediaGateway): Promise<void> {
    running.splice(running.indexOf(gateway), 1);
    await gateway.stop();
  }
  function nas(id = 'uuid:nas'): MediaDevice {
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', randomBytes(1000));
    return { description: { id, name: 'The NAS', kind: 'media-server' }, library };
  }
  /** How the device is logged in. */
  const byOf = (jid: string): string => {
    const session = romeo.sessions.get(parseJid(jid));
    return session ? (session.certificate ? 'certificate' : 'password') : 'nothing';
  };
  const forgotten = (of = memory): Promise<unknown> => waitUntil('the password is forgotten', () => of.password === undefined);

  it('come in by the password once, then by their certificates, and forget it', async () => {
    const devices = new MemoryDevices();
    const gateway = await start(network, { sources: [devices], memory });
    devices.appear(nas());
    await forgotten();
    assert.equal(byOf(gateway.jid), 'certificate');
    await waitUntil('the NAS is there by its own', () => network.hostedDevices.size === 1 && [...network.hostedDevices.values()].every(({ jid }) => byOf(jid) === 'certificate'));
    assert.deepEqual(gateway.unconnected, { beyondLimit: 0, notLetIn: 0 });
    assert.equal(gateway.login?.hasPassword, false);
    assert.equal(romeo.certificates.names.length, 2);
  });

  it('come back by them, without any password', async () => {
    const devices = new MemoryDevices();
    const gateway = await start(network, { sources: [devices], memory });
    devices.appear(nas());
    await forgotten();
    await waitUntil('the NAS is there', () => [...network.hostedDevices.values()].some(({ jid }) => byOf(jid) === 'certificate'));
    await end(gateway);
    const { attempts } = server;
    devices.vanish('uuid:nas');
    const again = await start(network, { sources: [devices], memory });
    devices.appear(nas());
    await waitUntil('both are back', () => [again.jid, ...[...network.hostedDevices.values()].map(({ jid }) => jid)].every((jid) => byOf(jid) === 'certificate'));
    assert.equal(server.attempts - attempts, 2);
  });
});
