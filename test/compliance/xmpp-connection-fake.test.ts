import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { ROMEO, describeXmppConnection } from './xmpp-connection.suite.ts';

describeXmppConnection('the fake server in memory', async () => {
  const fake = new FakeXmppServer();
  fake.addAccount(bareJid(ROMEO), 'battery');
  const clock = new FakeClock();
  const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
  const connection = fake.connection(ROMEO, 'battery', { clock, random: new FakeRandom(), router });
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
      refusePassword: () => void fake.addAccount(bareJid(ROMEO), 'other'),
      stall: () => new Promise((resolve) => (fake.onStalled = resolve)),
    },
    close: () => Promise.resolve(),
  };
});
