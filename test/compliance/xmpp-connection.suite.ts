import assert from 'node:assert/strict';
import { once } from 'node:events';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { child, elements, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { ConnectionState, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import type { IqRegistry } from '../../src/xpmn/ports/stanza-channel.ts';
import type { FakeClock } from '../support/fake-clock.ts';

/** How the connection logs in; certificate and token are ones that the server knows. */
export type LoginBy = 'password' | 'certificate' | 'token';

/** What a client is known by that has tokens. */
export const CLIENT_ID = 'd4565fa7-4d72-4749-b3d3-740edbf87770';

/** A server, and one connection to it that is not started yet. The account is `romeo@home.test/gateway-abcd`. */
export interface ConnectionWorld {
  readonly clock: FakeClock;
  readonly connection: XmppConnection;
  readonly registry: IqRegistry;
  readonly server: ServerSide;
  close(): Promise<void>;
}

/** The server's side of the newest stream. */
export interface ServerSide {
  /** Times that a client has tried to connect. */
  readonly attempts: number;
  /** The next stanza of the client that matches. */
  next(matches: (stanza: XmlElement) => boolean): Promise<XmlElement>;
  push(stanza: XmlElement): void;
  /** Cuts the connection. */
  drop(): void;
  /** Ends the stream with that error. */
  streamError(condition: string): void;
  /** Away: nobody can connect. `true` again: it is back. */
  reachable(is: boolean): Promise<void>;
  /** Refuses the password, the certificate and the token from now on. */
  refuseLogin(): void;
  /** Offers no login by certificate from now on. */
  offerNoExternal(): void;
  /** Gives and takes no tokens from now on. */
  offerNoTokens(): void;
  /** Gives a newer token, `next`, to who logs in by one. */
  rotateTokens(): void;
  /** Takes the connection, and then says nothing. Resolves when a client is there. */
  stall(): Promise<void>;
}

export const ROMEO = parseJid('romeo@home.test/gateway-abcd');
export const JULIET = parseJid('juliet@home.test/balcony');
const MALLORY = parseJid('mallory@evil.test/x');
const signal = new AbortController().signal;
export const PING = xml('ping', 'urn:xmpp:ping');

/** Resolves to the reason when the connection comes to that state. */
export async function reached(connection: XmppConnection, state: ConnectionState): Promise<XpmnError | undefined> {
  for (;;) {
    const [now, reason] = (await once(connection as never, 'stateChanged')) as [ConnectionState, XpmnError | undefined];
    if (now === state) return reason;
    if (now === 'stopped') throw new Error(`stopped instead of ${state}`, { cause: reason });
  }
}

export const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => error instanceof XpmnError && error.code === code || assert.fail(`${code} expected, not ${String(error)}`));

export const iq = (type: string, id: string, from: Jid | undefined, ...payload: XmlElement[]): XmlElement =>
  xml('iq', 'jabber:client', { type, id, from, to: ROMEO }, ...payload);

/** The contract of XmppConnection that every implementation keeps, fakes included. */
export function describeXmppConnection(name: string, setup: (by: LoginBy) => Promise<ConnectionWorld>): void {
  describe(`XmppConnection: ${name}`, () => {
    let world: ConnectionWorld;
    beforeEach(async () => (world = await setup('password')));
    afterEach(async () => {
      await world.connection.stop();
      await world.close();
      assert.equal(world.clock.pending, 0, 'no timer is left');
    });
    const online = (): Promise<void> => world.connection.start({ signal });
    const isPing = (stanza: XmlElement): boolean => child(stanza, 'ping') !== undefined;

    it('goes from idle over connecting to online, and stops', async () => {
      const states: string[] = [world.connection.state];
      world.connection.on('stateChanged', (state) => states.push(state));
      await online();
      assert.equal(world.connection.channel.local, ROMEO);
      assert.equal(world.connection.channel.peer, undefined);
      await world.connection.stop();
      await world.connection.stop();
      assert.deepEqual(states, ['idle', 'connecting', 'online', 'stopped']);
      assert.ok(world.connection.channel.closed.aborted);
      await rejects(world.connection.channel.send(xml('presence', 'jabber:client')), 'connection-lost');
    });

    it('starts once, and never after stop', async () => {
      await online();
      await rejects(online(), 'already-running');
      await world.connection.stop();
      await rejects(online(), 'already-running');
    });

    it('stops before it is started', async () => {
      await world.connection.stop();
      assert.equal(world.connection.state, 'stopped');
      assert.equal(world.server.attempts, 0);
    });

    it('delivers presence and sends it', async () => {
      await online();
      const seen = once(world.connection as never, 'stanza');
      world.server.push(xml('presence', 'jabber:client', { from: JULIET }));
      assert.equal(((await seen) as [XmlElement])[0].attrs['from'], JULIET);
      const sent = world.server.next((stanza) => stanza.name === 'presence');
      await world.connection.channel.send(xml('presence', 'jabber:client', {}, xml('priority', 'jabber:client', {}, '-1')));
      assert.equal(elements(await sent)[0]?.name, 'priority');
    });

    it('takes an answer from whom was asked, and from nobody else', async () => {
      await online();
      const asked = world.server.next(isPing);
      const answer = world.connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
      const id = (await asked).attrs['id'] ?? '';
      assert.ok(id.length >= 16);
      for (const from of [MALLORY, undefined, parseJid('juliet@home.test'), parseJid('juliet@home.test/other'), parseJid('home.test')]) {
        world.server.push(iq('result', id, from, xml('forged', 'urn:x')));
      }
      world.server.push(iq('result', 'guessed', JULIET, xml('forged', 'urn:x')));
      world.server.push(iq('result', id, JULIET, xml('true', 'urn:x')));
      assert.equal(elements(await answer)[0]?.name, 'true');
    });

    it('turns error answers into coded errors, and silence into a timeout', async () => {
      await online();
      const { channel } = world.connection;
      const first = world.server.next(isPing);
      const refused = channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
      const condition = xml('forbidden', 'urn:ietf:params:xml:ns:xmpp-stanzas');
      world.server.push(iq('error', (await first).attrs['id'] ?? '', JULIET, xml('error', 'jabber:client', { type: 'auth' }, condition)));
      await rejects(refused, 'not-allowed');
      const second = world.server.next(isPing);
      const silent = channel.request({ type: 'get', to: JULIET, payload: PING }, { signal, timeout: 500 });
      const timedOut = rejects(silent, 'timeout');
      await second;
      await world.clock.advance(500);
      await timedOut;
    });

    it('answers requests by the registry, and refuses what needs a secured stream', async () => {
      world.registry.handle({ ns: 'urn:xmpp:ping', name: 'ping' }, ({ from }) => xml('from', 'urn:x', {}, from));
      world.registry.handle({ ns: 'urn:xmpp:media:server:0' }, () => assert.fail('must not be reached'));
      await online();
      const pong = world.server.next((stanza) => stanza.attrs['id'] === 'p');
      world.server.push(iq('get', 'p', JULIET, PING));
      assert.equal(elements(await pong)[0]?.children[0], JULIET);
      const refused = world.server.next((stanza) => stanza.attrs['id'] === 'm');
      world.server.push(iq('get', 'm', JULIET, xml('query', 'urn:xmpp:media:server:0')));
      const error = child(await refused, 'error');
      assert.ok(error && child(error, 'not-acceptable') && child(error, 'security-required', 'urn:xmpp:jingle:errors:1'));
    });

    it('refuses to send what needs a secured stream', async () => {
      await online();
      const { channel } = world.connection;
      const secret = xml('query', 'urn:xmpp:media:server:0');
      await rejects(channel.request({ type: 'get', to: JULIET, payload: secret }, { signal }), 'security-required');
      await rejects(channel.send(xml('message', 'jabber:client', { to: JULIET }, xml('body', 'jabber:client', {}, 'film'))), 'security-required');
    });

    it('never shows messages that may not pass, and says so to whom sent one', async () => {
      await online();
      world.connection.on('stanza', (stanza) => assert.equal(stanza.name, 'presence'));
      const refused = world.server.next((stanza) => stanza.name === 'message');
      world.server.push(xml('message', 'jabber:client', { type: 'error', from: JULIET }, xml('body', 'jabber:client')));
      world.server.push(xml('message', 'jabber:client', { type: 'chat', id: 'c', from: JULIET }, xml('body', 'jabber:client', {}, 'hello')));
      const answer = await refused;
      assert.deepEqual([answer.attrs['type'], answer.attrs['to'], answer.attrs['id']], ['error', JULIET, 'c']);
    });

    it('fails what is under way when the connection is lost, and comes back', async () => {
      await online();
      const { connection, server, clock } = world;
      const asked = server.next(isPing);
      const answer = connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
      const failed = rejects(answer, 'connection-lost');
      await asked;
      const waiting = reached(connection, 'waiting');
      server.drop();
      await failed;
      assert.equal((await waiting)?.code, 'connection-lost');
      await rejects(connection.channel.send(xml('presence', 'jabber:client')), 'connection-lost');
      assert.equal(connection.channel.closed.aborted, false);
      const back = reached(connection, 'online');
      await clock.advance(2000);
      await back;
      const again = server.next(isPing);
      const second = connection.channel.request({ type: 'get', to: JULIET, payload: PING }, { signal });
      server.push(iq('result', (await again).attrs['id'] ?? '', JULIET));
      await second;
    });

    it('waits longer after each failure, with jitter, up to a bound, and shortly again after a stable time', async () => {
      await online();
      const { connection, server, clock } = world;
      const delays: number[] = [];
      let since = 0;
      connection.on('stateChanged', (state) => {
        if (state === 'connecting') delays.push(clock.now() - since);
        since = clock.now();
      });
      let waiting = reached(connection, 'waiting');
      await server.reachable(false);
      server.drop();
      for (let step = 2000; delays.length < 10; step = Math.min(step * 2, 300_000)) {
        await waiting;
        waiting = reached(connection, 'waiting');
        await clock.advance(since + step / 2 - 1 - clock.now());
        assert.equal(connection.state, 'waiting', `not before half of ${step}`);
        for (const before = delays.length; delays.length === before; ) await clock.advance(step / 64);
        const share = (delays.at(-1) as number) / step;
        assert.ok(share >= 0.5 && share <= 1, `${share} of ${step}`);
        delays.splice(-1, 1, share);
      }
      assert.ok(new Set(delays).size > 2, 'jitter');
      await server.reachable(true);
      await waiting;
      let back = reached(connection, 'online');
      while (connection.state === 'waiting') await clock.advance(4000);
      await back;
      await clock.advance(30_000);
      waiting = reached(connection, 'waiting');
      server.drop();
      await waiting;
      back = reached(connection, 'online');
      await clock.advance(2000);
      await back;
    });

    it('does not shorten the delays for a server that drops it at once, again and again', async () => {
      await online();
      const { connection, server, clock } = world;
      for (const delay of [2000, 4000, 8000]) {
        const waiting = reached(connection, 'waiting');
        server.drop();
        await waiting;
        const back = reached(connection, 'online');
        await clock.advance(delay / 2 - 1);
        assert.equal(connection.state, 'waiting');
        await clock.advance(delay / 2 + 1);
        await back;
      }
    });

    for (const condition of ['policy-violation', 'system-shutdown', 'reset', 'see-other-host', 'made-up']) {
      it(`comes back after the stream error ${condition}`, async () => {
        await online();
        const waiting = reached(world.connection, 'waiting');
        world.server.streamError(condition);
        assert.equal((await waiting)?.code, 'connection-lost');
      });
    }

    it('does not come back after a conflict', async () => {
      await online();
      const stopped = reached(world.connection, 'stopped');
      world.server.streamError('conflict');
      assert.equal((await stopped)?.code, 'conflict');
      assert.equal(world.connection.channel.closed.aborted, true);
    });

    it('does not repeat a wrong password, and never says it', async () => {
      world.server.refuseLogin();
      await assert.rejects(online(), (error: XpmnError) => {
        assert.equal(error.code, 'login-failed');
        assert.ok(!JSON.stringify([error.message, error.stack, error.details, String(error.cause)]).includes('battery'));
        return true;
      });
      assert.equal(world.connection.state, 'stopped');
      await world.clock.advance(3_600_000);
      assert.equal(world.server.attempts, 1);
    });

    it('stops in the middle of connecting', async () => {
      const stalled = world.server.stall();
      const starting = online();
      const failed = rejects(starting, 'aborted');
      await stalled;
      await world.connection.stop();
      await failed;
      assert.equal(world.connection.state, 'stopped');
    });

    it('gives up connecting when start is aborted', async () => {
      const controller = new AbortController();
      const stalled = world.server.stall();
      const starting = world.connection.start({ signal: controller.signal });
      const failed = assert.rejects(starting, /enough/);
      await stalled;
      controller.abort(new Error('enough'));
      await failed;
      assert.equal(world.connection.state, 'stopped');
    });

    it('gives up a server that stalls, and tries again', async () => {
      const stalled = world.server.stall();
      void online().catch(() => undefined);
      await stalled;
      const waiting = reached(world.connection, 'waiting');
      await world.clock.advance(30_000);
      assert.equal((await waiting)?.code, 'timeout');
    });

    it('stops while it waits', async () => {
      await online();
      const waiting = reached(world.connection, 'waiting');
      world.server.drop();
      await waiting;
      await world.connection.stop();
      assert.equal(world.connection.state, 'stopped');
    });

    it('notices a server that is gone without a word, and only then', async () => {
      await online();
      const { connection, server, clock } = world;
      const asked = server.next(isPing);
      await clock.advance(60_000);
      const ping = await asked;
      server.push(iq('result', ping.attrs['id'] ?? '', parseJid('home.test')));
      const heard = once(connection as never, 'stanza');
      server.push(xml('presence', 'jabber:client', { from: JULIET }));
      await heard;
      await clock.advance(20_000);
      assert.equal(connection.state, 'online');
      const again = server.next(isPing);
      await clock.advance(40_000);
      await again;
      const waiting = reached(connection, 'waiting');
      await clock.advance(20_000);
      assert.equal((await waiting)?.code, 'connection-lost');
    });

    it('asks at once a server that is doubted, and makes another link if it is silent', async () => {
      const { connection, server, clock } = world;
      connection.doubt();
      await online();
      const asked = server.next(isPing);
      connection.doubt();
      await asked;
      const waiting = reached(connection, 'waiting');
      await clock.advance(20_000);
      assert.equal((await waiting)?.code, 'connection-lost');
      connection.doubt();
      const again = reached(connection, 'online');
      await clock.advance(20_000);
      await again;
    });
  });
}
