import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { describeDevice } from '../../src/app/gateway-view.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { bareJid, parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { secureAsInitiator } from '../../src/xpmn/serverless/initiator.ts';
import { secureAsResponder } from '../../src/xpmn/serverless/responder.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount, TestGatewayOptions } from '../support/gateways.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import { lines } from '../support/serverless-play.ts';
import { LinkDevice, linkOptions, linkParty, partyOf } from '../support/serverless-rig.ts';
import type { LinkParty } from '../support/serverless-rig.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** Two machines of one owner on one local network. */
describe('machines on one local network', function () {
  this.timeout(30_000);
  const film = randomBytes(5_000_001);
  let link: LinkInMemory;
  let devices: MemoryDevices;
  let server: FakeXmppServer;
  const running: MediaGateway[] = [];
  const servers: Server[] = [];

  beforeEach(() => {
    link = new LinkInMemory();
    devices = new MemoryDevices();
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
    for (const one of servers.splice(0)) one.close();
  });

  async function start(network: Network, options: TestGatewayOptions = {}, login?: TestAccount): Promise<MediaGateway> {
    const gateway = testGateway(network, login, { server, discovery: link.connect(), ...options });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  /** A NAS at `network`'s machine. */
  async function withNas(network: Network): Promise<Jid> {
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', film);
    library.addContainer('music', 'Music');
    for (let i = 0; i < 300; i += 1) library.addItem(`song-${i}`, `Song ${i} äöü`, randomBytes(100), { parent: 'music', type: 'audio/mpeg' });
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    await waitUntil('it is bridged', () => network.hostedDevices.size === 1);
    return [...network.hostedDevices.values()][0]?.jid as Jid;
  }

  /** A program of somebody's own that calls `peer` with the credentials of `party`, and believes anything. */
  async function callRaw(party: LinkParty, peer: Jid): Promise<{ readonly stream: Duplex; heard: string }> {
    const socket = connect({ host: '127.0.0.1', port: link.services[0]?.port as number });
    const own = Object.assign(new LinkDevice(party, []), { accept: () => Promise.resolve({ ...party.identity, jid: peer }) });
    const { stream } = await secureAsInitiator(socket, { own, peer, introduce: false, signal: never }, { clock: systemClock }, linkOptions);
    const raw = { stream, heard: '' };
    stream.on('data', (bytes: Buffer) => (raw.heard += bytes.toString())).write(lines.header());
    return raw;
  }

  const list = (gateway: MediaGateway, device: Jid, container = 'root'): ReturnType<MediaGateway['browse']> => gateway.browse(device, { container, offset: 0, limit: 500 }, never);
  const reach = (gateway: MediaGateway, device: Jid): string | undefined => gateway.devices().map(describeDevice).find(({ jid }) => jid === device)?.reach;
  const codeOf = (error: unknown): string | undefined => (error instanceof XpmnError ? error.code : undefined);

  it('browse and fetch from each other without any server', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const away = await start(await nextNetwork(network, 'away'));
    await waitUntil('it is seen', () => reach(away, nas) === 'link-local');
    const page = await list(away, nas);
    assert.deepEqual(page.children.map(({ title }) => title), ['The Duel', 'Music']);
    assert.equal((await list(away, nas, 'music')).children.length, 300);
    const { url } = await away.url({ device: nas, uid: 'film' }, { signal: never });
    const got = Buffer.from(await (await fetch(url)).arrayBuffer());
    assert.equal(createHash('sha256').update(got).digest('hex'), createHash('sha256').update(film).digest('hex'));
    assert.equal(reach(away, nas), 'link-local');
    assert.equal(server.handled.length, 0, 'no server was asked anything');
  });

  it('go on with each other though neither is seen any more', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const away = await start(await nextNetwork(network, 'away'));
    await list(away, nas);
    link.fallSilent();
    const { url } = await away.url({ device: nas, uid: 'film' }, { signal: never });
    assert.equal((await (await fetch(url)).arrayBuffer()).byteLength, film.length);
    assert.equal(reach(away, nas), 'link-local');
  });

  it('accept each other by the lists they show, where one is new and the other has heard nothing yet', async () => {
    // The management device is switched off: nobody brings the news.
    const management = await firstNetwork(undefined);
    const known = await nextNetwork(management, 'home');
    await start(known, { sources: [devices] });
    const nas = await withNas(known);
    const away = await start(await nextNetwork(management, 'new'));
    // The NAS and it are strangers to each other; the machine that has the NAS is in the list of the new one.
    await waitUntil('they have met', () => reach(away, nas) === 'link-local');
    assert.equal((await list(away, nas)).children.length, 2);
    assert.ok(away.devices().some(({ jid }) => jid === nas), 'it has learnt of the NAS');
    assert.ok(known.lists.snapshot.lists.some(({ devices: listed }) => listed.some(({ jid }) => jid === away.jid)), 'and the other of it');
  });

  it('prefer the local network to the server', async () => {
    const network = await firstNetwork(account);
    await start(network, { sources: [devices] }, account);
    const nas = await withNas(network);
    const away = await start(await nextNetwork(network, 'away'), {}, account);
    await waitUntil('it is seen on both', () => reach(away, nas) === 'link-local' && away.devices().some(({ jid, services }) => jid === nas && services.length > 0));
    await list(away, nas);
    assert.equal(away.devices().find(({ jid }) => jid === nas)?.path, 'link-local');
    assert.ok(!server.handled.some((stanza) => stanza.includes('session-initiate')));
  });

  it('are not kept from each other by somebody who says to be one of them', async () => {
    const network = await firstNetwork(account);
    await start(network, { sources: [devices], discovery: new LinkInMemory().connect() }, account);
    const nas = await withNas(network);
    const liar = createServer((socket) => socket.on('error', () => undefined).resume().end('<?xml version="1.0"?><stream:stream xmlns:stream="http://etherx.jabber.org/streams"><stream:features/>'));
    liar.listen(0, '127.0.0.1');
    await once(liar, 'listening');
    servers.push(liar);
    link.say({ instance: 'lie', addresses: ['127.0.0.1'], port: (liar.address() as AddressInfo).port, txt: { txtvers: '1', jid: nas } });
    const away = await start(await nextNetwork(network, 'away'), {}, account);
    await waitUntil('it is seen', () => away.devices().some(({ jid, services }) => jid === nas && services.length > 0));
    assert.notEqual(reach(away, nas), 'link-local', 'somebody says so, and has not proven it');
    const page = await list(away, nas);
    assert.equal(page.children.length, 2);
    await waitUntil('it is made better', () => away.devices().find(({ jid }) => jid === nas)?.path === 'direct');
  });

  it('tell anybody what they are, and begin no handshake with another account', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    for (const [from, isOurs] of [['juliet@evil.test/x', false], [`${bareJid(nas)}/x`, true]] as const) {
      const socket = connect({ host: '127.0.0.1', port: link.services[0]?.port as number });
      let heard = '';
      socket.on('data', (bytes: Buffer) => (heard += bytes.toString())).write(lines.header(`from='${from}' to='${nas}' version='1.0'`));
      await waitUntil('it answers', () => heard.includes('</features>'));
      socket.destroy();
      assert.match(heard, /<identity category='automation' type='xpmn' name='The NAS'\/>.*<feature var='urn:xmpp:media:server:0'\/>/);
      assert.equal(heard.includes('<starttls'), isOurs, from);
    }
  });

  it('ask no account in the world for the sake of a stranger, whatever it says to be', async () => {
    const network = await firstNetwork(account);
    const home = await start(network, {}, account);
    await waitUntil('it is online', () => home.connection?.state === 'online');
    const mallory = { ...await linkParty('mallory'), jid: parseJid('juliet@evil.test/x') };
    link.say({ instance: 'stranger', addresses: ['127.0.0.1'], port: 9, txt: { txtvers: '1', jid: mallory.jid, net: network.id } });
    const rogue = await callRaw(mallory, home.jid);
    await once(rogue.stream, 'close');
    assert.equal(rogue.heard, '');
    assert.deepEqual(server.handled.filter((stanza) => stanza.includes('evil.test')), []);
  });

  it('show no list to whoever is announced as one of them, and has not proven it', async () => {
    const network = await firstNetwork(undefined);
    const mallory = { ...await linkParty('mallory'), jid: parseJid(`${bareJid(network.gateway.jid)}/mallory`) };
    const shown: string[] = [];
    const own = Object.assign(new LinkDevice(mallory, [], []), {
      accept: async (_leaf: Buffer, _peer: Jid, _signal: AbortSignal, { stream }: { stream: Duplex }): Promise<never> => {
        const [bytes] = await once(stream, 'data') as [Buffer];
        shown.push(bytes.toString());
        throw new XpmnError('not-trusted', 'It has what it came for.');
      },
    });
    const calls: Promise<unknown>[] = [];
    const liar = createServer((socket) => {
      calls.push(secureAsResponder(socket, { clock: systemClock, random: systemRandom, endpointFor: () => own }, linkOptions, never).catch(() => undefined));
      // The first time it turns them away: whoever calls again would show who it is.
      own.securities = calls.length > 1 ? [mallory.x509] : [];
    });
    liar.listen(0, '127.0.0.1');
    await once(liar, 'listening');
    servers.push(liar);
    link.say({ instance: 'mallory', addresses: ['127.0.0.1'], port: (liar.address() as AddressInfo).port, txt: { txtvers: '1', jid: mallory.jid, net: network.id } });
    await start(network);
    await waitUntil('it was called again', () => shown.length > 0);
    assert.deepEqual(shown, ['<lists xmlns=\'urn:xmpp:xpmn:trust:0\'/>']);
    await Promise.all(calls);
  });

  it('turn away whoever has the account\'s name and nothing to show for it', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const mallory = await linkParty('mallory');
    const rogue = await callRaw({ ...mallory, jid: parseJid(`${bareJid(nas)}/x`) }, nas);
    await once(rogue.stream, 'close');
    assert.equal(rogue.heard, '');
  });

  it('are no way out for strangers who are neighbours', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const stranger = await start(await firstNetwork(undefined, 'other'));
    await assert.rejects(list(stranger, nas), (error) => codeOf(error) === 'security-failed');
  });

  it('show their lists to who turned them away for a stranger, and are answered', async () => {
    const management = await firstNetwork(undefined);
    const known = await nextNetwork(management, 'home');
    await start(known, { sources: [devices] });
    const nas = await withNas(known);
    const fresh = await nextNetwork(management, 'new');
    await fresh.lists.offerAll(known.lists.snapshot.lists.map(({ element }) => element));
    assert.equal((await list(await start(fresh), nas)).children.length, 2);
  });

  it('end the stream of a machine that is removed and does not want to hear of it', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const lost = await network.createDevice('lost', ['host']);
    const thief = await callRaw(partyOf(lost), nas);
    await waitUntil('it is let in', () => thief.heard.includes('</iq>'));
    const closed = once(thief.stream, 'close');
    await network.removeDevice(lost.key);
    await closed;
    const again = await callRaw(partyOf(lost), nas);
    await once(again.stream, 'close');
    assert.equal(again.heard, '');
  });

  it('end the streams of a machine that is removed, and let it in no more', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const lost = await nextNetwork(network, 'lost');
    const thief = await start(lost);
    await list(thief, nas);
    await network.removeDevice(lost.gateway.key);
    await waitUntil('the stream has ended', () => thief.devices().find(({ jid }) => jid === nas)?.path === undefined);
    await assert.rejects(list(thief, nas), (error) => ['security-failed', 'not-trusted', 'connection-lost', 'peer-unavailable'].includes(codeOf(error) ?? ''));
  });

  it('tell a machine that is removed that it was', async () => {
    const network = await firstNetwork(undefined);
    await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const lost = await nextNetwork(network, 'lost');
    const gateway = await start(lost);
    await list(gateway, nas);
    await network.removeDevice(lost.gateway.key);
    await waitUntil('it knows', () => !lost.isMember);
  });

  it('tell one that was away when it was removed', async () => {
    const network = await firstNetwork(undefined);
    const lost = await nextNetwork(network, 'lost');
    await start(network, { sources: [devices] });
    await withNas(network);
    await network.removeDevice(lost.gateway.key);
    await start(lost);
    await waitUntil('it knows', () => !lost.isMember);
  });

  it('are gone from the network when they stop, as is each device that does', async () => {
    const network = await firstNetwork(undefined);
    const home = await start(network, { sources: [devices] });
    const nas = await withNas(network);
    const away = await start(await nextNetwork(network, 'away'));
    await list(away, nas);
    devices.vanish('uuid:nas');
    await waitUntil('it is not seen any more', () => reach(away, nas) === 'unreachable');
    assert.equal(reach(away, home.jid), 'link-local');
    await withNas(network);
    await waitUntil('it is back', () => reach(away, nas) === 'link-local');
    await list(away, nas);
    running.splice(running.indexOf(home), 1);
    await home.stop();
    await waitUntil('they are not seen any more', () => [nas, home.jid].every((jid) => reach(away, jid) === 'unreachable'));
    await assert.rejects(list(away, nas), (error) => codeOf(error) === 'peer-unavailable');
  });
});
