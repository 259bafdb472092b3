import assert from 'node:assert/strict';
import type { ErrorCode, XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { childText } from '../../src/xpmn/model/xml.ts';
import type { ConnectionState, LoginToken, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import type { Behaviour, RogueSession } from '../fakes/rogue-session.ts';
import type { RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CLIENT_ID, ROMEO, reached } from './xmpp-connection.suite.ts';
import type { ConnectionWorld, LoginBy, ServerSide } from './xmpp-connection.suite.ts';

const signal = new AbortController().signal;
const NS_SASL2 = 'urn:xmpp:sasl:2';
const NEXT: LoginToken = { token: 'next', mechanism: 'HT-SHA-256-NONE', expires: Date.UTC(2026, 1, 1) };

/** Tokens and states, in the order of their events. */
function historyOf(connection: XmppConnection): unknown[] {
  const history: unknown[] = [];
  connection.on('tokenIssued', (token) => history.push(token));
  connection.on('stateChanged', (state) => history.push(state));
  return history;
}

/** The contract of XmppConnection for tokens, which every implementation keeps, fakes included. */
export function describeTokenLogin(name: string, setup: (by: LoginBy) => Promise<ConnectionWorld>): void {
  describe(`XmppConnection by token: ${name}`, () => {
    let world: ConnectionWorld;
    const begin = async (by: LoginBy): Promise<ConnectionWorld> => (world = await setup(by));
    afterEach(async () => {
      await world.connection.stop();
      await world.close();
      assert.equal(world.clock.pending, 0, 'no timer is left');
    });

    const again = async ({ connection, server, clock }: ConnectionWorld): Promise<void> => {
      const waiting = reached(connection, 'waiting');
      server.drop();
      await waiting;
      const back = reached(connection, 'online');
      await clock.advance(2000);
      await back;
    };

    it('comes online, under its own name, and comes back after a loss', async () => {
      const { connection } = await begin('token');
      const history = historyOf(connection);
      await connection.start({ signal });
      assert.equal(connection.channel.local, ROMEO);
      await again(world);
      assert.deepEqual(history, ['connecting', 'online', 'waiting', 'connecting', 'online']);
    });

    it('tells a newer token before it is online', async () => {
      const { connection, server } = await begin('token');
      server.rotateTokens();
      const history = historyOf(connection);
      await connection.start({ signal });
      assert.deepEqual(history, ['connecting', NEXT, 'online']);
    });

    it('gets one with the password, once, where the server has such', async () => {
      const { connection } = await begin('password');
      const history = historyOf(connection);
      await connection.start({ signal });
      await again(world);
      assert.deepEqual(history, ['connecting', NEXT, 'online', 'waiting', 'connecting', 'online']);
    });

    it('gets none where the server has none, and goes on with the password', async () => {
      const { connection, server } = await begin('password');
      server.offerNoTokens();
      const history = historyOf(connection);
      await connection.start({ signal });
      assert.deepEqual(history, ['connecting', 'online']);
    });

    for (const [what, code, change] of [
      ['refuses it', 'login-failed', (server) => server.refuseLogin()],
      ['has no tokens', 'not-supported', (server) => server.offerNoTokens()],
    ] as readonly [string, ErrorCode, (server: ServerSide) => void][]) {
      it(`does not try again, nor by anything else, at a server that ${what}`, async () => {
        const { connection, server, clock } = await begin('token');
        change(server);
        await assert.rejects(connection.start({ signal }), (error: XpmnError) => {
          assert.equal(error.code, code);
          assert.match(error.message, /by the password/);
          assert.ok(!/mine|romeo/.test(JSON.stringify([error.message, error.details, String(error.cause)])));
          return true;
        });
        assert.equal(connection.state, 'stopped');
        await clock.advance(3_600_000);
        assert.equal(server.attempts, 1);
      });
    }
  });
}

interface Case {
  readonly what: string;
  readonly behaviour: Partial<Behaviour>;
  readonly code: ErrorCode;
  readonly state: ConnectionState;
}

const BY_TOKEN: readonly Case[] = [
  { what: 'a server that nobody vouches for', behaviour: { tokens: 'honest', certificate: 'untrusted' }, code: 'server-untrusted', state: 'waiting' },
  { what: 'no STARTTLS offered', behaviour: { tokens: 'honest', starttls: 'missing' }, code: 'server-insecure', state: 'waiting' },
  { what: 'no tokens', behaviour: { tokens: 'none' }, code: 'not-supported', state: 'stopped' },
  { what: 'a refusal', behaviour: { tokens: 'not-authorized' }, code: 'login-failed', state: 'stopped' },
  { what: 'an expired token', behaviour: { tokens: 'credentials-expired' }, code: 'login-failed', state: 'stopped' },
  { what: 'a failure for the moment', behaviour: { tokens: 'temporary-auth-failure' }, code: 'server-unreachable', state: 'waiting' },
  { what: 'success without its proof', behaviour: { tokens: 'no-proof' }, code: 'login-failed', state: 'stopped' },
  { what: 'success with our own proof', behaviour: { tokens: 'wrong-proof' }, code: 'login-failed', state: 'stopped' },
  { what: 'a second factor', behaviour: { tokens: 'continue' }, code: 'login-failed', state: 'stopped' },
  { what: 'stanzas between login and features', behaviour: { tokens: 'honest', afterSuccess: "<message xmlns='jabber:client'/>" }, code: 'protocol-violation', state: 'waiting' },
  { what: 'another resource than ours', behaviour: { tokens: 'honest', bound: 'romeo@home.test/random' }, code: 'conflict', state: 'stopped' },
];

/** The password, in the profile that gives tokens: it must be as hard there. */
const BY_PASSWORD: readonly Case[] = [
  { what: 'success at once, without the password', behaviour: { scram: 'success-at-once' }, code: 'login-failed', state: 'stopped' },
  { what: 'success without its signature', behaviour: { scram: 'no-signature' }, code: 'login-failed', state: 'stopped' },
  { what: 'a wrong signature', behaviour: { scram: 'wrong-signature' }, code: 'login-failed', state: 'stopped' },
  { what: 'too few iterations', behaviour: { scram: 'few-iterations' }, code: 'login-failed', state: 'stopped' },
  { what: 'a nonce that is not ours', behaviour: { scram: 'foreign-nonce' }, code: 'login-failed', state: 'stopped' },
  { what: 'only PLAIN', behaviour: { mechanisms: ['PLAIN'] }, code: 'login-failed', state: 'stopped' },
  { what: 'a wrong password', behaviour: { scram: 'not-authorized' }, code: 'login-failed', state: 'stopped' },
];

/** What tokens must survive: the server is the attacker, or somebody on the path is. */
export function describeHostileTokenLogin(name: string, server: RogueXmppServer, connect: (clock: FakeClock, by: LoginBy) => XmppConnection): void {
  describe(`XmppConnection by token, against hostile servers: ${name}`, () => {
    let clock: FakeClock;
    let connection: XmppConnection | undefined;
    beforeEach(async () => {
      await server.open();
      server.sessions.length = 0;
      clock = new FakeClock();
    });
    afterEach(async () => {
      await connection?.stop();
      connection = undefined;
      await server.close();
      assert.equal(clock.pending, 0, 'no timer is left');
    });

    const cases: readonly (Case & { readonly by: LoginBy })[] = [
      ...BY_TOKEN.map((one) => ({ ...one, by: 'token' as const })),
      ...BY_PASSWORD.map(({ behaviour, ...one }) => ({ ...one, behaviour: { tokens: 'honest' as const, ...behaviour }, by: 'password' as const })),
    ];
    for (const { what, behaviour, code, state, by } of cases) {
      it(`never goes online by ${by}: ${what}`, async () => {
        server.behave(behaviour);
        const made = (connection = connect(clock, by));
        made.on('stateChanged', (now) => assert.notEqual(now, 'online'));
        made.on('tokenIssued', () => assert.fail('nothing is to be kept'));
        const ended = reached(made, state);
        void made.start({ signal }).catch(() => undefined);
        const reason = await ended;
        assert.equal(reason?.code, code, reason?.message);
        const [session] = server.sessions as [RogueSession];
        assert.ok(!session.plain.includes('romeo'), 'nobody on the path learns whose login it was');
        assert.ok(!JSON.stringify(session.received).includes(server.token), 'the token itself is never said');
        await session.closed;
      });
    }

    it('says by which client it is, and never the token', async () => {
      server.behave({ tokens: 'honest', mute: true });
      const made = (connection = connect(clock, 'token'));
      await made.start({ signal });
      const said = server.sessions[0]?.received.find(({ element }) => element.ns === NS_SASL2);
      assert.ok(said?.secure);
      assert.equal(said.element.attrs['mechanism'], 'HT-SHA-256-NONE');
      assert.ok(JSON.stringify(said.element).includes(CLIENT_ID));
      assert.match(Buffer.from(childText(said.element, 'initial-response') ?? '', 'base64').toString('latin1'), /^romeo\0[^]{32}$/);
    });

    it('is online with what is no token, and does not keep it', async () => {
      server.behave({ tokens: 'odd', mute: true });
      for (const by of ['token', 'password'] as const) {
        const made = (connection = connect(clock, by));
        made.on('tokenIssued', () => assert.fail('nothing is to be kept'));
        await made.start({ signal });
        await made.stop();
      }
    });

    it('does without a token where it can\'t be had with a password that is proven both ways', async () => {
      server.behave({ tokens: 'honest', newerMechanisms: ['PLAIN', 'X-OAUTH2'], mute: true });
      const made = (connection = connect(clock, 'password'));
      made.on('tokenIssued', () => assert.fail('there is none'));
      await made.start({ signal });
    });

    it('logs in by the newest token the next time', async () => {
      server.behave({ tokens: 'rotates', mute: true });
      const made = (connection = connect(clock, 'token'));
      await made.start({ signal });
      const mine = server.token;
      try {
        server.token = 'next';
        const waiting = reached(made, 'waiting');
        server.sessions[0]?.destroy();
        await waiting;
        const back = reached(made, 'online');
        await clock.advance(2000);
        await back;
      } finally {
        server.token = mine;
      }
    });
  });
}
