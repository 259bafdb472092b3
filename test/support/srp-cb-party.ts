import { createSrpCb } from '../../src/xpmn/jingle/security/srp-cb.ts';
import { fingerprintOf } from '../../src/xpmn/jingle/security/tls.ts';
import type { TlsCredentials } from '../../src/xpmn/jingle/security/tls-handshake.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { PairingPeer } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { PairingPin } from '../../src/xpmn/ports/pairing-pin.ts';
import { deviceKeyOf, issueCertificate } from '../../src/xpmn/trust/certificate.ts';
import { privateKeyPem } from '../../src/xpmn/trust/keys.ts';
import type { Party } from '../compliance/security.suite.ts';
import { testKey } from './keys.ts';
import type { PinPartyOptions } from './pin-play.ts';
import { settings } from './settings.ts';

export interface Device {
  readonly credentials: TlsCredentials;
  readonly certificate: Buffer;
  readonly fingerprint: string;
}

const made = new Map<string, Promise<Device>>();

/** Key and certificate of the device `name`, made once. */
export function testDevice(name: string): Promise<Device> {
  const device = made.get(name) ?? makeDevice(name);
  made.set(name, device);
  return device;
}

async function makeDevice(name: string): Promise<Device> {
  const key = await testKey(`pairing ${name}`);
  const { der, pem } = issueCertificate({ clock: systemClock, random: systemRandom }, settings.trust, key, { commonName: name, jid: parseJid(`romeo@home.test/${name}`) });
  return { credentials: { certificate: pem, privateKey: privateKeyPem(key) }, certificate: der, fingerprint: fingerprintOf(der) };
}

/** The device `name` with `srp-cb`. What burning takes at least is short here, so that the suites are quick. */
export async function srpCbParty(name: string, pin: PairingPin, { clock, timeout }: PinPartyOptions): Promise<Party> {
  const { credentials, certificate, fingerprint } = await testDevice(name);
  const key = deviceKeyOf(certificate);
  const jid = parseJid(`romeo@home.test/${name}`);
  const identity: PairingPeer = { verdict: 'pairing', key, jid };
  const method = createSrpCb(
    { credentials, clock, random: systemRandom, pin, keyOf: deviceKeyOf },
    { ...settings.tls, ...settings.pairing, proofTimeout: timeout, leastBurnTime: 5 },
  );
  return { jid, identity, fingerprint, method };
}
