import assert from 'node:assert/strict';
import { once } from 'node:events';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { ErrorCode, XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ConnectionState, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import type { Behaviour, RogueSession, Step } from '../fakes/rogue-session.ts';
import type { RogueXmppServer } from '../fakes/rogue-xmpp-server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { reached } from './xmpp-connection.suite.ts';

const STREAM = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='home.test' id='1' version='1.0'>";
const signal = new AbortController().signal;

interface Case {
  readonly what: string;
  readonly behaviour: Partial<Behaviour>;
  readonly code: ErrorCode;
  /** `waiting` unless the server itself, proven, said no. */
  readonly state?: ConnectionState;
}

const conflictInPlain = `${STREAM}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`;
const elsewhereInPlain = `${STREAM}<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:1</see-other-host></stream:error>`;

const LOGIN_CASES: readonly Case[] = [
  { what: 'no STARTTLS offered', behaviour: { starttls: 'missing' }, code: 'server-insecure' },
  { what: 'STARTTLS refused', behaviour: { starttls: 'refused' }, code: 'server-insecure' },
  { what: 'an untrusted certificate', behaviour: { certificate: 'untrusted' }, code: 'server-untrusted' },
  { what: 'a certificate of another name', behaviour: { certificate: 'wrongName' }, code: 'server-untrusted' },
  { what: 'an expired certificate', behaviour: { certificate: 'expired' }, code: 'server-untrusted' },
  { what: 'stanzas injected before TLS', behaviour: { injected: "<iq type='set' id='x' from='home.test'><query xmlns='jabber:iq:roster'/></iq>" }, code: 'server-insecure' },
  { what: 'a conflict before TLS', behaviour: { junk: conflictInPlain }, code: 'connection-lost' },
  { what: 'another host before TLS', behaviour: { junk: elsewhereInPlain }, code: 'connection-lost' },
  { what: 'junk', behaviour: { junk: '\u0001\u0002HTTP/1.1 400 Bad Request\r\n\r\n' }, code: 'malformed' },
  { what: 'another protocol in XML', behaviour: { junk: "<html xmlns='http://www.w3.org/1999/xhtml'><body/>" }, code: 'protocol-violation' },
  { what: 'a stream without features', behaviour: { junk: `${STREAM}<message/>` }, code: 'protocol-violation' },
  { what: 'a DOCTYPE', behaviour: { junk: `<!DOCTYPE x [<!ENTITY a 'b'>]>${STREAM}` }, code: 'xml-restricted' },
  { what: 'only PLAIN', behaviour: { mechanisms: ['PLAIN', 'X-OAUTH2'] }, code: 'login-failed', state: 'stopped' },
  { what: 'success at once, without the password', behaviour: { scram: 'success-at-once' }, code: 'login-failed', state: 'stopped' },
  { what: 'success without its signature', behaviour: { scram: 'no-signature' }, code: 'login-failed', state: 'stopped' },
  { what: 'a wrong signature', behaviour: { scram: 'wrong-signature' }, code: 'login-failed', state: 'stopped' },
  { what: 'too few iterations', behaviour: { scram: 'few-iterations' }, code: 'login-failed', state: 'stopped' },
  { what: 'too many iterations', behaviour: { scram: 'many-iterations' }, code: 'login-failed', state: 'stopped' },
  { what: 'a nonce that is not ours', behaviour: { scram: 'foreign-nonce' }, code: 'login-failed', state: 'stopped' },
  { what: 'a failure for the moment', behaviour: { scram: 'temporary-auth-failure' }, code: 'server-unreachable' },
  { what: 'stanzas between login and the new stream', behaviour: { afterSuccess: "<message xmlns='jabber:client'/>" }, code: 'server-insecure' },
  { what: 'another resource than ours', behaviour: { bound: 'romeo@home.test/random' }, code: 'conflict', state: 'stopped' },
  { what: 'another account than ours', behaviour: { bound: 'mallory@home.test/gateway-abcd' }, code: 'conflict', state: 'stopped' },
  { what: 'no service at bind', behaviour: { bound: 'service-unavailable' }, code: 'server-unreachable' },
  { what: 'a conflict at bind', behaviour: { bound: 'conflict' }, code: 'conflict', state: 'stopped' },
];

const STALLS: readonly Step[] = ['header', 'starttls', 'secure-header', 'auth', 'response', 'authenticated-header', 'bind'];

const deep = '<a>'.repeat(200);
const ONLINE_CASES: readonly { what: string; said: string; code: ErrorCode }[] = [
  { what: 'a DOCTYPE', said: "<!DOCTYPE message [<!ENTITY lol 'lol'>]><message/>", code: 'malformed' },
  { what: 'a comment', said: '<message><!-- x --></message>', code: 'xml-restricted' },
  { what: 'a processing instruction', said: "<?php system('x') ?><message/>", code: 'xml-restricted' },
  { what: 'an undefined entity', said: '<message>&lol;</message>', code: 'malformed' },
  { what: 'a deep stanza', said: `<message>${deep}`, code: 'too-large' },
  { what: 'a huge stanza', said: `<message><body>${'x'.repeat(400_000)}</body></message>`, code: 'too-large' },
  { what: 'a huge attribute', said: `<message id='${'x'.repeat(400_000)}'/>`, code: 'too-large' },
  { what: 'a huge name', said: `<${'x'.repeat(400_000)}/>`, code: 'too-large' },
  { what: 'too many nodes', said: `<message>${'<a/>'.repeat(30_000)}</message>`, code: 'too-large' },
  { what: 'ill-formed XML', said: '<message><body></message>', code: 'malformed' },
];

/** What a connection to a real network must survive. The server is the attacker, or somebody on the path is. */
export function describeHostileServer(name: string, server: RogueXmppServer, connect: (clock: FakeClock) => XmppConnection): void {
  describe(`XmppConnection against hostile servers: ${name}`, () => {
    let clock: FakeClock;
    let connection: XmppConnection;
    beforeEach(async () => {
      await server.open();
      server.sessions.length = 0;
      clock = new FakeClock();
      connection = connect(clock);
    });
    afterEach(async () => {
      await connection.stop();
      await server.close();
      assert.equal(clock.pending, 0, 'no timer is left');
    });

    const newest = (): RogueSession => server.sessions.at(-1) as RogueSession;
    const go = (): void => void connection.start({ signal }).catch(() => undefined);
    const online = async (behaviour: Partial<Behaviour> = {}): Promise<RogueSession> => {
      server.behave({ mute: true, ...behaviour });
      await connection.start({ signal });
      return newest();
    };
    const endsIn = async (state: ConnectionState, code: ErrorCode, cause: () => void): Promise<XpmnError> => {
      const ended = reached(connection, state);
      cause();
      const reason = await ended;
      assert.equal(reason?.code, code, reason?.message);
      return reason as XpmnError;
    };

    for (const { what, behaviour, code, state = 'waiting' } of LOGIN_CASES) {
      it(`never goes online: ${what}`, async () => {
        server.behave(behaviour);
        connection.on('stanza', () => assert.fail('nothing may be delivered'));
        connection.on('stateChanged', (now) => assert.notEqual(now, 'online'));
        await endsIn(state, code, go);
        const said = newest().received.filter(({ secure }) => !secure).map(({ element }) => element.name);
        assert.ok(said.every((element) => element === 'starttls'), 'nothing but STARTTLS is said in the clear');
        assert.ok(!newest().plain.includes('SCRAM') && !newest().plain.includes('romeo'));
        await newest().closed;
      });
    }

    it('never offers the password to a server whose certificate is wrong', async () => {
      server.behave({ certificate: 'untrusted' });
      await endsIn('waiting', 'server-untrusted', go);
      assert.ok(!newest().received.some(({ element }) => element.name === 'auth'));
    });

    for (const step of STALLS) {
      it(`gives up a server that stalls at ${step}, and closes the socket`, async () => {
        server.behave({ stall: step });
        const session = server.nextSession();
        go();
        const ended = reached(connection, 'waiting');
        const stalled = await session;
        await stalled.reached(step);
        await clock.advance(30_000);
        assert.equal((await ended)?.code, 'timeout');
        await stalled.closed;
      });

      it(`stops while the server stalls at ${step}`, async () => {
        server.behave({ stall: step });
        const session = server.nextSession();
        go();
        await (await session).reached(step);
        await connection.stop();
        await newest().closed;
      });
    }

    it('forgets half an element that was injected before TLS', async () => {
      const session = await online({ injected: `<message from='juliet@home.test'>${STREAM}<stream:features/>` });
      const seen = once(connection as never, 'stanza');
      session.raw("<presence from='juliet@home.test/x'/>");
      assert.equal(((await seen) as [XmlElement])[0].name, 'presence');
    });

    it('logs in when every byte comes alone', async () => {
      await online({ segment: 1 });
      assert.equal(connection.state, 'online');
    });

    it('logs in when the server proves itself in a challenge', async () => {
      await online({ scram: 'signature-in-challenge' });
      assert.equal(connection.state, 'online');
    });

    for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      it(`logs in by ${mechanism}`, async () => {
        const session = await online({ mechanisms: ['PLAIN', mechanism] });
        const auth = session.received.find(({ element }) => element.name === 'auth');
        assert.deepEqual([auth?.element.attrs['mechanism'], auth?.secure], [mechanism, true]);
      });
    }

    it('logs in among thousands of features', async () => {
      await online({ features: Array.from({ length: 5000 }, (_, i) => `<f xmlns='urn:${i}'/>`).join('') });
    });

    it('gives up more features than a stanza may have', async () => {
      server.behave({ features: '<f xmlns="urn:x"/>'.repeat(30_000) });
      await endsIn('waiting', 'too-large', go);
    });

    it('loses nothing that comes with the end of the negotiation', async () => {
      const many = Array.from({ length: 500 }, (_, i) => `<presence from='juliet@home.test/${i}'/>`);
      const seen: string[] = [];
      const all = new Promise<void>((resolve) => connection.on('stanza', (stanza) => {
        if (seen.push(stanza.attrs['from'] ?? '') === many.length) resolve();
      }));
      await online({ afterBind: many.join('') });
      await all;
      assert.equal(seen[499], 'juliet@home.test/499');
    });

    it('reads UTF-8 split anywhere', async () => {
      const session = await online({ segment: 1 });
      const seen = once(connection as never, 'stanza');
      session.raw("<presence from='juliet@home.test/x'><status>Grüße, 日本, 🎬</status></presence>");
      const [stanza] = (await seen) as [XmlElement];
      assert.equal((stanza.children[0] as XmlElement).children[0], 'Grüße, 日本, 🎬');
    });

    for (const { what, said, code } of ONLINE_CASES) {
      it(`ends the stream, and comes back: ${what}`, async () => {
        const session = await online();
        connection.on('stanza', () => assert.fail('nothing may be delivered'));
        await endsIn('waiting', code, () => session.raw(said));
        await session.closed;
      });
    }

    it('survives white space, unknown elements and stanzas of other namespaces', async () => {
      const session = await online();
      const seen = once(connection as never, 'stanza');
      session.raw("  \n <x xmlns='urn:x'/><presence xmlns='jabber:server'/> <presence from='juliet@home.test/x'/>");
      assert.equal(((await seen) as [XmlElement])[0].ns, 'jabber:client');
    });

    it('does not let white space alone grow', async () => {
      const session = await online();
      for (let i = 0; i < 20; i += 1) session.raw(' '.repeat(100_000));
      const seen = once(connection as never, 'stanza');
      session.raw("<presence from='juliet@home.test/x'/>");
      await seen;
    });

    it('follows see-other-host of a proven server once, at once', async () => {
      const session = await online();
      const next = server.nextSession();
      const back = reached(connection, 'online');
      session.raw(`<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:${server.port}</see-other-host></stream:error></stream:stream>`);
      await reached(connection, 'waiting');
      await clock.advance(0);
      const second = await next;
      await back;
      const waiting = reached(connection, 'waiting');
      second.raw(`<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:${server.port}</see-other-host></stream:error></stream:stream>`);
      await waiting;
      await clock.advance(999);
      assert.equal(connection.state, 'waiting');
    });

    it('joins the small writes of one turn', async () => {
      const session = await online();
      const before = session.chunks.length;
      const last = session.next((stanza) => stanza.attrs['id'] === '499');
      const sent = Array.from({ length: 500 }, (_, i) => connection.channel.send(xml('presence', 'jabber:client', { id: i })));
      await Promise.all(sent);
      await last;
      assert.ok(session.chunks.length - before <= 5, `${session.chunks.length - before} records`);
    });

    it('refuses to send a stanza that no server takes, and stays online', async () => {
      await online();
      const huge = xml('presence', 'jabber:client', {}, xml('status', 'jabber:client', {}, 'x'.repeat(262_144)));
      await assert.rejects(connection.channel.send(huge), (error: XpmnError) => error.code === 'too-large');
      assert.equal(connection.state, 'online');
    });

    it('holds senders back when the server does not read, and refuses more than may wait', async () => {
      const session = await online();
      session.pause();
      const big = xml('presence', 'jabber:client', {}, xml('status', 'jabber:client', {}, 'x'.repeat(200_000)));
      const sent: Promise<'sent' | ErrorCode>[] = [];
      const full = new Promise<number>((resolve) => {
        for (let i = 0; i < 100; i += 1) {
          const one = connection.channel.send(big).then(() => 'sent' as const, (error: XpmnError) => error.code);
          sent.push(one);
          void one.then((outcome) => outcome === 'resource-limit' && resolve(i));
        }
      });
      assert.ok((await full) <= 21, 'four mebibytes');
      session.resume();
      assert.equal(await sent[0], 'sent');
    });

    it('closes politely, and at once if the server will not', async () => {
      const session = await online();
      await connection.stop();
      await session.closed;
      assert.ok(session.sawFooter);
    });

    it('does not wait for ever for a server that will not close', async () => {
      const session = await online();
      session.pause();
      const stopped = connection.stop();
      await clock.advance(2000);
      await stopped;
    });

    it('stops at once when its time is over', async () => {
      const session = await online();
      session.pause();
      await connection.stop({ signal: AbortSignal.abort(new Error('now')) });
      assert.equal(connection.state, 'stopped');
    });
  });
}
