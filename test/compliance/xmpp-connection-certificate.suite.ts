import assert from 'node:assert/strict';
import type { ErrorCode, XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { child, textOf } from '../../src/xpmn/model/xml.ts';
import type { ConnectionState, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import type { Behaviour, RogueSession } from '../fakes/rogue-session.ts';
import { ROGUE_PASSWORD } from '../fakes/rogue-xmpp-server.ts';
import type { RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import { clientIdentity } from '../support/client-certificate.ts';
import type { ClientIdentity } from '../support/client-certificate.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { JULIET, PING, ROMEO, iq, reached } from './xmpp-connection.suite.ts';
import type { ConnectionWorld, LoginBy, ServerSide } from './xmpp-connection.suite.ts';

const BARE = 'romeo@home.test';
const PASSWORD = { kind: 'password', password: ROGUE_PASSWORD } as const;
const signal = new AbortController().signal;
const device = clientIdentity({ addresses: [ROMEO] });
const refusedInPlain = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
  + "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

interface Case {
  readonly what: string;
  readonly behaviour: Partial<Behaviour>;
  readonly code: ErrorCode;
  readonly state: ConnectionState;
  /** What was said in `<auth/>` and `<response/>`, in clear; nothing by default. */
  readonly said?: readonly string[];
}

const CASES: readonly Case[] = [
  { what: 'no STARTTLS offered', behaviour: { starttls: 'missing' }, code: 'server-insecure', state: 'waiting' },
  { what: 'a server that nobody vouches for', behaviour: { certificate: 'untrusted' }, code: 'server-untrusted', state: 'waiting' },
  { what: 'a server of another name', behaviour: { certificate: 'wrongName' }, code: 'server-untrusted', state: 'waiting' },
  { what: 'a server whose certificate has expired', behaviour: { certificate: 'expired' }, code: 'server-untrusted', state: 'waiting' },
  { what: 'a refusal before TLS', behaviour: { junk: refusedInPlain }, code: 'connection-lost', state: 'waiting' },
  { what: 'passwords only', behaviour: { mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] }, code: 'not-supported', state: 'stopped' },
  { what: 'no mechanism at all', behaviour: { mechanisms: [] }, code: 'not-supported', state: 'stopped' },
  { what: 'nobody asked for a certificate', behaviour: { asksCertificate: false }, code: 'not-supported', state: 'stopped' },
  { what: 'a refusal', behaviour: { external: 'not-authorized' }, code: 'login-failed', state: 'stopped', said: ['EXTERNAL ='] },
  { what: 'no identity pleases', behaviour: { external: 'invalid-authzid' }, code: 'login-failed', state: 'stopped', said: ['EXTERNAL =', `EXTERNAL ${ROMEO}`] },
  { what: 'one question after the other', behaviour: { external: 'asks-on' }, code: 'protocol-violation', state: 'waiting', said: ['EXTERNAL =', ROMEO] },
  { what: 'a question that there is not', behaviour: { external: 'asks-else' }, code: 'protocol-violation', state: 'waiting', said: ['EXTERNAL ='] },
  { what: 'a failure for the moment', behaviour: { external: 'temporary-auth-failure' }, code: 'server-unreachable', state: 'waiting', said: ['EXTERNAL ='] },
  { what: 'another resource than ours', behaviour: { bound: 'romeo@home.test/random' }, code: 'conflict', state: 'stopped', said: ['EXTERNAL ='] },
  { what: 'another account than ours', behaviour: { external: 'anybody', bound: 'mallory@home.test/gateway-abcd' }, code: 'conflict', state: 'stopped', said: ['EXTERNAL ='] },
  { what: 'stanzas between login and the new stream', behaviour: { afterSuccess: "<message xmlns='jabber:client'/>" }, code: 'server-insecure', state: 'waiting', said: ['EXTERNAL ='] },
];

/** The contract of XmppConnection for a login by certificate, which every implementation keeps, fakes included. */
export function describeCertificateLogin(name: string, setup: (by: LoginBy) => Promise<ConnectionWorld>): void {
  describe(`XmppConnection by certificate: ${name}`, () => {
    let world: ConnectionWorld;
    beforeEach(async () => (world = await setup('certificate')));
    afterEach(async () => {
      await world.connection.stop();
      await world.close();
      assert.equal(world.clock.pending, 0, 'no timer is left');
    });
    const online = (): Promise<void> => world.connection.start({ signal });

    it('comes online, under its own name, and comes back after a loss', async () => {
      const { connection, server, clock } = world;
      await online();
      assert.equal(connection.channel.local, ROMEO);
      const waiting = reached(connection, 'waiting');
      server.drop();
      await waiting;
      const back = reached(connection, 'online');
      await clock.advance(2000);
      await back;
      const asked = server.next((stanza) => child(stanza, 'ping') !== undefined);
      const answer = connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
      server.push(iq('result', (await asked).attrs['id'] ?? '', JULIET));
      await answer;
    });

    for (const [what, code, change] of [
      ['refuses it', 'login-failed', (server) => server.refuseLogin()],
      ['offers no such login', 'not-supported', (server) => server.offerNoExternal()],
    ] as readonly [string, ErrorCode, (server: ServerSide) => void][]) {
      it(`does not try again, nor by anything else, at a server that ${what}`, async () => {
        const { connection, server, clock } = world;
        change(server);
        await assert.rejects(online(), (error: XpmnError) => {
          assert.equal(error.code, code);
          assert.match(error.message, /by the password once/);
          assert.ok(!JSON.stringify([error.message, error.details, String(error.cause)]).includes('KEY'));
          return true;
        });
        assert.equal(connection.state, 'stopped');
        await clock.advance(3_600_000);
        assert.equal(server.attempts, 1);
      });
    }

    it('does not come back once its certificate was revoked', async () => {
      const { connection, server } = world;
      await online();
      const stopped = reached(connection, 'stopped');
      server.streamError('not-authorized');
      assert.equal((await stopped)?.code, 'login-failed');
    });

    it('finds out after a loss that it is refused now', async () => {
      const { connection, server, clock } = world;
      await online();
      server.refuseLogin();
      const waiting = reached(connection, 'waiting');
      server.drop();
      await waiting;
      const stopped = reached(connection, 'stopped');
      await clock.advance(2000);
      assert.equal((await stopped)?.code, 'login-failed');
    });

    describe('told another way', () => {
      const history: ConnectionState[] = [];
      beforeEach(() => {
        history.length = 0;
        world.connection.on('stateChanged', (state) => void history.push(state));
      });
      const turned = async (): Promise<void> => {
        const back = reached(world.connection, 'online');
        world.connection.logInBy(PASSWORD);
        await back;
      };

      it('begins with that, if it is told before', async () => {
        world.server.offerNoExternal();
        world.connection.logInBy(PASSWORD);
        assert.equal(world.connection.state, 'idle');
        await online();
        assert.deepEqual(history, ['connecting', 'online']);
      });

      it('makes its link anew, at once, and its channel lives on', async () => {
        const { connection, server } = world;
        await online();
        const asked = server.next((stanza) => child(stanza, 'ping') !== undefined);
        const answer = connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
        await asked;
        const lost = assert.rejects(answer, { code: 'connection-lost' });
        await turned();
        await lost;
        assert.deepEqual(history, ['connecting', 'online', 'connecting', 'online']);
        assert.equal(server.attempts, 2);
        assert.equal(connection.channel.closed.aborted, false);
        const next = server.next((stanza) => child(stanza, 'ping') !== undefined);
        const again = connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
        server.push(iq('result', (await next).attrs['id'] ?? '', JULIET));
        await again;
      });

      it('begins again after a refusal for good', async () => {
        const { connection, server } = world;
        server.offerNoExternal();
        await assert.rejects(online(), { code: 'not-supported' });
        await turned();
        assert.deepEqual(history, ['connecting', 'stopped', 'connecting', 'online']);
        assert.equal(connection.channel.closed.aborted, false);
      });

      it('does not wait any longer for the next attempt', async () => {
        const { connection, server } = world;
        await online();
        const waiting = reached(connection, 'waiting');
        server.drop();
        await waiting;
        await turned();
        assert.deepEqual(history, ['connecting', 'online', 'waiting', 'connecting', 'online']);
      });

      it('does nothing once it was stopped, or somebody else has taken its place', async () => {
        const { connection, server } = world;
        await online();
        const stopped = reached(connection, 'stopped');
        server.streamError('conflict');
        await stopped;
        connection.logInBy(PASSWORD);
        await connection.stop();
        connection.logInBy(PASSWORD);
        await connection.stop();
        assert.deepEqual(history, ['connecting', 'online', 'stopped']);
        assert.equal(server.attempts, 1);
      });
    });
  });
}

/** What a login by certificate must survive: the server is the attacker, or somebody on the path is. */
export function describeHostileCertificateLogin(name: string, server: RogueXmppServer, connect: (clock: FakeClock, identity: ClientIdentity) => XmppConnection): void {
  describe(`XmppConnection by certificate, against hostile servers: ${name}`, () => {
    let clock: FakeClock;
    let connection: XmppConnection | undefined;
    beforeEach(async () => {
      await server.open();
      server.sessions.length = 0;
      server.behave({ mute: true });
      clock = new FakeClock();
    });
    afterEach(async () => {
      await connection?.stop();
      connection = undefined;
      await server.close();
      assert.equal(clock.pending, 0, 'no timer is left');
    });

    const make = (identity: ClientIdentity = device): XmppConnection => {
      server.client = identity.der;
      return (connection = connect(clock, identity));
    };
    const online = async (identity?: ClientIdentity): Promise<RogueSession> => {
      await make(identity).start({ signal });
      return server.sessions.at(-1) as RogueSession;
    };
    const endsIn = async (state: ConnectionState, code: ErrorCode, identity?: ClientIdentity): Promise<XpmnError> => {
      const made = make(identity);
      made.on('stateChanged', (now) => assert.notEqual(now, 'online'));
      const ended = reached(made, state);
      void made.start({ signal }).catch(() => undefined);
      const reason = await ended;
      assert.equal(reason?.code, code, reason?.message);
      return reason as XpmnError;
    };
    const saidBy = (session: RogueSession | undefined): string[] => (session?.received ?? [])
      .filter(({ element }) => element.name === 'auth' || element.name === 'response')
      .map(({ element, secure }) => {
        assert.ok(secure);
        const text = textOf(element) === '=' ? '=' : Buffer.from(textOf(element), 'base64').toString();
        return [element.attrs['mechanism'], text].filter((part) => part !== undefined).join(' ');
      });

    for (const { what, behaviour, code, state, said = [] } of CASES) {
      it(`never goes online: ${what}`, async () => {
        server.behave(behaviour);
        await endsIn(state, code);
        assert.equal(server.sessions.length, 1);
        assert.deepEqual(saidBy(server.sessions[0]), said);
        assert.ok(!server.sessions[0]?.plain.includes('romeo'), 'nobody on the path learns whose login it was');
        await server.sessions[0]?.closed;
        // In TLS 1.3.
        if (code === 'server-untrusted') assert.equal(server.sessions[0]?.shown, undefined, 'a server that is not proven does not get to see the certificate');
      });
    }

    it('shows its certificate, and asks for nothing more', async () => {
      const session = await online();
      assert.deepEqual(session.shown, device.der);
      assert.deepEqual(saidBy(session), ['EXTERNAL =']);
    });

    it('says who it is if the server asks, or wants to be told', async () => {
      server.behave({ external: 'asks', mute: true });
      assert.deepEqual(saidBy(await online()), ['EXTERNAL =', ROMEO]);
      await connection?.stop();
      server.behave({ external: 'wants-authzid', mute: true });
      assert.deepEqual(saidBy(await online()), ['EXTERNAL =', `EXTERNAL ${ROMEO}`]);
    });

    for (const [what, addresses, said] of [['no address', [], BARE], ['several addresses', [BARE, ROMEO], ROMEO]] as const) {
      it(`says who it is with ${what} in its certificate`, async () => {
        assert.deepEqual(saidBy(await online(clientIdentity({ addresses }))), [`EXTERNAL ${said}`]);
      });
    }

    it('does not even dial with a certificate that can\'t be used', async () => {
      const others = [clientIdentity({ addresses: ['juliet@home.test/x'] }), clientIdentity({ addresses: [`${BARE}/another`] }), { ...device, privateKey: clientIdentity({ addresses: [], key: 'other' }).privateKey }];
      for (const identity of others) {
        const reason = await endsIn('stopped', 'login-failed', identity);
        assert.ok(!reason.message.includes('KEY'));
        await connection?.stop();
      }
      assert.equal(server.sessions.length, 0);
    });

    it('says so when the certificate has expired', async () => {
      server.behave({ mechanisms: ['SCRAM-SHA-1'] });
      const reason = await endsIn('stopped', 'not-supported', clientIdentity({ addresses: [ROMEO], until: new Date('2025-12-31') }));
      assert.match(reason.message, /has expired/);
    });

    it('gives up a server that stalls when it is to say yes', async () => {
      server.behave({ stall: 'auth' });
      const session = server.nextSession();
      const made = make();
      void made.start({ signal }).catch(() => undefined);
      const waiting = reached(made, 'waiting');
      await (await session).reached('auth');
      await clock.advance(30_000);
      assert.equal((await waiting)?.code, 'timeout');
    });

    it('logs in when every byte comes alone', async () => {
      server.behave({ segment: 1, mute: true });
      await online();
    });
  });
}
