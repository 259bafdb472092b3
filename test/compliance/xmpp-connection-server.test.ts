import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { LoginCredentials } from '../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { createXmppConnection } from '../../src/xpmn/xmpp/connection.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import type { RogueSession } from '../fakes/rogue-session.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import { clientIdentity } from '../support/client-certificate.ts';
import type { ClientIdentity } from '../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeCertificateLogin, describeHostileCertificateLogin } from './xmpp-connection-certificate.suite.ts';
import { describeHostileServer } from './xmpp-connection-hostile.suite.ts';
import { CLIENT_ID, ROMEO, describeXmppConnection } from './xmpp-connection.suite.ts';
import { describeHostileTokenLogin, describeTokenLogin } from './xmpp-connection-token.suite.ts';
import type { ConnectionWorld, LoginBy } from './xmpp-connection.suite.ts';

const hostile = new RogueXmppServer();
const options = { ...settings.xmpp.server, limits: settings.xml.serverStream };

const device = clientIdentity({ addresses: [ROMEO] });

function credentialsFor(by: LoginBy, { token }: RogueXmppServer, identity: ClientIdentity): LoginCredentials {
  if (by === 'certificate') return { kind: by, ...identity };
  if (by === 'token') return { kind: by, clientId: CLIENT_ID, token: { token, mechanism: 'HT-SHA-256-NONE', expires: 0 } };
  return { kind: by, password: ROGUE_PASSWORD, tokenFor: CLIENT_ID };
}

function connect(server: RogueXmppServer, clock: FakeClock, by: LoginBy, identity = device): Pick<ConnectionWorld, 'connection' | 'registry'> {
  const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
  const account = {
    jid: ROMEO,
    credentials: credentialsFor(by, server, identity),
    server: { host: '127.0.0.1', port: server.port },
    ca: server.certificates.ca,
  };
  return { connection: createXmppConnection({ clock, random: new FakeRandom(), log: silentLogger, router }, account, options), registry: router };
}

const setup = async (by: LoginBy): Promise<ConnectionWorld> => {
  const rogue = new RogueXmppServer(hostile.certificates);
  rogue.client = device.der;
  rogue.behave({ mute: true, tokens: 'honest' });
  await rogue.open();
  const clock = new FakeClock();
  const newest = (): RogueSession => rogue.sessions.at(-1) as RogueSession;
  return {
    clock,
    ...connect(rogue, clock, by),
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
      refuseLogin: () => rogue.behave({ scram: 'not-authorized', external: 'not-authorized', tokens: 'not-authorized' }),
      offerNoExternal: () => rogue.behave({ mechanisms: ['SCRAM-SHA-1', 'PLAIN'] }),
      offerNoTokens: () => rogue.behave({ mute: true }),
      rotateTokens: () => rogue.behave({ mute: true, tokens: 'rotates' }),
      async stall() {
        rogue.behave({ stall: 'secure-header' });
        await (await rogue.nextSession()).reached('secure-header');
      },
    },
    close: () => rogue.close(),
  };
};

describeXmppConnection('the real one, to a server on loopback', setup);
describeCertificateLogin('the real one, to a server on loopback', setup);
describeTokenLogin('the real one, to a server on loopback', setup);

describeHostileServer('the real one', hostile, (clock) => connect(hostile, clock, 'password').connection);

describeHostileCertificateLogin('the real one', hostile, (clock, identity) => connect(hostile, clock, 'certificate', identity).connection);

describeHostileTokenLogin('the real one', hostile, (clock, by) => connect(hostile, clock, by).connection);
