import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { createXmppConnection } from '../../src/xpmn/xmpp/connection.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import type { RogueSession } from '../fakes/rogue-session.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeHostileServer } from './xmpp-connection-hostile.suite.ts';
import { ROMEO, describeXmppConnection } from './xmpp-connection.suite.ts';
import type { ConnectionWorld } from './xmpp-connection.suite.ts';

const hostile = new RogueXmppServer();
const options = { ...settings.xmpp.server, limits: settings.xml.serverStream };

function connect(server: RogueXmppServer, clock: FakeClock): Pick<ConnectionWorld, 'connection' | 'registry'> {
  const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
  const account = {
    jid: ROMEO,
    credentials: { kind: 'password', password: ROGUE_PASSWORD } as const,
    server: { host: '127.0.0.1', port: server.port },
    ca: server.certificates.ca,
  };
  return { connection: createXmppConnection({ clock, random: new FakeRandom(), log: silentLogger, router }, account, options), registry: router };
}

describeXmppConnection('the real one, to a server on loopback', async () => {
  const rogue = new RogueXmppServer(hostile.certificates);
  rogue.behave({ mute: true });
  await rogue.open();
  const clock = new FakeClock();
  const newest = (): RogueSession => rogue.sessions.at(-1) as RogueSession;
  return {
    clock,
    ...connect(rogue, clock),
    server: {
      get attempts() {
        return rogue.sessions.length;
      },
      next: (matches) => newest().next(matches),
      push: (stanza) => newest().send(stanza),
      drop: () => newest().destroy(),
      streamError: (condition) => newest().raw(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`),
      async reachable(is) {
        if (is) await rogue.open();
        else await rogue.close();
      },
      refusePassword: () => rogue.behave({ scram: 'not-authorized' }),
      async stall() {
        rogue.behave({ stall: 'secure-header' });
        await (await rogue.nextSession()).reached('secure-header');
      },
    },
    close: () => rogue.close(),
  };
});

describeHostileServer('the real one', hostile, (clock) => connect(hostile, clock).connection);
