import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { createXmlStreamMethod } from '../../src/xpmn/jingle/applications/xml-stream.ts';
import { createJingleManager } from '../../src/xpmn/jingle/manager.ts';
import type { JingleDeps, JingleManager } from '../../src/xpmn/jingle/manager.ts';
import { createSrpCb } from '../../src/xpmn/jingle/security/srp-cb.ts';
import { createTlsMethod } from '../../src/xpmn/jingle/security/tls.ts';
import { IbbRouter } from '../../src/xpmn/jingle/transports/ibb-router.ts';
import { createIbbTransport } from '../../src/xpmn/jingle/transports/ibb.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { SecurityMethod } from '../../src/xpmn/ports/security.ts';
import { deviceKeyOf } from '../../src/xpmn/trust/certificate.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { gatewaySettings } from '../../src/app/gateway-settings.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { channelPair } from '../support/channel-pair.ts';
import type { ChannelPair, End } from '../support/channel-pair.ts';
import { PIN, assertSilent } from '../support/pin-play.ts';
import { testDevice } from '../support/srp-cb-party.ts';
import type { Device } from '../support/srp-cb-party.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;
const [NEW, HOST] = [parseJid('romeo@home.test/laptop'), parseJid('romeo@home.test/nas')];
const { device } = gatewaySettings(settings);

type Party = Pick<JingleDeps, 'securities' | 'onOpened'> & { readonly device: Device };

/** Sessions as two devices have them, over what a server carries between `local` and the other end. */
function party(pair: ChannelPair, end: End, { device: { fingerprint }, ...rest }: Party): { readonly manager: JingleManager; call(): Promise<unknown> } {
  const { channel, router } = pair[end];
  const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
  const application = createXmlStreamMethod({ ...shared, router: new IqRouter({ log: silentLogger }, device.iq) }, device.endToEnd);
  const manager = createJingleManager({
    ...shared, ...rest, fingerprint,
    local: channel.local, registry: router, applications: [application],
    transports: [createIbbTransport({ channel, router: new IbbRouter(router), clock: systemClock, random: systemRandom }, 1, settings.ibb)],
    accept: () => Promise.reject(new XpmnError('not-trusted', 'Only the PIN counts here.')),
  }, settings.jingle);
  return { manager, call: () => manager.open({ peer: end === 'a' ? HOST : NEW, channel, application, signal: never }) };
}

function honest(own: Device, pin: FakePin): SecurityMethod {
  return createSrpCb({ credentials: own.credentials, clock: systemClock, random: systemRandom, pin, keyOf: deviceKeyOf }, { ...settings.tls, ...settings.pairing, proofTimeout: 8000, leastBurnTime: 5 });
}

/** Ends TLS with a certificate of the server's, and gives what is inside to `use`, which carries it on. */
function tapped(own: Device, use: (stream: Duplex) => Promise<never>): SecurityMethod {
  return createTlsMethod({ name: 'srp-cb', what: 'The tap', timeout: 8000, identify: ({ stream }) => use(stream) }, { credentials: own.credentials, clock: systemClock }, settings.tls);
}

describe('a pairing through the server, which carries every stanza', function () {
  this.timeout(30_000);
  const pins = (): Record<'joiner' | 'host', FakePin> => ({ joiner: new FakePin(PIN), host: new FakePin(PIN) });

  it('works where the server does no more than that', async () => {
    const { joiner, host } = pins();
    const pair = channelPair({ clock: systemClock, random: systemRandom, a: NEW, b: HOST });
    const [alice, bob] = [await testDevice('alice'), await testDevice('bob')];
    const a = party(pair, 'a', { device: alice, securities: [honest(alice, joiner)] });
    const b = party(pair, 'b', { device: bob, securities: [honest(bob, host)] });
    await a.call();
    assert.deepEqual([joiner.ended, host.ended], [[true], [true]]);
    await Promise.all([a.manager.closeAll({ signal: never }), b.manager.closeAll({ signal: never })]);
    pair.close();
  });

  it('fails on both sides where the server names its own certificate to each and ends TLS on both, though both know the PIN', async () => {
    const { joiner, host } = pins();
    // Two sessions, one with each, in the name of the other; it passes on what is said inside.
    const [near, far] = [0, 1].map(() => channelPair({ clock: systemClock, random: systemRandom, a: NEW, b: HOST })) as [ChannelPair, ChannelPair];
    const [alice, bob, mallory] = [await testDevice('alice'), await testDevice('bob'), await testDevice('mallory')];
    const inside = { near: deferred<Duplex>(), far: deferred<Duplex>() };
    const carry = (own: 'near' | 'far', other: 'near' | 'far') => async (stream: Duplex): Promise<never> => {
      inside[own].resolve(stream);
      stream.pipe(await inside[other].promise);
      await once(stream, 'close');
      throw new XpmnError('security-failed', 'The tap is over.');
    };
    const heard: unknown[] = [];
    const a = party(near, 'a', { device: alice, securities: [honest(alice, joiner)], onOpened: (session) => heard.push(session) });
    const b = party(far, 'b', { device: bob, securities: [honest(bob, host)], onOpened: (session) => heard.push(session) });
    const toA = party(near, 'b', { device: mallory, securities: [tapped(mallory, carry('near', 'far'))] });
    const toB = party(far, 'a', { device: mallory, securities: [tapped(mallory, carry('far', 'near'))] });
    const [ofA] = await Promise.allSettled([a.call(), toB.call()]);
    assert.equal(ofA.status, 'rejected');
    assert.equal((ofA.reason as XpmnError).code, 'security-failed');
    assertSilent(ofA.reason);
    // Both had come as far as the proof: it is what failed.
    assert.deepEqual([joiner.ended, host.ended], [[false], [false]]);
    assert.equal(host.burnt, 1);
    assert.deepEqual(heard, []);
    await Promise.all([a, b, toA, toB].map(({ manager }) => manager.closeAll({ signal: never })));
    for (const pair of [near, far]) pair.close();
  });

  it('fails where the server takes the method out of what is offered', async () => {
    const { joiner, host } = pins();
    const pair = channelPair({ clock: systemClock, random: systemRandom, a: NEW, b: HOST });
    const [alice, bob] = [await testDevice('alice'), await testDevice('bob')];
    const a = party(pair, 'a', { device: alice, securities: [honest(alice, joiner)] });
    const b = party(pair, 'b', { device: bob, securities: [honest(bob, host)] });
    const without = (text: string): string => text.replaceAll('srp-cb', 'x509');
    pair.tap = (_, stanza) => JSON.parse(without(JSON.stringify(stanza))) as typeof stanza;
    await assert.rejects(a.call(), { code: 'security-failed' });
    assert.deepEqual([joiner.ended, host.ended], [[], []]);
    await Promise.all([a.manager.closeAll({ signal: never }), b.manager.closeAll({ signal: never })]);
    pair.close();
  });
});
