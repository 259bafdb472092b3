import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { LoginCredentials } from '../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { ROGUE_PASSWORD } from '../fakes/rogue-xmpp-server.ts';
import { clientIdentity } from '../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { describeCertificateLogin } from './xmpp-connection-certificate.suite.ts';
import { describeTokenLogin } from './xmpp-connection-token.suite.ts';
import { CLIENT_ID, ROMEO, describeXmppConnection } from './xmpp-connection.suite.ts';
import type { ConnectionWorld, LoginBy } from './xmpp-connection.suite.ts';

const device = clientIdentity({ addresses: [ROMEO] });
const CREDENTIALS: Readonly<Record<LoginBy, LoginCredentials>> = {
  password: { kind: 'password', password: ROGUE_PASSWORD, tokenFor: CLIENT_ID },
  certificate: { kind: 'certificate', ...device },
  token: { kind: 'token', clientId: CLIENT_ID, token: { token: 'mine', mechanism: 'HT-SHA-256-NONE', expires: 0 } },
};

const setup = async (by: LoginBy): Promise<ConnectionWorld> => {
  const fake = new FakeXmppServer();
  const account = fake.addAccount(bareJid(ROMEO), ROGUE_PASSWORD);
  account.certificates.trust(device.der);
  account.tokens.add('mine');
  const clock = new FakeClock();
  const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
  const connection = fake.connection(ROMEO, CREDENTIALS[by], { clock, random: new FakeRandom(), router });
  const awaited: { matches: (stanza: XmlElement) => boolean; found: (stanza: XmlElement) => void }[] = [];
  fake.onStanza = (stanza) => {
    const index = awaited.findIndex(({ matches }) => matches(stanza));
    if (index >= 0) awaited.splice(index, 1)[0]?.found(stanza);
    return true;
  };
  return {
    clock,
    connection,
    registry: router,
    server: {
      get attempts() {
        return fake.attempts;
      },
      next: (matches) => new Promise((found) => awaited.push({ matches, found })),
      push: (stanza) => fake.push(ROMEO, stanza),
      drop: () => fake.drop(ROMEO),
      streamError: (condition) => fake.streamError(ROMEO, condition),
      reachable: (is) => {
        fake.reachable = is;
        return Promise.resolve();
      },
      refuseLogin: () => void fake.addAccount(bareJid(ROMEO), 'other'),
      offerNoExternal: () => void (fake.offersExternal = false),
      offerNoTokens: () => void (fake.givesTokens = false),
      rotateTokens: () => void (fake.rotatesTokens = true),
      stall: () => new Promise((resolve) => (fake.onStalled = resolve)),
    },
    close: () => Promise.resolve(),
  };
};

describeXmppConnection('the fake server in memory', setup);
describeCertificateLogin('the fake server in memory', setup);
describeTokenLogin('the fake server in memory', setup);
