import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { ConnectionState, LoginCredentials, XmppAccount } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { KeptConnection } from '../../../src/xpmn/xmpp/connection.ts';
import type { ServerLink } from '../../../src/xpmn/xmpp/connection/link.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const jid = parseJid('romeo@home.test/gateway-abcd');
const PASSWORD: LoginCredentials = { kind: 'password', password: 'battery' };
const CERTIFICATE: LoginCredentials = { kind: 'certificate', certificate: 'PEM', privateKey: 'KEY' };

describe('a connection that is told another way to log in while it logs in', () => {
  /** `password is never forgotten before the certificate has worked` rests on it. */
  it('never counts a link that was made the old way as one that was made the new way', async () => {
    const made: { account: XmppAccount; link: ReturnType<typeof deferred<ServerLink>> }[] = [];
    const router = new IqRouter({ log: silentLogger }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const establish = (account: XmppAccount): Promise<ServerLink> => {
      const link = deferred<ServerLink>();
      made.push({ account, link });
      return link.promise;
    };
    let destroyed = 0;
    const linkOf = (): ServerLink => ({ token: undefined, run: () => undefined, send: () => Promise.resolve(), close: () => Promise.resolve(), destroy: () => void (destroyed += 1) });
    const connection = new KeptConnection({ clock: new FakeClock(), random: new FakeRandom(), log: silentLogger, router, establish }, { jid, credentials: PASSWORD }, settings.xmpp.server);
    const history: ConnectionState[] = [];
    connection.on('stateChanged', (state) => void history.push(state));
    connection.start({ signal: new AbortController().signal }).catch(() => undefined);
    for (const turns of [0, 1, 2, 3, 4, 5]) {
      const { length } = made;
      made.at(-1)?.link.resolve(linkOf());
      // The link is there, and on its way through the promises.
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      if (history.at(-1) === 'online') break;
      connection.logInBy(CERTIFICATE);
      await settle();
      assert.equal(made.length, length + 1);
      assert.deepEqual(history.splice(0), ['connecting', 'connecting'].slice(turns === 0 ? 0 : 1));
      assert.equal(made.at(-1)?.account.credentials, CERTIFICATE);
    }
    assert.ok(destroyed > 0);
    await connection.stop();
  });

  it('begins again once, however often it was told, and is refused once', async () => {
    const router = new IqRouter({ log: silentLogger }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    let attempts = 0;
    const establish = (): Promise<ServerLink> => {
      attempts += 1;
      return Promise.reject(new XpmnError('login-failed', 'No.'));
    };
    const connection = new KeptConnection({ clock: new FakeClock(), random: new FakeRandom(), log: silentLogger, router, establish }, { jid, credentials: PASSWORD }, settings.xmpp.server);
    await assert.rejects(connection.start({ signal: new AbortController().signal }), { code: 'login-failed' });
    for (let i = 0; i < 3; i += 1) connection.logInBy(CERTIFICATE);
    await settle();
    assert.deepEqual([attempts, connection.state], [2, 'stopped']);
    connection.logInBy(PASSWORD);
    await settle();
    assert.equal(attempts, 3);
    await connection.stop();
    assert.ok(connection.channel.closed.aborted);
  });
});

describe('a connection to a server that says nothing any more', () => {
  it('is given up sooner when an answer does not come', async () => {
    const clock = new FakeClock();
    const router = new IqRouter({ log: silentLogger }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const destroyed: string[] = [];
    const establish = (): Promise<ServerLink> => {
      let lost: (reason: XpmnError) => void = () => undefined;
      const destroy = (reason: Error): void => {
        destroyed.push(reason.message);
        lost(reason as XpmnError);
      };
      return Promise.resolve({ token: undefined, run: (hears) => (lost = hears.lost), send: () => Promise.resolve(), close: () => Promise.resolve(), destroy });
    };
    const connection = new KeptConnection({ clock, random: new FakeRandom(), log: silentLogger, router, establish }, { jid, credentials: PASSWORD }, settings.xmpp.server);
    const { signal } = new AbortController();
    await connection.start({ signal });
    const { pingAfterRequest = Infinity, deadAfter, pingAfter } = settings.xmpp.server.keepAlive;
    await clock.advance(pingAfter / 2);
    const asking = assert.rejects(connection.channel.request({ type: 'get', payload: xml('ping', 'urn:xmpp:ping') }, { signal, timeout: 10 * pingAfter }), { code: 'connection-lost' });
    await clock.advance(pingAfterRequest + deadAfter - 1);
    assert.deepEqual(destroyed, []);
    await clock.advance(1);
    await asking;
    assert.deepEqual(destroyed, ['The server has gone silent.']);
    await connection.stop();
  });
});
