import assert from 'node:assert/strict';
import { callWhileThere } from '../../src/app/account-call.ts';
import type { SetupDeps } from '../../src/app/setup-api.ts';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import type { Device } from '../../src/xpmn/device/device.ts';
import { JINGLE_NS } from '../../src/xpmn/jingle/codec.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { bareJid, parseJid, withResource } from '../../src/xpmn/model/jid.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { WAITING_NODE, parseWaiting } from '../../src/xpmn/gateway/waiting.ts';
import { askToJoin } from '../../src/xpmn/pairing/pairing-joiner.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import type { XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { issueCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { queryInfo } from '../../src/xpmn/xmpp/disco.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway, testPairing } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { testKey } from '../support/keys.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: 'home.test', port: 5222, ca: '' };
const stranger = parseJid('mallory@home.test');

describe('pairing through the server', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let network: Network;
  let window: PairingWindow;
  let gateway: MediaGateway;
  let online: XmppConnection[];
  const deps: SetupDeps = { clock: systemClock, random: systemRandom, log: silentLogger, config: settings, storage: new MemoryStorage() };

  beforeEach(async () => {
    server = new FakeXmppServer();
    for (const jid of [parseJid(account.jid), stranger]) server.addAccount(jid, account.password);
    server.befriend(parseJid(account.jid), stranger);
    network = await firstNetwork(account);
    window = testPairing();
    online = [];
    gateway = testGateway(network, account, { server, pairing: window });
    await gateway.start({ signal: never });
    await waitUntil('it is online', () => gateway.connection?.state === 'online');
  });
  afterEach(async () => {
    await Promise.all(online.map((connection) => connection.stop()));
    await gateway.stop();
  });

  const logIn = async (bare: string, resource: string): Promise<{ connection: XmppConnection; router: IqRouter; signal: AbortSignal }> => {
    const router = new IqRouter({ log: silentLogger }, settings.iq);
    const connection = server.connection(withResource(parseJid(bare), resource), account.password, { clock: systemClock, random: systemRandom, router });
    online.push(connection);
    await connection.start({ signal: never });
    return { connection, router, signal: never };
  };

  const call = async <T>(pin: string, talk: (channel: StanzaChannel) => Promise<T>, bare = account.jid, resource = 'laptop-abcd'): Promise<T> => {
    const there = await logIn(bare, resource);
    const credentials = issueCredentials(deps, trustOptions(settings), await testKey('laptop'), withResource(parseJid(bare), resource), 'Laptop');
    return callWhileThere(deps, there, { credentials, host: gateway.jid, proof: { kind: 'pin', pin } }, talk);
  };
  const open = async (): Promise<string> => {
    const state = await window.open();
    assert.equal(state.state, 'open');
    return (state as { pin: string }).pin;
  };
  const join = (channel: StanzaChannel): ReturnType<typeof askToJoin> => askToJoin(channel, { name: 'Laptop', roles: ['host'] }, { ...settings.pairing, ...settings.trust }, { signal: never });

  it('makes who knows the PIN a device, and tells it what it is', async () => {
    const parts = await call(await open(), join);
    assert.match(parts.jid, /^romeo@home\.test\/laptop-[a-z2-7]{4}$/);
    assert.equal(window.state.state, 'paired');
    assert.ok(gateway.devices().some(({ jid }) => jid === parts.jid));
    assert.equal(parts.account?.password, account.password);
  });

  it('spends a PIN on a wrong guess', async () => {
    const pin = await open();
    await assert.rejects(call(pin === '111111' ? '222222' : '111111', join), { code: 'security-failed' });
    await waitUntil('another PIN is shown', () => window.state.state === 'open' && window.state.pin !== pin);
    const { pin: next, burnt } = window.state as Extract<typeof window.state, { state: 'open' }>;
    assert.equal(burnt, 1);
    assert.match((await call(next, join, account.jid, 'desk-abcd')).jid, /^romeo@home\.test\/laptop-/);
  });

  it('is not offered while no window is open: nobody gets as far as TLS', async () => {
    const pin = await open();
    window.close();
    const before = server.handled.length;
    await assert.rejects(call(pin, join), { code: 'security-failed' });
    const since = server.handled.slice(before).join('\n');
    assert.ok(since.includes('session-initiate') && !since.includes('http://jabber.org/protocol/ibb'), since);
  });

  it('is not offered to other accounts, whose presence is seen and who may know the PIN', async () => {
    const pin = await open();
    await assert.rejects(call(pin, join, stranger), { code: 'peer-unavailable' });
    assert.equal(window.state.state, 'open');
  });

  it('lets who has proven the PIN do nothing but pair, sends it nothing, and hangs up when the time is over', async () => {
    await call(await open(), async (channel) => {
      await waitUntil('it is proven', () => window.state.state === 'joining');
      for (const payload of [xml('heads', NS.trust), xml('jingle', JINGLE_NS, { action: 'session-initiate', sid: 'x' }), xml('query', NS.mediaServerDirectory)]) {
        await assert.rejects(channel.request({ type: 'get', payload }, { signal: never }), { code: 'not-allowed' });
      }
      // Not among the streams that lists, events and requests travel on.
      assert.deepEqual((Reflect.get(gateway, 'controller') as Device).channels, []);
      window.close();
      await waitUntil('the stream is gone', () => channel.closed.aborted);
    });
    assert.equal(gateway.devices().length, 1);
  });

  it('does not touch what other devices do meanwhile: they prove their keys, as ever', async () => {
    await open();
    const second = testGateway(await nextNetwork(network, 'second'), account, { server });
    try {
      await second.start({ signal: never });
      await waitUntil('they see each other', () => second.devices().some(({ jid, isAvailable }) => jid === gateway.jid && isAvailable));
      await assert.rejects(second.browse(gateway.jid, { container: 'root', offset: 0, limit: 1 }, never));
      assert.ok(second.devices().some(({ jid, path }) => jid === gateway.jid && path !== undefined), 'a stream is open');
      assert.deepEqual([window.state.state, (window.state as { burnt: number }).burnt], ['open', 0]);
    } finally {
      await second.stop();
    }
  });

  it('is told to the own account alone, and only while a window is open', async () => {
    const ask = async (bare: string): Promise<string | undefined> => {
      const { connection: { channel } } = await logIn(bare, `asking-${online.length}`);
      return parseWaiting(await queryInfo(channel, gateway.jid, { node: WAITING_NODE, signal: never }))?.network;
    };
    await assert.rejects(ask(account.jid), { code: 'not-found' });
    await open();
    assert.equal(await ask(account.jid), network.id);
    await assert.rejects(ask(stranger), { code: 'not-found' });
    assert.equal(bareJid(gateway.jid), account.jid);
  });
});
