import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { CapsCache, computeVer } from '../../src/xpmn/xmpp/caps.ts';
import { createXmppConnection } from '../../src/xpmn/xmpp/connection.ts';
import { DiscoRegistry, queryInfo } from '../../src/xpmn/xmpp/disco.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { fetchItems, parseEvent, publishList, retractItem } from '../../src/xpmn/xmpp/pep.ts';
import { answerPings, ping } from '../../src/xpmn/xmpp/ping.ts';
import { waitUntil } from '../peers/wait.ts';
import { PresenceTracker, availablePresence } from '../../src/xpmn/xmpp/presence.ts';
import type { Presence } from '../../src/xpmn/xmpp/presence.ts';
import { Roster } from '../../src/xpmn/xmpp/roster.ts';
import { reached } from '../compliance/xmpp-connection.suite.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { settings } from '../support/settings.ts';

const NODE = 'urn:xmpp:xpmn:trust:0';
const PASSWORD = 'Grüße, = 日本';
const signal = new AbortController().signal;
const options = { ...settings.xmpp.server, limits: settings.xml.serverStream, backOff: { first: 100, factor: 2, max: 2000 } };
const item = (id: string) => ({ id, payload: xml('signed', NODE, {}, xml('data', NODE, {}, id)) });

interface Login {
  readonly resource: string;
  readonly password?: string;
  readonly ca?: string;
  readonly user?: string;
  readonly domain?: string;
}

