import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createLogger } from '../../src/app/logger.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { createXmlStreamMethod } from '../../src/xpmn/jingle/applications/xml-stream.ts';
import { createSrpCb } from '../../src/xpmn/jingle/security/srp-cb.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock as clock, systemRandom as random } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { NS } from '../../src/xpmn/model/namespaces.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import { askToJoin } from '../../src/xpmn/pairing/pairing-joiner.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { formatAdd, formatRemove } from '../../src/xpmn/profiles/management.ts';
import { secureAsInitiator } from '../../src/xpmn/serverless/initiator.ts';
import { deviceKeyOf } from '../../src/xpmn/trust/certificate.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingState, PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { ping } from '../../src/xpmn/xmpp/ping.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { settle } from '../support/fake-clock.ts';
import { firstNetwork, testGateway, testPairing } from '../support/gateways.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import { LinkDevice, linkOptions } from '../support/serverless-rig.ts';
import type { LinkParty } from '../support/serverless-rig.ts';
import { settings } from '../support/settings.ts';
import { testDevice } from '../support/srp-cb-party.ts';

const never = new AbortController().signal;
const limits = { ...settings.pairing, ...settings.trust };

/** Somebody who calls the gateway, and what it hears there. */
interface Caller {
  readonly secured: SecuredStream;
  readonly channel: StanzaChannel;
  /** Everything that the gateway asks of it. */
  readonly asked: string[];
  readonly closed: Promise<unknown>;
}

/** A gateway that adds devices, and machines that know a PIN, or do not. */
describe('pairing with a gateway', function () {
  this.timeout(30_000);
  let link: LinkInMemory;
  let network: Network;
  let pairing: PairingWindow;
  let gateway: MediaGateway;
  const callers: Caller[] = [];
  const logged: string[] = [];

  beforeEach(async () => {
    link = new LinkInMemory();
    network = await firstNetwork(undefined);
    pairing = testPairing();
    const log = createLogger({ write: (line: string) => logged.push(line) > 0 }, { ...settings.log, level: 'debug' });
    gateway = testGateway(network, undefined, { log, pairing, discovery: link.connect() });
    await gateway.start({ signal: never });
  });
  afterEach(async () => {
    for (const { secured } of callers.splice(0)) secured.stream.destroy();
    await gateway.stop();
    logged.splice(0);
  });

  /** The machine `name` proves that it knows `pin`. */
  async function call(name: string, pin: string, known = new FakePin(pin)): Promise<Caller> {
    const { credentials, certificate, fingerprint } = await testDevice(name);
    const method = createSrpCb({ credentials, clock, random, pin: known, keyOf: deviceKeyOf }, { ...settings.tls, ...settings.pairing, leastBurnTime: 1 });
    const own = new LinkDevice({ jid: parseJid(`somebody@elsewhere.test/${name}`), fingerprint, certificate } as LinkParty, [], [method]);
    const socket = connect({ host: '127.0.0.1', port: link.services[0]?.port as number });
    const secured = await secureAsInitiator(socket, { own, peer: gateway.jid, introduce: false, signal: never }, { clock }, linkOptions);
    const asked: string[] = [];
    const router = new IqRouter({ log: silentLogger, gate: (_channel, stanza) => void asked.push(JSON.stringify(stanza)) }, settings.iq);
    const stream = createXmlStreamMethod({ clock, random, log: silentLogger, router }, { ...settings.xmlStream, limits: settings.xml.endToEndStream, iq: settings.iq });
    const { channel } = await stream.open(secured, stream.describe(), { signal: never });
    const caller = { secured, channel, asked, closed: once(secured.stream, 'close') };
    callers.push(caller);
    return caller;
  }

  async function open(): Promise<string> {
    const state = await pairing.open();
    assert.ok(state.state === 'open');
    return state.pin;
  }

  const join = ({ channel }: Caller, name = 'Laptop'): ReturnType<typeof askToJoin> => askToJoin(channel, { name, roles: ['host'] }, limits, { signal: never });
  const listed = (): number => devicesList(network.lists.snapshot, network.id)?.devices.length ?? 0;
  const stateOf = ({ state }: PairingState): string => state;

  it('adds who has proven the PIN, once', async () => {
    const laptop = await call('laptop', await open());
    const { jid } = await join(laptop);
    const key = deviceKeyOf((await testDevice('laptop')).certificate);
    assert.ok(devicesList(network.lists.snapshot, network.id)?.devices.some((device) => device.jid === jid && device.key === key));
    await assert.rejects(join(laptop, 'Another'), { code: 'not-allowed' });
    assert.equal(listed(), 2);
  });

  it('leaves who has proven the PIN nothing but to pair, and asks nothing of it', async () => {
    const laptop = await call('laptop', await open());
    await ping(laptop.channel, undefined, { signal: never });
    const { key } = network.gateway;
    const wishes = [xml('heads', NS.trust), xml('lists', NS.trust), formatRemove(key), formatAdd({ key, jid: network.gateway.jid, roles: [] }), xml('query', 'urn:xmpp:media:server:0'), xml('jingle', 'urn:xmpp:jingle:1')];
    for (const payload of wishes) for (const type of ['get', 'set'] as const) await assert.rejects(laptop.channel.request({ type, payload }, { signal: never }), { code: 'not-allowed' }, payload.name);
    await assert.rejects(laptop.channel.request({ type: 'get', payload: xml('account', NS.pairing) }, { signal: never }), { code: 'not-allowed' });
    await settle();
    assert.deepEqual(laptop.asked, []);
    assert.equal(listed(), 1);
  });

  it('ends the stream of who has proven the PIN when the window closes, and when it is opened anew', async () => {
    for (const end of [() => pairing.close(), () => pairing.open()]) {
      const laptop = await call('laptop', await open());
      await ping(laptop.channel, undefined, { signal: never });
      assert.equal(stateOf(pairing.state), 'joining');
      await end();
      await laptop.closed;
      await assert.rejects(join(laptop), { code: 'connection-lost' });
    }
    assert.equal(listed(), 1);
  });

  it('ends the window when who has proven the PIN is lost, and takes it in when it comes again', async () => {
    const laptop = await call('laptop', await open());
    await ping(laptop.channel, undefined, { signal: never });
    const ended = once(pairing, 'changed');
    laptop.secured.stream.destroy();
    await ended;
    assert.deepEqual(pairing.state, { state: 'closed', why: 'unfinished' });
    await join(await call('laptop', await open()));
    assert.equal(listed(), 2);
  });

  it('takes one device at a time: another one is offered nothing, and the first goes on', async () => {
    const pin = await open();
    const [laptop, other] = [await call('laptop', pin), new FakePin(pin)];
    await assert.rejects(call('phone', pin, other), { code: 'security-failed' });
    await join(laptop);
    await assert.rejects(call('phone', pin, other), { code: 'security-failed' });
    assert.deepEqual(other.begun, []);
    assert.equal(listed(), 2);
  });

  it('spends a PIN on a wrong guess, and writes none into the log, at any level', async () => {
    const pins = [await open()];
    await assert.rejects(call('phone', 'no such PIN'), { code: 'security-failed' });
    const state = pairing.state;
    assert.ok(state.state === 'open' && state.burnt === 1 && !pins.includes(state.pin));
    pins.push(state.pin);
    await join(await call('laptop', state.pin));
    assert.ok(logged.some((line) => line.includes('a device was paired')));
    for (const pin of [...pins, 'no such PIN']) assert.ok(!logged.some((line) => line.includes(pin)), pin);
  });
});
