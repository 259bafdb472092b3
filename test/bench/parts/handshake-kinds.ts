import type { srpIfAvailable as SrpIfAvailable } from '../../../src/app/srp.ts';
import { createXmlStreamMethod } from '../../../src/xpmn/jingle/applications/xml-stream.ts';
import { createInProcessPair } from '../../../src/xpmn/jingle/security/in-process.ts';
import { createSrpCb } from '../../../src/xpmn/jingle/security/srp-cb.ts';
import { createX509 } from '../../../src/xpmn/jingle/security/tls.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/xpmn/kernel/system.ts';
import type { PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { SecuredStream, SecurityMethod } from '../../../src/xpmn/ports/security.ts';
import { secureAsInitiator } from '../../../src/xpmn/serverless/initiator.ts';
import { secureAsResponder } from '../../../src/xpmn/serverless/responder.ts';
import { deviceKeyOf } from '../../../src/xpmn/trust/certificate.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { answerPings, ping } from '../../../src/xpmn/xmpp/ping.ts';
import { contextFor } from '../../compliance/security.suite.ts';
import type { Party } from '../../compliance/security.suite.ts';
import { tester } from '../../support/secured-pair.ts';
import { LinkDevice, linkOptions, linkParty } from '../../support/serverless-rig.ts';
import { settings } from '../../support/settings.ts';
import { testDevice } from '../../support/srp-cb-party.ts';
import type { Device } from '../../support/srp-cb-party.ts';
import { noSrpProcesses, srpContext } from '../../support/srp-parties.ts';
import type { Handshake, HandshakeKind, Wire } from './handshake.ts';

export const PIN = '493021';
const never = new AbortController().signal;

/** Burning costs nothing here: what the disk takes is apart. */
const pin = { begin: () => ({ pin: PIN, burn: () => Promise.resolve(), done: () => undefined, lost: () => undefined }) };

/** As it is built: its process is the shipped one. */
const BUILT_SRP = new URL('../../../dist/app/srp.js', import.meta.url);

export async function x509Kind(): Promise<HandshakeKind> {
  const methods = await both(({ credentials }) => createX509({ credentials, clock }, settings.tls));
  return { batch: 20, begin: (wire) => secure(wire, methods) };
}

/** `leastBurnTime`: ms, as shipped unless said otherwise. */
export async function srpCbKind({ leastBurnTime = settings.pairing.leastBurnTime, batch }: { readonly leastBurnTime?: number; readonly batch: number }): Promise<HandshakeKind> {
  const { highWaterMark } = settings.tls;
  const { proofTimeout, runs } = settings.pairing;
  const methods = await both(({ credentials }) => createSrpCb({ credentials, clock, random, pin, keyOf: deviceKeyOf }, { highWaterMark, proofTimeout, leastBurnTime, runs }));
  return { batch, begin: (wire) => secure(wire, methods) };
}

/** Undefined where this machine can't run it. */
export async function srpKind(): Promise<HandshakeKind | undefined> {
  const { srpIfAvailable } = await import(BUILT_SRP.href) as { srpIfAvailable: typeof SrpIfAvailable };
  const method = await srpIfAvailable({ clock, random, log: silentLogger, config: settings }, pin, never);
  if (!method) return undefined;
  return {
    batch: 3,
    begin: ([up, down]) => handshakeOf(method.secure(up, srpContext('initiator')), method.secure(down, srpContext('responder'))),
    ended: noSrpProcesses,
  };
}

export function inProcessKind(): HandshakeKind {
  return {
    batch: 500,
    begin: () => {
      const pair = createInProcessPair({ random }, tester, settings.inProcess);
      return handshakeOf(Promise.resolve(pair.initiator), Promise.resolve(pair.responder));
    },
  };
}

/** The whole way on the local link, with an x509 handshake within: header, offer, STARTTLS, TLS, header, features. */
export async function linkKind(): Promise<HandshakeKind> {
  const [alice, bob] = await Promise.all([linkParty('alice'), linkParty('bob')]);
  return {
    batch: 20,
    begin([up, down]) {
      const [near, far] = [new LinkDevice(alice, [bob]), new LinkDevice(bob, [alice])];
      const answered = secureAsResponder(down, { clock, random, endpointFor: () => far }, linkOptions, never);
      const initiated = secureAsInitiator(up, { own: near, peer: far.local, introduce: false, signal: never }, { clock }, linkOptions);
      const handshake = handshakeOf(initiated, answered.then(({ secured }) => secured));
      const conversation = handshake.talk();
      return { ...handshake, complete: Promise.all([handshake.complete, conversation.features]), talk: () => conversation };
    },
  };
}

/** Two devices that know each other, as `make` secures them. */
async function both(make: (device: Device) => SecurityMethod): Promise<{ readonly alice: Party; readonly bob: Party }> {
  const party = async (name: string): Promise<Party> => {
    const device = await testDevice(name);
    const jid = parseJid(`romeo@home.test/${name}`);
    const key = deviceKeyOf(device.certificate);
    const identity: PeerIdentity = { verdict: 'own', key, jid, network: key, roles: [] };
    return { jid, identity, fingerprint: device.fingerprint, method: make(device) };
  };
  const [alice, bob] = await Promise.all([party('alice'), party('bob')]);
  return { alice, bob };
}

function secure([up, down]: Wire, { alice, bob }: { readonly alice: Party; readonly bob: Party }): Handshake {
  return handshakeOf(alice.method.secure(up, contextFor(alice, bob, 'initiator')), bob.method.secure(down, contextFor(bob, alice, 'responder')));
}

function handshakeOf(initiator: Promise<SecuredStream>, responder: Promise<SecuredStream>): Handshake {
  const complete = Promise.all([initiator, responder]);
  return {
    proven: initiator,
    complete,
    talk() {
      const streams = [initiator, responder].map(async (secured) => openStream(await secured));
      const [near] = streams as [(typeof streams)[0]];
      return {
        ask: async () => ping((await near).channel, undefined, { signal: never }),
        features: near.then(({ features }) => features),
      };
    },
    end: () => void complete.then((ends) => ends.forEach(({ stream }) => stream.destroy())),
  };
}

function openStream(secured: SecuredStream): ReturnType<ReturnType<typeof createXmlStreamMethod>['open']> {
  const router = new IqRouter({ log: silentLogger }, settings.iq);
  answerPings(router);
  const method = createXmlStreamMethod({ clock, random, log: silentLogger, router }, { ...settings.xmlStream, limits: settings.xml.endToEndStream, iq: settings.iq });
  return method.open(secured, method.describe(), { signal: never });
}
