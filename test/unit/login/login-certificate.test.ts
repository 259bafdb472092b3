import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { assertLoginCertificate } from '../../../src/xpmn/login/login-certificate.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { issueCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import { clientIdentity } from '../../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

const JID = parseJid('romeo@home.test/laptop-abcd');

/** Who is let in by it could else be somebody else, or the whole account. */
describe('the certificate that a device sends to be let in', () => {
  let device: DeviceCredentials;
  before(async () => (device = issueCredentials({ clock: new FakeClock(), random: new FakeRandom() }, settings.trust, await testKey('let in'), JID, 'Laptop')));

  const keyOf = (der: Buffer): KeyName => keyNameOf(new X509Certificate(der).publicKey);
  const refused = (der: Buffer, key = keyOf(der)): void => assert.throws(() => assertLoginCertificate(der, { key, jid: JID }), { code: 'not-acceptable' });

  it('is its own, for its own full JID', () => assertLoginCertificate(device.certificate.der, { key: device.key, jid: JID }));

  it('is of the key that was proven', () => refused(clientIdentity({ addresses: [JID] }).der, device.key));

  it('names that device, and nothing else: no other, not the account, nobody', () => {
    for (const addresses of [['romeo@home.test/gateway-aaaa'], ['romeo@home.test'], [JID, 'romeo@home.test'], [JID, JID], []]) refused(clientIdentity({ addresses }).der);
  });

  it('is signed by nobody else', () => {
    const authority = clientIdentity({ addresses: [], key: 'authority' });
    refused(clientIdentity({ addresses: [JID], authority }).der);
  });

  it('is one', () => assert.throws(() => assertLoginCertificate(Buffer.from('x'), { key: device.key, jid: JID }), { code: 'malformed' }));
});
