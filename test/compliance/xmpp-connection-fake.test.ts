import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { clientIdentity } from '../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { describeCertificateLogin } from './xmpp-connection-certificate.suite.ts';
import { ROMEO, describeXmppConnection } from './xmpp-connection.suite.ts';
import type { ConnectionWorld, LoginBy } from './xmpp-connection.suite.ts';

const device = clientIdentity({ addresses: [ROMEO] });

const setup = async (by: LoginBy): Promise<ConnectionWorld> => {
  const fake = new FakeXmppServer();
  fake.addAccount(bareJid(ROMEO), 'battery').certificates.trust(device.der);
  const clock = new FakeClock();
  const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
  const connection = fake.connection(ROMEO, by === 'password' ? 'battery' : { kind: by, ...device }, { clock, random: new FakeRandom(), router });
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
      stall: () => new Promise((resolve) => (fake.onStalled = resolve)),
    },
    close: () => Promise.resolve(),
  };
};

describeXmppConnection('the fake server in memory', setup);
describeCertificateLogin('the fake server in memory', setup);
