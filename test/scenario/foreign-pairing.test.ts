import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { callToPair } from '../../src/app/pairing-call.ts';
import { srpIfAvailable } from '../../src/app/srp.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { KeyName } from '../../src/xpmn/model/identity.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { TcpTarget } from '../../src/xpmn/jingle/transports/tcp.ts';
import { secureAsInitiator } from '../../src/xpmn/serverless/initiator.ts';
import type { DeviceCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingState, PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { announcedBy, callByHand, foreignDevice, joinByHand, offerOf, oldOfferOf, talkOn } from '../support/foreign-joiner.ts';
import type { Answered, Talk } from '../support/foreign-joiner.ts';
import { firstNetwork, nextNetwork, testGateway, testPairing } from '../support/gateways.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { lines } from '../support/serverless-play.ts';
import { LinkDevice, linkOptions, partyOf } from '../support/serverless-rig.ts';
import { settings } from '../support/settings.ts';
import { srpCbParty } from '../support/srp-cb-party.ts';
import { RecordedPin, noSrpProcesses, srpContext, srpParty, srpProcesses } from '../support/srp-parties.ts';

const never = new AbortController().signal;
const PIN = '493021';

interface Tamper {
  readonly up?: (text: string) => string;
  readonly down?: (text: string) => string;
}

/** A gateway, and a device of another make that knows SRP and no newer way to prove a PIN. */
describe('a device of another make', function () {
  this.timeout(30_000);
  let link: LinkInMemory;
  let network: Network;
  let window: PairingWindow;
  let gateway: MediaGateway;
  let kaa: DeviceCredentials;
  const closing: { close(): unknown }[] = [];

  before(async () => (kaa = await foreignDevice('kaa')));
  beforeEach(async () => {
    link = new LinkInMemory();
    network = await firstNetwork(undefined);
    window = testPairing();
    gateway = await start();
  });
  afterEach(async () => {
    for (const one of closing.splice(0)) one.close();
    await gateway.stop();
    window.close();
    await noSrpProcesses();
  });

  async function start(isSrpThere = true): Promise<MediaGateway> {
    const deps = { clock: systemClock, random: systemRandom, log: silentLogger, config: settings };
    const srp = isSrpThere ? await srpIfAvailable(deps, window, never) : undefined;
    const started = testGateway(network, undefined, { discovery: link.connect(), pairing: window, ...(srp && { srp }) });
    await started.start({ signal: never });
    return started;
  }

  async function call(offer: string, who = kaa): Promise<Answered> {
    const answered = await callByHand({ port: link.services[0]?.port as number, from: who.jid, to: gateway.jid, offer });
    closing.push({ close: () => answered.socket.destroy() });
    return answered;
  }

  /** Proves the PIN on a call that is to go on by `srp`. */
  async function prove({ socket, method }: Answered, who = kaa, pin = PIN): Promise<Talk> {
    assert.equal(method, 'srp');
    const { stream } = await srpParty({ pin: new RecordedPin(pin) }).method.secure(socket, srpContext('initiator', { local: who.jid, peer: gateway.jid }));
    return talkOn(stream);
  }

  const join = (talk: Talk, shows: readonly Buffer[], who = kaa): Promise<string> => joinByHand(talk, { from: who.jid, to: gateway.jid, shows });
  const listed = (): { readonly key: KeyName; readonly jid: Jid }[] => (devicesList(network.lists.snapshot, network.id)?.devices ?? []).map(({ key, jid }) => ({ key, jid }));
  const entered = (state: PairingState['state']): Promise<void> => new Promise((resolve) => {
    const look = (): void => {
      if (window.state.state !== state) return;
      window.off('changed', look);
      resolve();
    };
    window.on('changed', look);
    look();
  });

  for (const [form, offer] of [['', (device: DeviceCredentials) => offerOf(['srp'], announcedBy(device))], [', as older ones say it', (device: DeviceCredentials) => oldOfferOf(announcedBy(device))]] as const) {
    it(`joins by the PIN and the certificate that it announced${form}, and is one of the network from then on`, async () => {
      await window.open({ pin: PIN });
      const answered = await call(offer(kaa));
      assert.deepEqual(answered.offered, ['srp-cb', 'srp']);
      const user = await foreignDevice('user', 'kaa@montague.test/user');
      const answer = await join(await prove(answered), [user.certificate.der, kaa.certificate.der]);
      const jid = /<paired [^>]*jid='([^']+)'/.exec(answer)?.[1] as Jid;
      assert.deepEqual(listed(), [{ key: network.gateway.key, jid: gateway.jid }, { key: kaa.key, jid }]);
      assert.deepEqual(window.state, { state: 'paired', device: jid, name: 'Kaa' });
      assert.equal((await heardByX509({ ...kaa, jid }))[1], 'heads', 'it proves its key, and is told which lists there are');
    });
  }

  /** What the gateway says first to a listed device: it has been accepted. */
  async function heardByX509(device: DeviceCredentials): Promise<RegExpExecArray> {
    const { socket, method } = await call(offerOf(['x509'], announcedBy(device)), device);
    assert.equal(method, 'x509');
    const party = partyOf(device);
    const { stream } = await party.x509.secure(socket, {
      role: 'initiator', local: device.jid, peer: gateway.jid, announcedFingerprint: partyOf(network.gateway).fingerprint,
      methods: { initiator: ['x509'], responder: ['x509'] }, accept: () => Promise.resolve(party.identity), signal: never,
    });
    const talk = talkOn(stream);
    talk.say(lines.header());
    return talk.heard(/<iq [^>]*><(heads) /);
  }

  it('has nothing to say any more when the next one is to be paired, and holds no process up', async () => {
    await window.open({ pin: PIN });
    const answered = await call(offerOf(['srp'], announcedBy(kaa)));
    await join(await prove(answered), [kaa.certificate.der]);
    assert.equal((await srpProcesses()).length, 2, 'its own, and ours');
    const closed = once(answered.socket, 'close');
    await window.open({ pin: PIN });
    await closed;
    await noSrpProcesses();
    assert.equal(window.state.state, 'open');
  });

  it('is refused if it shows another certificate than it announced, or one of another JID: nobody is listed', async () => {
    const other = await foreignDevice('other');
    for (const [announced, shows] of [[other, [kaa]], [kaa, [other]], [kaa, []], [other, [kaa, other]]] as const) {
      await window.open({ pin: PIN });
      const answer = await join(await prove(await call(offerOf(['srp'], announcedBy(announced)))), shows.map(({ certificate }) => certificate.der));
      assert.match(answer, /type='error'.*<not-acceptable /, answer);
      assert.equal(window.state.state, 'joining');
      window.close();
    }
    assert.equal(listed().length, 1);
  });

  it('may do nothing but pair with what it has proven, and nothing when the pairing has ended', async () => {
    await window.open({ pin: PIN });
    const { socket, method } = await call(offerOf(['srp'], announcedBy(kaa)));
    const talk = await prove({ socket, method, offered: [] });
    talk.say(`${lines.header()}<iq type='get' id='heads'><heads xmlns='urn:xmpp:xpmn:trust:0'/></iq><iq type='get' id='ls'><query xmlns='urn:xmpp:media:server:0#directory'/></iq>`);
    await talk.heard(/id='heads'[^>]*><error[^>]*><forbidden .*id='ls'[^>]*><error[^>]*><forbidden /s);
    const closed = once(socket, 'close');
    window.close();
    await closed;
  });

  it('is not offered SRP while no pairing is open, nor where it can\'t be had, nor if it announces no certificate', async () => {
    assert.deepEqual((await call(offerOf(['srp'], announcedBy(kaa)))).offered, []);
    await window.open({ pin: PIN });
    assert.equal((await call(offerOf(['srp']))).method, undefined);
    assert.deepEqual(window.state, { ...window.state, state: 'open', burnt: 0, pin: PIN });
    await gateway.stop();
    gateway = await start(false);
    const { offered, method } = await call(offerOf(['srp'], announcedBy(kaa)));
    assert.deepEqual([offered, method], [['srp-cb'], undefined]);
  });

  it('is met by srp-cb if it knows that, too, whatever was taken out of its offer', async () => {
    await window.open({ pin: PIN });
    assert.equal((await call(offerOf(['srp', 'srp-cb'], announcedBy(kaa)))).method, 'srp-cb');
    assert.equal((await call(offerOf(['srp', 'srp-cb']))).method, undefined);
  });

  it('burns an attempt with a wrong PIN, and there is another one', async () => {
    const state = await window.open();
    const pin = state.state === 'open' ? state.pin : '';
    const answered = await call(offerOf(['srp'], announcedBy(kaa)));
    const changed = once(window, 'changed');
    await assert.rejects(prove(answered, kaa, pin === '000000' ? '000001' : '000000'), { code: 'security-failed' });
    await changed;
    assert.ok(window.state.state === 'open' && window.state.burnt === 1 && window.state.pin !== pin, JSON.stringify(window.state));
  });

  it('shares the attempts with srp-cb: one at a time, whatever the method', async () => {
    await window.open({ pin: PIN });
    // It has the attempt from the decision on, and says nothing. The other proves itself in vain meanwhile.
    const first = await call(offerOf(['srp'], announcedBy(kaa)));
    assert.equal(first.method, 'srp');
    await assert.rejects(bySrpCb(), { code: 'security-failed' });
    assert.ok(window.state.state === 'open' && window.state.burnt === 0);
    first.socket.destroy();
    await noSrpProcesses();
    await bySrpCb();
    await entered('joining');
  });

  async function bySrpCb(): Promise<void> {
    const { jid, fingerprint, method } = await srpCbParty('newcomer', new RecordedPin(PIN), { clock: systemClock, timeout: 20_000 });
    const own = new LinkDevice({ ...partyOf(kaa), jid, fingerprint }, [], [method]);
    const socket = connect({ host: '127.0.0.1', port: link.services[0]?.port as number });
    closing.push({ close: () => socket.destroy() });
    await secureAsInitiator(socket, { own, peer: gateway.jid, introduce: false, signal: never }, { clock: systemClock }, linkOptions);
  }

  it('is never called by PIN: a gateway that calls has none to prove, whoever answers', async () => {
    const away = await nextNetwork(network, 'away');
    await window.open({ pin: PIN });
    const heard = deferred<string>();
    const liar = await listening((socket) => {
      let all = '';
      socket.on('data', (bytes: Buffer) => (all += bytes.toString())).once('close', () => heard.resolve(all));
      socket.write(`${lines.header(`from='${away.gateway.jid}' version='1.0'`)}${lines.features(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>${offerOf(['srp', 'srp-cb'], announcedBy(kaa))}</starttls>`)}`);
    });
    link.say({ instance: 'lie', addresses: ['127.0.0.1'], port: (liar.address() as AddressInfo).port, txt: { txtvers: '1', jid: away.gateway.jid } });
    await assert.rejects(gateway.browse(away.gateway.jid, { container: 'root', offset: 0, limit: 1 }, never), { code: 'security-failed' });
    const all = await heard.promise;
    assert.ok(all.includes('<stream:stream') && !all.includes('<starttls'), all);
  });

  for (const [how, change] of [
    ['what the gateway offers', { down: (text: string) => text.replace("<method name='srp-cb'/>", '') }],
    ['what the joiner asks for', { up: (text: string) => text.replace("<method name='srp-cb'/>", "<method name='srp'/>") }],
  ] as const satisfies readonly (readonly [string, Tamper])[]) {
    it(`is what nobody can make of one of our own: it goes no further if somebody changes ${how}`, async () => {
      const newcomer = await foreignDevice('newcomer', `${bareJid(gateway.jid)}/newcomer`);
      const at = (port = link.services[0]?.port ?? 0): TcpTarget[] => [{ host: '127.0.0.1', port }];
      const middle = await changing(change);
      let spent = 0;
      await window.open({ pin: PIN });
      const deps = { clock: systemClock, random: systemRandom, log: silentLogger, storage: new MemoryStorage(), config: settings };
      const call = { credentials: newcomer, host: gateway.jid, proof: { kind: 'pin', pin: PIN, spent: () => void (spent += 1) } } as const;
      await assert.rejects(callToPair(deps, at(middle), call, never, () => assert.fail('paired')), { code: 'security-failed' });
      assert.equal(spent, 0);
      await noSrpProcesses();
      assert.ok(window.state.state === 'open' && window.state.burnt === 0, JSON.stringify(window.state));
      await callToPair(deps, at(), call, never, () => entered('joining'));
      assert.equal(spent, 1);
      await entered('closed');
      assert.deepEqual(window.state, { state: 'closed', why: 'unfinished' });
    });
  }

  /** The port of somebody in the middle who changes what is said before TLS. */
  async function changing({ up = (text) => text, down = (text) => text }: Tamper): Promise<number> {
    const server = await listening((near) => {
      const far = connect({ host: '127.0.0.1', port: link.services[0]?.port as number });
      far.on('error', () => undefined).on('data', (bytes: Buffer) => near.write(Buffer.from(down(bytes.toString('latin1')), 'latin1'))).on('close', () => near.destroy());
      near.on('data', (bytes: Buffer) => far.write(Buffer.from(up(bytes.toString('latin1')), 'latin1'))).on('close', () => far.destroy());
    });
    return (server.address() as AddressInfo).port;
  }

  async function listening(onSocket: (socket: Socket) => void): Promise<Server> {
    const server = createServer((socket) => onSocket(socket.on('error', () => undefined)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(server);
    return server;
  }
});
