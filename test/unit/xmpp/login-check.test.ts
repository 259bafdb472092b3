import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import type { XmppAccount } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { checkLogin, talkOnce } from '../../../src/xpmn/xmpp/login-check.ts';
import { serverGate } from '../../../src/xpmn/xmpp/allow-list.ts';
import { ping } from '../../../src/xpmn/xmpp/ping.ts';
import type { Behaviour } from '../../fakes/rogue-session.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../../fakes/rogue-xmpp-server.ts';
import { clientIdentity } from '../../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const options = { ...settings.xmpp.server, limits: settings.xml.serverStream };

describe('trying an account', () => {
  const server = new RogueXmppServer();
  let clock: FakeClock;
  let caller: AbortController;

  const check = (changes: Partial<XmppAccount> = {}): Promise<void> => {
    const account: XmppAccount = {
      jid: parseJid('romeo@home.test/check-aaaa'), credentials: { kind: 'password', password: ROGUE_PASSWORD },
      server: { host: '127.0.0.1', port: server.port }, ca: server.certificates.ca, ...changes,
    };
    const resolveSrv = (): Promise<never> => Promise.reject(new Error('no DNS here'));
    return checkLogin({ clock, random: new FakeRandom(), log: silentLogger, resolveSrv }, account, options, { signal: caller.signal });
  };

  beforeEach(async () => {
    clock = new FakeClock();
    caller = new AbortController();
    server.behave({});
    server.sessions.length = 0;
    await server.open();
  });
  afterEach(() => server.close());

  it('logs in and out, and says nothing else', async () => {
    await check();
    const [session] = server.sessions;
    await session?.closed;
    assert.equal(server.sessions.length, 1);
    assert.deepEqual(session?.received.filter(({ secure }) => secure).map(({ element }) => element.name), ['auth', 'response', 'iq']);
    assert.ok(!session?.plain.includes('auth'));
  });

  describe('with a talk', () => {
    const talk = <T>(work: (channel: StanzaChannel) => Promise<T>): Promise<T> => {
      const account = { jid: parseJid('romeo@home.test/check-aaaa'), credentials: { kind: 'password', password: ROGUE_PASSWORD } as const, server: { host: '127.0.0.1', port: server.port }, ca: server.certificates.ca };
      const router = new IqRouter({ log: silentLogger, gate: serverGate }, settings.iq);
      return talkOnce({ clock, random: new FakeRandom(), log: silentLogger, router }, account, options, { signal: caller.signal }, work);
    };
    const domain = parseJid('home.test');

    it('asks, is answered, and goes; nobody else hears of it', async () => {
      await talk((channel) => ping(channel, domain, { signal: caller.signal }));
      const [session] = server.sessions;
      await session?.closed;
      assert.deepEqual(session?.received.filter(({ secure }) => secure).map(({ element }) => element.name), ['auth', 'response', 'iq', 'iq']);
    });

    it('is gone, too, when the talk fails, is cut off, or is not wanted any more', async () => {
      await assert.rejects(talk(() => Promise.reject(new XpmnError('malformed', 'No.'))), { code: 'malformed' });
      await server.sessions[0]?.closed;
      server.behave({ mute: true });
      server.sessions.length = 0;
      const cut = talk((channel) => {
        server.sessions[0]?.destroy();
        return ping(channel, domain, { signal: caller.signal });
      });
      await assert.rejects(cut, XpmnError);
      server.sessions.length = 0;
      const left = talk((channel) => {
        caller.abort(new XpmnError('aborted', 'Enough.'));
        return ping(channel, domain, { signal: caller.signal });
      });
      await assert.rejects(left, { code: 'aborted' });
      await server.sessions[0]?.closed;
      assert.equal(clock.pending, 0);
    });
  });

  it('tries once, and tells what is wrong', async () => {
    const cases: [Partial<Behaviour>, string, RegExp][] = [
      [{ scram: 'not-authorized' }, 'login-failed', /does not know this user with this password/],
      [{ scram: 'temporary-auth-failure' }, 'server-unreachable', /just now/],
      [{ scram: 'wrong-signature' }, 'login-failed', /./],
      [{ mechanisms: ['PLAIN'] }, 'login-failed', /no login/],
      [{ starttls: 'missing' }, 'server-insecure', /no encryption/],
      [{ certificate: 'untrusted' }, 'server-untrusted', /certificate/],
      [{ certificate: 'wrongName' }, 'server-untrusted', /for another name/],
      [{ certificate: 'expired' }, 'server-untrusted', /has expired/],
      [{ bound: 'romeo@home.test/other' }, 'conflict', /another name/],
    ];
    for (const [behaviour, code, message] of cases) {
      server.behave(behaviour);
      server.sessions.length = 0;
      await assert.rejects(check(), { code, message });
      await Promise.all(server.sessions.map(({ closed }) => closed));
      assert.equal(server.sessions.length, 1, JSON.stringify(behaviour));
    }
  });

  it('tries a certificate the same way, and no password instead', async () => {
    const device = clientIdentity({ addresses: ['romeo@home.test'] });
    const credentials = { kind: 'certificate', ...device } as const;
    server.client = device.der;
    await check({ credentials });
    assert.deepEqual(server.sessions[0]?.received.filter(({ secure }) => secure).map(({ element }) => element.name), ['auth', 'iq']);
    for (const [behaviour, code] of [[{ external: 'not-authorized' }, 'login-failed'], [{ mechanisms: ['SCRAM-SHA-1'] }, 'not-supported']] as const) {
      server.behave(behaviour);
      await assert.rejects(check({ credentials }), { code, message: /by the password once/ });
      assert.ok(!server.sessions.at(-1)?.received.some(({ element }) => element.attrs['mechanism']?.startsWith('SCRAM')));
    }
  });

  it('tells a port where nothing listens from a host that does not exist', async () => {
    const port = server.port;
    await server.close();
    await assert.rejects(check({ server: { host: '127.0.0.1', port } }), { code: 'server-unreachable', message: `Nothing answers at 127.0.0.1, port ${port}.` });
    // A label too long for DNS: nobody has to be asked whether it exists.
    const host = `${'x'.repeat(64)}.test`;
    await assert.rejects(check({ server: { host, port } }), { code: 'server-unreachable', message: `There is no host ${host}.` });
  });

  it('gives up in time, and at once when nobody waits any more; then nothing is left open', async () => {
    for (const end of [() => clock.advance(options.attemptTimeout), () => caller.abort(new Error('Interrupted.'))]) {
      server.behave({ stall: 'auth' });
      const next = server.nextSession();
      const tried = check();
      const session = await next;
      await session.reached('auth');
      const failed = assert.rejects(tried, /longer than|Interrupted/);
      await end();
      await failed;
      await session.closed;
    }
  });
});
