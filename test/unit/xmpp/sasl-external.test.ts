import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { authorizationIdentities, readCertificateLogin, xmppAddrsOf } from '../../../src/xpmn/xmpp/sasl-external.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { clientIdentity } from '../../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

const FULL = parseJid('romeo@home.test/gateway-abcd');
const BARE = 'romeo@home.test';
const isRefused = (error: unknown): boolean => error instanceof XpmnError && error.code === 'login-failed';

describe('as whom a certificate asks for the login', () => {
  const TABLE: readonly { what: string; named: readonly string[]; asks: readonly string[] | 'refused' }[] = [
    { what: 'no address', named: [], asks: [BARE] },
    { what: 'the full JID alone', named: [FULL], asks: ['', FULL] },
    { what: 'the bare JID alone', named: [BARE], asks: ['', BARE] },
    { what: 'the bare JID in capitals', named: ['Romeo@Home.Test'], asks: ['', BARE] },
    { what: 'both', named: [BARE, FULL], asks: [FULL] },
    { what: 'ours among others', named: ['juliet@home.test', BARE], asks: [BARE] },
    { what: 'another resource of ours, and the bare JID', named: [`${BARE}/other`, BARE], asks: [BARE] },
    { what: 'another account', named: ['juliet@home.test/gateway-abcd'], asks: 'refused' },
    { what: 'another resource', named: [`${BARE}/other`], asks: 'refused' },
    { what: 'a resource in another case', named: [`${BARE}/Gateway-abcd`], asks: 'refused' },
    { what: 'the domain alone', named: ['home.test'], asks: 'refused' },
    { what: 'several others', named: ['juliet@home.test', 'mercutio@home.test'], asks: 'refused' },
    { what: 'what is no JID', named: ['@@'], asks: 'refused' },
  ];
  for (const { what, named, asks } of TABLE) {
    it(what, () => {
      if (asks === 'refused') assert.throws(() => authorizationIdentities(named, FULL), isRefused);
      else assert.deepEqual(authorizationIdentities(named, FULL), asks);
    });
  }
});

describe('the addresses in a certificate', () => {
  it('are those that our own certificates have, whatever the resource', async () => {
    const key = await testKey('sasl-external');
    const resource = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'ab ,"\\:=/\'\u00e9\u65e5\u{1f3ac}') });
    fc.assert(fc.property(resource, (text) => {
      const jid = parseJid(`${BARE}/${text}`);
      const { pem } = issueCertificate({ clock: new FakeClock(), random: new FakeRandom() }, settings.trust, key, { commonName: 'DNS:x, othername:XmppAddr:y', jid });
      assert.deepEqual(xmppAddrsOf(new X509Certificate(pem)), [jid]);
    }), { numRuns: 40 });
  });

  it('are all there, in their order, or none', () => {
    const addresses = [`${BARE}/a, othername:XmppAddr:x`, BARE, 'juliet@home.test'];
    assert.deepEqual(xmppAddrsOf(new X509Certificate(clientIdentity({ addresses }).certificate)), addresses);
    assert.deepEqual(xmppAddrsOf(new X509Certificate(clientIdentity({ addresses: [] }).certificate)), []);
  });

  it('are not what other names look like', () => {
    const named = (subjectAltName: string): string[] => xmppAddrsOf({ subjectAltName } as X509Certificate);
    assert.deepEqual(named('DNS:"a, othername:XmppAddr:x", othername:XmppAddr:y, IP Address:::1'), ['y']);
    assert.deepEqual(named('othername:SRVName:XmppAddr:x, othername:<unsupported>, URI:othername:XmppAddr:z'), []);
    assert.deepEqual(named(''), []);
  });
});

describe('a certificate as a login', () => {
  const good = clientIdentity({ addresses: [FULL] });
  const read = (changes: { certificate?: string; privateKey?: string }) => readCertificateLogin({ kind: 'certificate', ...good, ...changes }, FULL);

  it('has all that a login needs', () => {
    const until = new Date('2031-02-03T04:05:06Z');
    const { certificate, privateKey } = clientIdentity({ addresses: [FULL], until });
    assert.deepEqual(read({ certificate }), { certificate, privateKey, identities: ['', FULL], validUntil: until.getTime() });
  });

  it('is refused where it can\'t be used, and shows nothing of the key', () => {
    const other = clientIdentity({ addresses: [FULL], key: 'other' });
    const cases = [{ certificate: 'x' }, { privateKey: good.privateKey.slice(0, 300) }, { privateKey: '' }, { privateKey: other.privateKey }, { certificate: clientIdentity({ addresses: ['juliet@home.test'] }).certificate }];
    for (const changes of cases) {
      assert.throws(() => read(changes), (error: XpmnError) => {
        assert.ok(isRefused(error) && error.cause === undefined);
        assert.ok(!JSON.stringify([error.message, error.details]).includes(good.privateKey.slice(100, 120)));
        return true;
      });
    }
  });
});