for (const hash of ['SHA-1', 'SHA-256'] as const) {
  describe(`the account on Prosody, SCRAM-${hash}`, function () {
    this.timeout(60_000);
    let server: Prosody;
    const connections: XmppConnection[] = [];

    before(async () => (server = await startProsody({ users: { romeo: PASSWORD, juliet: 'wherefore' }, hash })));
    afterEach(async () => {
      for (const connection of connections.splice(0)) await connection.stop();
    });
    after(() => server?.stop());

    function make({ resource, password = PASSWORD, ca = server.ca, user = 'romeo', domain = server.domain }: Login) {
      const jid = parseJid(`${user}@${domain}/${resource}`);
      const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
      const disco = new DiscoRegistry();
      disco.addIdentity({ category: 'automation', type: 'xpmn', name: resource });
      disco.addFeatures('urn:xmpp:ping', NODE, `${NODE}+notify`);
      const ver = computeVer(disco.info());
      disco.serve(router, (node) => node === `urn:test#${ver}`);
      answerPings(router);
      const tracker = new PresenceTracker(jid, settings.xmpp.presence);
      const roster = new Roster(router, settings.xmpp.roster);
      const account = { jid, credentials: { kind: 'password', password } as const, server: { host: server.host, port: server.port }, ca };
      const connection = createXmppConnection({ clock: systemClock, random: systemRandom, log: silentLogger, router }, account, options);
      connection.on('stanza', (stanza) => tracker.received(stanza));
      connections.push(connection);
      return { jid, connection, tracker, roster, channel: connection.channel, announce: availablePresence({ node: 'urn:test', ver, hash: 'sha-1' }) };
    }

    async function login(details: Login) {
      const made = make(details);
      await made.connection.start({ signal });
      return made;
    }

    it('logs in, pings, and is asked for nothing else', async () => {
      const { channel } = await login({ resource: 'one' });
      await ping(channel, parseJid(server.domain), { signal });
      const info = await queryInfo(channel, parseJid(`romeo@${server.domain}`), { signal });
      assert.ok(info.identities.some(({ category, type }) => category === 'pubsub' && type === 'pep'));
    });

    it('refuses a wrong password once and for all', async () => {
      const { connection } = make({ resource: 'one', password: 'wrong' });
      await assert.rejects(connection.start({ signal }), (error: XpmnError) => error.code === 'login-failed');
      assert.equal(connection.state, 'stopped');
    });

    it('does not log in to a server that nobody vouches for', async () => {
      const other = await startProsody({ users: {} });
      await other.stop();
      const { connection } = make({ resource: 'one', ca: other.ca });
      const waiting = reached(connection, 'waiting');
      void connection.start({ signal }).catch(() => undefined);
      assert.equal((await waiting)?.code, 'server-untrusted');
    });

    it('shows the resources of the account to one another, and what they can do', async () => {
      const one = await login({ resource: 'one' });
      const two = await login({ resource: 'two' });
      await one.channel.send(one.announce);
      const came = once(one.tracker as never, 'available') as Promise<[Presence]>;
      await two.channel.send(two.announce);
      const [{ jid, caps, priority }] = await came;
      assert.deepEqual([jid, priority], [two.jid, -1]);
      const cache = new CapsCache({ entries: 10, answerSize: 16_384 });
      const info = await cache.infoOf(one.channel, jid, caps, { signal });
      assert.ok(info.features.includes(NODE));
      assert.equal(cache.size, 1, 'the hash holds');
      await ping(one.channel, two.jid, { signal });
      const went = once(one.tracker as never, 'unavailable');
      await two.connection.stop();
      assert.deepEqual(await went, [two.jid]);
      await assert.rejects(ping(one.channel, two.jid, { signal }), (error: XpmnError) => error.code === 'peer-unavailable');
    });

    it('keeps a list of items, tells of changes, and shows it to whom it may', async () => {
      const one = await login({ resource: 'one' });
      const two = await login({ resource: 'two' });
      const heard = new Set<string>();
      two.connection.on('stanza', (stanza) => parseEvent(stanza)?.published.forEach(({ id }) => heard.add(id)));
      await two.channel.send(two.announce);
      const node = { node: NODE, access: 'presence', maxItems: 255 } as const;
      // The server tells of changes only once it has asked what the other resource can do.
      await waitUntil('the server knows who wants to hear', async () => {
        await publishList(one.channel, node, [item('devices')], { signal });
        return heard.has('devices');
      });
      const all = [item('devices'), item('hosted-a'), item('hosted-b')];
      await publishList(one.channel, node, all, { signal });
      await waitUntil('all of it was told', () => ['devices', 'hosted-a', 'hosted-b'].every((id) => heard.has(id)));
      const found = await fetchItems(two.channel, undefined, NODE, { signal });
      assert.deepEqual(found.map(({ id, payload }) => [id, payload]).sort(), all.map(({ id, payload }) => [id, payload]).sort());
      const stranger = await login({ resource: 'x', user: 'juliet', password: 'wherefore' });
      await assert.rejects(fetchItems(stranger.channel, parseJid(`romeo@${server.domain}`), NODE, { signal }), (error: XpmnError) => error.family === 'refused');
      await retractItem(one.channel, NODE, 'hosted-a', { signal });
      assert.equal((await fetchItems(one.channel, undefined, NODE, { signal })).length, 2);
    });

    it('reconfigures a node that others made otherwise', async () => {
      const { channel } = await login({ resource: 'one' });
      const node = `${NODE}:friends`;
      await publishList(channel, { node, access: 'presence', maxItems: 2 }, [item('friends')], { signal });
      await publishList(channel, { node, access: 'whitelist', maxItems: 5 }, [item('friends'), item('x'), item('y')], { signal });
      assert.equal((await fetchItems(channel, undefined, node, { signal })).length, 3);
    });

    it('keeps the roster', async () => {
      const one = await login({ resource: 'one' });
      await one.roster.fetch(one.channel, { signal });
      const changed = once(one.roster as never, 'contactChanged');
      await one.roster.set(one.channel, { jid: parseJid(`juliet@${server.domain}`), name: 'Juliet' }, { signal });
      await changed;
      const removed = once(one.roster as never, 'contactRemoved');
      await one.roster.delete(one.channel, parseJid(`juliet@${server.domain}`), { signal });
      await removed;
    });

    it('comes back after the server did', async () => {
      const { connection, channel } = await login({ resource: 'one' });
      for (const crash of [false, true]) {
        const back = reached(connection, 'online');
        await server.restart({ crash });
        await back;
        await ping(channel, parseJid(server.domain), { signal });
      }
    });

    it('gives way to a second login under its name, and does not fight', async () => {
      const first = await login({ resource: 'same' });
      const stopped = reached(first.connection, 'stopped');
      const second = await login({ resource: 'same' });
      assert.equal((await stopped)?.code, 'conflict');
      await ping(second.channel, parseJid(server.domain), { signal });
    });

    it('sends stanzas up to what servers take, and no larger one', async () => {
      const { channel, connection } = await login({ resource: 'one' });
      const payload = (size: number) => xml('open', 'http://jabber.org/protocol/ibb', {}, 'x'.repeat(size));
      const to = parseJid(`romeo@${server.domain}/nobody`);
      await assert.rejects(channel.request({ type: 'set', to, payload: payload(261_000) }, { signal }), (error: XpmnError) => error.code === 'peer-unavailable');
      await assert.rejects(channel.request({ type: 'set', to, payload: payload(263_000) }, { signal }), (error: XpmnError) => error.code === 'too-large');
      assert.equal(connection.state, 'online');
    });
  });
}

describe('a Prosody with another name in its certificate', function () {
  this.timeout(30_000);

  it('is not trusted', async () => {
    const server = await startProsody({ users: { romeo: 'secret' }, certificateNames: ['elsewhere.test'] });
    const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const account = { jid: parseJid(`romeo@${server.domain}/x`), credentials: { kind: 'password', password: 'secret' } as const, server, ca: server.ca };
    const connection = createXmppConnection({ clock: systemClock, random: systemRandom, log: silentLogger, router }, account, options);
    const waiting = reached(connection, 'waiting');
    void connection.start({ signal }).catch(() => undefined);
    assert.equal((await waiting)?.code, 'server-untrusted');
    await connection.stop();
    await server.stop();
  });
});
