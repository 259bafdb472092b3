import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { CarriedAccount } from '../../src/xpmn/pairing/pairing-codec.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import type { Logger } from '../../src/xpmn/kernel/log.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { describeStatus } from '../../src/app/gateway-view.ts';
import { issueCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import { readCertificate } from '../../src/xpmn/trust/certificate.ts';
import type { Newcomer } from '../../src/xpmn/gateway/account-logins.ts';
import { testKey } from '../support/keys.ts';
import { privateKeyFromPem } from '../../src/xpmn/trust/keys.ts';
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
import { settle } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'wherefore art thou', host: 'xmpp.home.test', port: 5222, ca: 'PEM' };

/** Writes down everything, as it is. */
function noted(lines: string[]): Logger {
  const say = (message: string, fields: object = {}): void => void lines.push(inspect([message, fields], { depth: 10 }));
  const log: Logger = { debug: say, info: say, warn: say, error: say, child: (_scope, fields) => (say('child', fields), log) };
  return log;
}

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

  function remembering(): TestMemory {
    return { storage: new MemoryStorage(), password: account.password };
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
    const isIn = romeo.sessions.has(parseJid(jid));
    return isIn ? (server.logins.findLast((login) => login.jid === jid)?.by ?? 'nothing') : 'nothing';
  };
  const forgotten = (of = memory): Promise<unknown> => waitUntil('the password is forgotten', () => of.password === undefined);

  it('come in by the password once, then by their certificates, and forget it', async () => {
    const devices = new MemoryDevices();
    const lines: string[] = [];
    const gateway = await start(network, { sources: [devices], memory, log: noted(lines) });
    devices.appear(nas());
    await forgotten();
    assert.equal(byOf(gateway.jid), 'certificate');
    await waitUntil('the NAS is there by its own', () => network.hostedDevices.size === 1 && [...network.hostedDevices.values()].every(({ jid }) => byOf(jid) === 'certificate'));
    assert.deepEqual(gateway.unconnected, { beyondLimit: 0, notLetIn: 0 });
    assert.equal(gateway.login?.hasPassword, false);
    assert.equal(romeo.certificates.names.length, 2);
    assert.ok(lines.some((line) => line.includes('was forgotten')));
    assert.ok(!lines.some((line) => line.includes(account.password) || line.includes('PRIVATE KEY')));
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

  const hostedOf = (of: Network): Jid[] => [...of.hostedDevices.values()].map(({ jid }) => jid);
  const allIn = (...jids: string[]): Promise<unknown> => waitUntil('all are in by their certificates', () => jids.every((jid) => byOf(jid) === 'certificate'));
  async function withNas(of: Network, options: TestGatewayOptions = {}): Promise<{ gateway: MediaGateway; devices: MemoryDevices }> {
    const devices = new MemoryDevices();
    const gateway = await start(of, { sources: [devices], ...options });
    devices.appear(nas());
    await waitUntil('the NAS is bridged', () => of.hostedDevices.size === 1);
    return { gateway, devices };
  }

  it('let only gateways manage certificates', async () => {
    const { gateway } = await withNas(network, { memory });
    await forgotten();
    await allIn(gateway.jid, ...hostedOf(network));
    assert.deepEqual(romeo.certificates.managers.map((name) => name.replace(/ \(.*/, '')), ['home']);
  });

  for (const dialect of ['urn:xmpp:saslcert:0', 'urn:xmpp:saslcert:1'] as const) {
    it(`do so where the server does not announce it, in ${dialect}`, async () => {
      server = new FakeXmppServer({ dialect, announcesCertificates: false });
      romeo = server.addAccount(parseJid(account.jid), account.password);
      const gateway = await start(network, { memory });
      await forgotten();
      await allIn(gateway.jid);
    });
  }

  it('go on with the password where a certificate is taken, but lets nobody in; and add it no more', async () => {
    server.offersExternal = false;
    const { gateway } = await withNas(network, { memory });
    await waitUntil('both are back by the password', () => [gateway.jid, ...hostedOf(network)].every((jid) => byOf(jid) === 'password') && romeo.certificates.names.length === 2);
    assert.equal(gateway.connection?.state, 'online');
    assert.equal(memory.password, account.password);
    assert.equal(gateway.login?.isStuck, false);
    await end(gateway);
    for (const { gateway: own } of [network]) romeo.certificates.distrust(own.certificate.der);
    const again = await start(network, { memory });
    await waitUntil('it is online', () => again.connection?.state === 'online');
    await settled(again);
    assert.equal(romeo.certificates.names.length, 1, 'what was refused is not added again by itself');
    assert.equal(memory.password, account.password);
  });

  it('keep the password if they can\'t write down that the certificate has worked, and are there all the same', async () => {
    let isFull = true;
    const { storage } = memory;
    const put = storage.put.bind(storage);
    // Only for that: the password itself could be deleted.
    storage.put = (name, content) => (isFull && name.startsWith('login/') ? Promise.reject(new XpmnError('storage-failed', 'The disk is full.')) : put(name, content));
    const gateway = await start(network, { memory });
    await allIn(gateway.jid);
    await settled(gateway);
    assert.equal(memory.password, account.password);
    isFull = false;
    server.drop(gateway.jid);
    await forgotten();
  });

  it('come in with what they have if they can\'t read how far they had come', async () => {
    const gateway = await start(network, { memory });
    await forgotten();
    await allIn(gateway.jid);
    await end(gateway);
    const { storage } = memory;
    const get = storage.get.bind(storage);
    storage.get = (name) => (name.startsWith('login/') ? Promise.reject(new XpmnError('storage-failed', 'The disk is broken.')) : get(name));
    const again = await start(network, { memory });
    await allIn(again.jid);
  });

  it('stop, and say so, when the server takes their certificate no more, and nobody knows the password', async () => {
    const gateway = await start(network, { memory });
    await forgotten();
    await allIn(gateway.jid);
    const [name] = romeo.certificates.names;
    assert.ok(name);
    romeo.certificates.distrust(network.gateway.certificate.der);
    server.drop(gateway.jid);
    await waitUntil('it is refused', () => gateway.login?.isStuck === true, { timeout: 20_000 });
    assert.equal(gateway.connection?.state, 'stopped');
    assert.match(describeStatus(gateway, network, { version: '1', clock: systemClock }).warnings.join(), /takes this machine's certificate no more, and the password was forgotten: `xpmn init --jid romeo@home\.test`/);
    await end(gateway);
    const { attempts } = server;
    const again = await start(network, { memory });
    await waitUntil('it is refused again', () => again.login?.isStuck === true);
    assert.equal(server.attempts, attempts + 1);
    assert.deepEqual(romeo.certificates.names, []);
  });

  it('find out that their server has learnt to take certificates', async () => {
    server = new FakeXmppServer({ dialect: undefined });
    server.givesTokens = false;
    romeo = server.addAccount(parseJid(account.jid), account.password);
    const gateway = await start(network, { memory });
    await waitUntil('it is online', () => gateway.connection?.state === 'online');
    await settled(gateway);
    assert.equal(memory.password, account.password);
    await end(gateway);
    server = new FakeXmppServer({ dialect: 'urn:xmpp:saslcert:1' });
    romeo = server.addAccount(parseJid(account.jid), account.password);
    const again = await start(network, { memory });
    await forgotten();
    await allIn(again.jid);
  });

  it('take a token with the password where the server has that, and log in by it the next time; the password stays', async () => {
    server = new FakeXmppServer({ dialect: undefined });
    romeo = server.addAccount(parseJid(account.jid), account.password);
    const { gateway } = await withNas(network, { memory });
    await waitUntil('both are in', () => [gateway.jid, ...hostedOf(network)].every((jid) => byOf(jid) === 'password'));
    await settled(gateway);
    await end(gateway);
    // The gateway asks for one once it knows that the server has nothing better.
    for (const by of ['password', 'token', 'token']) {
      const next = await start(network, { memory });
      await waitUntil('it is in', () => byOf(next.jid) !== 'nothing');
      await settled(next);
      assert.equal(byOf(next.jid), by);
      await end(next);
    }
    assert.deepEqual([...romeo.tokens], ['next']);
    assert.equal(memory.password, account.password);
    romeo.tokens.clear();
    const late = await start(network, { memory });
    await waitUntil('it comes in by the password when the token has expired', () => byOf(late.jid) === 'password');
  });

  it('leave a bridged device without a connection if its certificate is not taken; it is taken later', async () => {
    const { gateway, devices } = await withNas(network, { memory });
    await forgotten();
    await allIn(gateway.jid, ...hostedOf(network));
    romeo.certificates.isFull = true;
    devices.appear(nas('uuid:second'));
    await waitUntil('it is left out', () => gateway.unconnected.notLetIn === 1);
    const second = hostedOf(network).find((jid) => byOf(jid) === 'nothing') ?? '';
    assert.match(describeStatus(gateway, network, { version: '1', clock: systemClock }).warnings.join(), /A device has no connection of its own to the server, as it refuses the login; it works/);
    romeo.certificates.isFull = false;
    server.drop(gateway.jid);
    await allIn(second);
    assert.equal(gateway.unconnected.notLetIn, 0);
  });

  it('put a removed gateway out of the account, and what it bridged', async () => {
    const home = await start(network, { memory });
    await forgotten();
    const lost = await nextNetwork(network, 'lost');
    const { gateway: thief } = await withNas(lost, { memory: remembering() });
    await allIn(home.jid, thief.jid, ...hostedOf(lost));
    await waitUntil('it is known what it bridges', () => home.devices().some(({ jid }) => jid === hostedOf(lost)[0]));
    assert.deepEqual(await home.remove(thief.jid), { isPutOut: true, wasGateway: true });
    await waitUntil('both are out', () => [thief.jid, ...hostedOf(lost)].every((jid) => byOf(jid) === 'nothing'));
    assert.deepEqual(romeo.certificates.names.map((name) => name.replace(/ \(.*/, '')), ['home']);
    await waitUntil('it has noticed', () => thief.connection?.state === 'stopped');
    assert.equal(byOf(home.jid), 'certificate');
  });

  it('do so as soon as they are online, if they were not at the removal', async () => {
    const home = await start(network, { memory });
    await forgotten();
    const lost = await nextNetwork(network, 'lost');
    const thief = await start(lost, { memory: remembering() });
    await allIn(home.jid, thief.jid);
    await end(home);
    await network.removeDevice(lost.gateway.key);
    assert.equal(byOf(thief.jid), 'certificate');
    const again = await start(network, { memory });
    await waitUntil('it is out', () => byOf(thief.jid) === 'nothing');
    await allIn(again.jid);
  });

  it('do so though the removed one adds its certificate again and again, and another of the same key', async () => {
    const home = await start(network, { memory });
    await forgotten();
    const lost = await nextNetwork(network, 'lost');
    await home.remove(lost.gateway.jid);
    const { privateKey, jid } = lost.gateway;
    const other = issueCredentials({ clock: systemClock, random: systemRandom }, settings.trust, privateKeyFromPem(privateKey), jid, 'lost');
    romeo.certificates.trust(lost.gateway.certificate.der);
    romeo.certificates.trust(other.certificate.der);
    server.drop(home.jid);
    await waitUntil('both are gone', () => !romeo.certificates.takes(lost.gateway.certificate.der) && !romeo.certificates.takes(other.certificate.der));
  });

  describe('let others in', () => {
    let home: MediaGateway;
    let newcomer: Newcomer & { readonly certificate: Buffer };
    beforeEach(async () => {
      home = await start(network, { memory });
      const { gateway: { key, jid, certificate } } = await nextNetwork(network, 'laptop');
      newcomer = { key, jid, roles: ['host'], name: 'Laptop', certificate: certificate.der };
    });
    const issue = async (jid: string, key = 'another laptop'): Promise<Buffer> =>
      issueCredentials({ clock: systemClock, random: systemRandom }, settings.trust, await testKey(key), parseJid(jid), 'Laptop').certificate.der;

    it('by their certificates, which are on the account when they are told so', async () => {
      await forgotten();
      await allIn(home.jid);
      await waitUntil('it can', () => home.connection?.state === 'online');
      await settled(home);
      assert.deepEqual(await home.letIn(newcomer), { isLetIn: true, server: { host: 'xmpp.home.test', port: 5222 }, ca: 'PEM' });
      assert.ok(romeo.certificates.takes(newcomer.certificate));
      assert.ok(romeo.certificates.managers.some((name) => name.startsWith('Laptop (')));
    });

    it('when they ask on the local link, since they were paired before there was an account', async () => {
      await end(home);
      const link = new LinkInMemory();
      home = await start(network, { memory, discovery: link.connect() });
      await forgotten();
      await allIn(home.jid);
      await settled(home);
      const laptop = await nextNetwork(network, 'laptop');
      const found = deferred<CarriedAccount>();
      const asking = testGateway(laptop, undefined, { server, discovery: link.connect(), onAccountFound: (carried) => found.resolve(carried) });
      running.push(asking);
      await asking.start({ signal: never });
      assert.equal((await found.promise).isLetIn, true);
      assert.ok(romeo.certificates.takes(laptop.gateway.certificate.der));
      await end(asking);
      const entered = await start(laptop, { memory: { storage: new MemoryStorage(), password: undefined } });
      await allIn(entered.jid);
    });

    it('by no other certificate than their own, and by none', async () => {
      await forgotten();
      await allIn(home.jid);
      await settled(home);
      const before = romeo.certificates.names;
      for (const certificate of [undefined, network.gateway.certificate.der, await issue(newcomer.jid)]) await assert.rejects(home.letIn({ ...newcomer, certificate }), { code: 'not-acceptable' });
      const { key } = readCertificate(await issue(newcomer.jid));
      for (const jid of [home.jid, 'romeo@home.test']) await assert.rejects(home.letIn({ ...newcomer, key, certificate: await issue(jid) }), { code: 'not-acceptable' });
      await assert.rejects(home.letIn({ ...newcomer, certificate: Buffer.from('x') }), { code: 'malformed' });
      assert.deepEqual(romeo.certificates.names, before);
    });

    it('never once they were removed', async () => {
      await forgotten();
      await allIn(home.jid);
      await settled(home);
      await home.remove(newcomer.jid);
      await assert.rejects(home.letIn(newcomer), { code: 'not-trusted' });
      assert.ok(!romeo.certificates.takes(newcomer.certificate));
    });

    it('later, if the server is away', async () => {
      await forgotten();
      await allIn(home.jid);
      await settled(home);
      server.reachable = false;
      server.drop(home.jid);
      await assert.rejects(home.letIn(newcomer), { code: 'peer-unavailable', message: /does not reach the account's server now/ });
    });

    it('by their certificates or not at all, where they are no gateways: those are never told the password', async () => {
      const light = { ...newcomer, roles: [] };
      await settled(home);
      assert.deepEqual([await home.letIn({ ...light, certificate: undefined }), await home.letIn(light)], [undefined, { isLetIn: true, server: { host: 'xmpp.home.test', port: 5222 }, ca: 'PEM' }]);
      assert.ok(!romeo.certificates.managers.some((name) => name.startsWith('Laptop (')));
      await end(home);
      server = new FakeXmppServer({ dialect: undefined });
      romeo = server.addAccount(parseJid(account.jid), account.password);
      const gateway = await start(network, { memory: remembering() });
      await settled(gateway);
      assert.equal(await gateway.letIn(light), undefined);
    });

    it('by the password, where that is what they log in with themselves', async () => {
      await end(home);
      server = new FakeXmppServer({ dialect: undefined });
      romeo = server.addAccount(parseJid(account.jid), account.password);
      const gateway = await start(network, { memory: remembering() });
      assert.deepEqual(await gateway.letIn(newcomer), { password: account.password, server: { host: 'xmpp.home.test', port: 5222 }, ca: 'PEM' });
      assert.equal(await testGateway(network, undefined).letIn(newcomer), undefined);
    });
  });

  /** What it does once it is online has been done. */
  async function settled(gateway: MediaGateway): Promise<void> {
    await waitUntil('it has looked', () => server.handled.some((stanza) => stanza.includes('saslcert') || stanza.includes('disco#info')));
    for (let quiet = 0, seen = -1; quiet < 10; quiet += 1) {
      if (seen !== server.handled.length) quiet = 0;
      seen = server.handled.length;
      await settle(20);
    }
    assert.equal(gateway.connection?.state, 'online');
  }
});
