import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ErrorCode, XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { LoginToken, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { ping } from '../../src/xpmn/xmpp/ping.ts';
import { reached } from '../compliance/xmpp-connection.suite.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { Logins } from './login-rig.ts';

const signal = new AbortController().signal;
const TV = 'romeo@home.test/tv-k3fq';
const CLIENT_ID = 'd4565fa7-4d72-4749-b3d3-740edbf87770';
const PASSWORD = { kind: 'password', password: 'wherefore', tokenFor: CLIENT_ID } as const;
const refused = (promise: Promise<unknown>, code: ErrorCode): Promise<void> => assert.rejects(promise, (error: XpmnError) => (assert.equal(error.code, code, error.message), true));

describe('login by token on Prosody', function () {
  this.timeout(60_000);
  let server: Prosody;
  const logins = new Logins(() => server);
  const begin = async (extra?: string): Promise<void> => void (server = await startProsody({ users: { romeo: PASSWORD.password, juliet: 'x' }, tokens: true, extra }));
  afterEach(() => logins.end());
  afterEach(() => server?.stop());

  /** Starts it; resolves to the token that came with that. */
  const issuedBy = async (connection: XmppConnection): Promise<LoginToken> => {
    const [[token]] = await Promise.all([once(connection as never, 'tokenIssued') as Promise<[LoginToken]>, connection.start({ signal })]);
    return token;
  };
  const byToken = (token: LoginToken, clientId = CLIENT_ID): XmppConnection => logins.make(TV, { kind: 'token', token, clientId });

  it('works with what the password has brought, and comes back after the server did', async () => {
    await begin();
    const token = await issuedBy(logins.make(TV, PASSWORD));
    assert.ok(token.expires > Date.now());
    await logins.end();
    const connection = byToken(token);
    await connection.start({ signal });
    await ping(connection.channel, parseJid(server.domain), { signal });
    const back = reached(connection, 'online');
    await server.restart();
    await back;
    await ping(connection.channel, parseJid(server.domain), { signal });
  });

  it('does not work with another token, for another client or for another account', async () => {
    await begin();
    const token = await issuedBy(logins.make(TV, PASSWORD));
    await refused(byToken({ ...token, token: `${token.token}x` }).start({ signal }), 'login-failed');
    await refused(byToken(token, 'a1b2c3d4-4d72-4749-b3d3-740edbf87770').start({ signal }), 'login-failed');
    await refused(logins.make('juliet@home.test/x', { kind: 'token', token, clientId: CLIENT_ID }).start({ signal }), 'login-failed');
  });

  it('brings a newer token when the server wants it so, and that works, too', async () => {
    await begin('sasl2_fast_token_min_ttl = 0');
    const first = await issuedBy(logins.make(TV, PASSWORD));
    await logins.end();
    const second = await issuedBy(byToken(first));
    assert.notEqual(second.token, first.token);
    await logins.end();
    await issuedBy(byToken(second));
  });

  it('works no more with an expired token', async () => {
    await begin('sasl2_fast_token_ttl = -1');
    const token = await issuedBy(logins.make(TV, PASSWORD));
    await logins.end();
    await refused(byToken(token).start({ signal }), 'login-failed');
  });
});

describe('a Prosody without tokens', function () {
  this.timeout(30_000);

  it('gives none with the password, and takes none', async () => {
    const server = await startProsody({ users: { romeo: PASSWORD.password } });
    const logins = new Logins(() => server);
    try {
      const connection = logins.make(TV, PASSWORD);
      connection.on('tokenIssued', () => assert.fail('there is none'));
      await connection.start({ signal });
      const token = { token: 'x', mechanism: 'HT-SHA-256-NONE', expires: 0 } as const;
      await refused(logins.online(TV, { kind: 'token', token, clientId: CLIENT_ID }), 'not-supported');
    } finally {
      await logins.end();
      await server.stop();
    }
  });
});
