import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { PeerIdentity } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { createX509, fingerprintOf } from '../../src/xpmn/jingle/security/tls.ts';
import { issueCertificate } from '../../src/xpmn/trust/certificate.ts';
import { generateKey, keyNameOf, privateKeyPem } from '../../src/xpmn/trust/keys.ts';
import { settings } from '../support/settings.ts';
import { duplexWire, socketWire } from '../support/wire.ts';
import { contextFor, describeSecurity } from './security.suite.ts';
import type { Party, SecuritySetup } from './security.suite.ts';
import { describeSecuredStream } from './secured-stream.suite.ts';

async function party(name: string): Promise<Party> {
  const key = await generateKey();
  const jid = parseJid(`romeo@home.test/${name}`);
  const certificate = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 10 }, key, { commonName: name, jid });
  const identity: PeerIdentity = { verdict: 'own', key: keyNameOf(key), jid, network: keyNameOf(key), roles: [] };
  // A handshake that was damaged may only end by its deadline: shortened here, so that the suite is quick.
  const credentials = { certificate: certificate.pem, privateKey: privateKeyPem(key) };
  return { jid, identity, fingerprint: fingerprintOf(certificate.der), method: createX509({ credentials, clock: systemClock }, { ...settings.tls, handshakeTimeout: 2000 }) };
}

let parties: Promise<{ alice: Party; bob: Party; mallory: Party }> | undefined;

async function makeParties(): Promise<{ alice: Party; bob: Party; mallory: Party }> {
  const [alice, bob, mallory] = await Promise.all([party('alice'), party('bob'), party('mallory')]);
  return { alice, bob, mallory } as { alice: Party; bob: Party; mallory: Party };
}

const over: Record<string, SecuritySetup['wire']> = {
  'a Duplex': (tap) => Promise.resolve(duplexWire(tap)),
  'a TCP socket': (tap) => socketWire(tap),
};

for (const [name, wire] of Object.entries(over)) {
  const setup: SecuritySetup = { parties: () => (parties ??= makeParties()), wire };
  describeSecurity(`x509 over ${name}`, setup);
  describeSecuredStream(`x509 over ${name}`, async () => {
    const { alice, bob } = await setup.parties();
    const [up, down] = await wire();
    const [initiator, responder] = await Promise.all([
      alice.method.secure(up, contextFor(alice, bob, 'initiator')),
      bob.method.secure(down, contextFor(bob, alice, 'responder')),
    ]);
    // A TCP connection over loopback holds megabytes of its own.
    return { initiator, responder, bound: 16 * 1024 * 1024 };
  });
}
