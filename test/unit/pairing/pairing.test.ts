import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { fingerprint } from '../../../src/xpmn/kernel/fingerprint.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { KeyName, PeerIdentity, Verdict } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { askForAccount, serveAccount } from '../../../src/xpmn/pairing/account-exchange.ts';
import { formatJoin, formatPaired, parseJoin, parsePaired } from '../../../src/xpmn/pairing/pairing-codec.ts';
import type { CarriedAccount, PairedParts } from '../../../src/xpmn/pairing/pairing-codec.ts';
import { hostPairing } from '../../../src/xpmn/pairing/pairing-host.ts';
import type { PairingHostDeps } from '../../../src/xpmn/pairing/pairing-host.ts';
import { askToJoin, callTime } from '../../../src/xpmn/pairing/pairing-joiner.ts';
import { PairingWindow } from '../../../src/xpmn/trust/pairing-window.ts';
import { formatKeyInfo } from '../../../src/xpmn/trust/keyinfo.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { foreignDevice } from '../../support/foreign-joiner.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const limits = { ...settings.pairing, ...settings.trust };
const HOST = parseJid('me@home.test/nas-k3fq');
const NEW = parseJid('me@home.test/laptop-abcd');
const key = (digit: string): KeyName => digit.repeat(64) as KeyName;
const parts: PairedParts = {
  jid: NEW, userCertificate: Buffer.from('user'), lists: [xml('signed', NS.trust, {}, xml('data', NS.trust, {}, 'eA=='))],
  account: { password: 'sesame', server: { host: 'xmpp.home.test', port: 5222 }, ca: '-----BEGIN CERTIFICATE-----\n<&>' },
};
const certificate = Buffer.from('certificate');
const never = new AbortController().signal;

describe('what a device that is paired is told', () => {
  const reread = (element: XmlElement): XmlElement => parseXml(serialise(element), settings.xml.endToEndStream);

  it('reads back as it was written, with an account and without', () => {
    assert.deepEqual(parsePaired(reread(formatPaired(parts)), limits), parts);
    const { account: _, ...local } = parts;
    assert.deepEqual(parsePaired(reread(formatPaired(local)), limits), { ...local, account: undefined });
    const bare = { ...parts, account: { password: undefined, server: undefined, ca: undefined } };
    assert.deepEqual(parsePaired(reread(formatPaired(bare)), limits), bare);
    const letIn = { ...parts, account: { isLetIn: true, password: undefined, server: undefined, ca: undefined } };
    assert.deepEqual(parsePaired(reread(formatPaired(letIn)), limits), letIn);
  });

  it('makes no sense without one of its parts', () => {
    const good = formatPaired(parts);
    const bad: (XmlElement | undefined)[] = [
      undefined, xml('other', NS.pairing), { ...good, attrs: {} }, { ...good, attrs: { jid: 'me@home.test' } },
      ...['keyinfo', 'lists'].map((name) => ({ ...good, children: good.children.filter((child) => typeof child === 'string' || child.name !== name) })),
      ...[{ host: 'x' }, { port: '5222' }, { host: 'x', port: '0' }, { host: 'x', port: '70000' }, { host: 'x', port: '1e3' }].map((attrs) => xml('paired', NS.pairing, { jid: NEW }, good.children.slice(0, 2), xml('account', NS.pairing, attrs))),
    ];
    for (const element of bad) assert.throws(() => parsePaired(element, limits), { code: 'malformed' });
  });
});

describe('how to log in', () => {
  let asked: unknown;
  const asking = (verdict: Verdict | undefined, roles: string[], account: CarriedAccount | null | undefined = parts.account): Promise<unknown> => {
    const who = (jid: typeof HOST): PeerIdentity => ({ verdict: verdict ?? 'own', key: key('a'), jid, network: key('e'), roles });
    const pair = channelPair({ clock: new FakeClock(), random: new FakeRandom(), a: NEW, b: HOST, ...(verdict && { peers: { a: who(HOST), b: who(NEW) } }) });
    serveAccount({ registry: pair.b.router, account: ({ jid }, sent) => ((asked = { jid, certificate: sent }), Promise.resolve(account ?? undefined)) }, limits);
    return verdict ? askForAccount(pair.a.channel, certificate, { signal: never }) : pair.a.channel.request({ type: 'get', to: HOST, payload: xml('account', NS.pairing) }, { signal: never });
  };

  it('is told to gateways of the network', async () => {
    assert.deepEqual(await asking('own', ['host']), parts.account);
    assert.deepEqual(asked, { jid: NEW, certificate });
  });

  it('may be that they are let in already, or that nobody knows', async () => {
    const letIn = { isLetIn: true, password: undefined, server: undefined, ca: undefined };
    assert.deepEqual(await asking('own', ['host'], letIn), letIn);
    await assert.rejects(asking('own', ['host'], null), { code: 'not-found' });
    await assert.rejects(asking('own', ['host'], { ca: 'PEM' }), { code: 'not-found' });
  });

  it('is told to nobody else', async () => {
    await assert.rejects(asking('own', []), { code: 'not-allowed' });
    for (const verdict of ['own-hosted', 'friend', 'pairing'] as const) await assert.rejects(asking(verdict, ['host']), { code: 'not-allowed' });
    await assert.rejects(asking(undefined, []), { code: 'security-required' });
  });
});

describe('the wish to join', () => {
  it('carries a name for people and roles that may be asked for, whatever is said', () => {
    const join = (attrs: Record<string, string>): unknown => parseJoin(xml('join', NS.pairing, attrs), limits);
    assert.deepEqual(join({ name: ' Living\u202e\n room  ', roles: 'host management owner' }), { name: 'Living room', roles: ['host'] });
    const sent = formatJoin({ name: 'Laptop', roles: ['host'], certificate });
    assert.deepEqual(parseJoin(parseXml(serialise(sent), settings.xml.endToEndStream), limits), { name: 'Laptop', roles: ['host'], certificate });
    assert.throws(() => parseJoin(xml('join', NS.pairing, { name: 'x' }, xml('keyinfo', NS.pubkey)), limits), { code: 'malformed' });
    for (const name of ['', ' \u0007 ', 'x'.repeat(limits.nameLength + 1)]) assert.throws(() => join({ name }), { code: 'bad-request' });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => {
      try {
        assert.doesNotMatch((join({ name }) as { name: string }).name, /[\p{Cc}\p{Cf}]/u);
      } catch (error) {
        assert.ok(error instanceof XpmnError && error.code === 'bad-request', String(error));
      }
    }));
  });
});

describe('a call to be paired', () => {
  it('is not given up while the other side may still list the device, also where a button does for the proof', () => {
    const { proofTimeout, joinTime, buttonLook, buttonDoubt } = settings.pairing;
    const before = settings.linkLocal.negotiationTimeout + settings.directTcp.connectTimeout + settings.directTcp.stagger * settings.directTcp.targets;
    assert.ok(callTime(settings.pairing) >= before + proofTimeout + buttonLook + buttonDoubt + joinTime);
  });
});

describe('pairing', () => {
  const clock = new FakeClock();
  let window: PairingWindow;
  let asked: Parameters<PairingHostDeps['admit']>[0][];

  beforeEach(() => {
    window = new PairingWindow({ clock, random: new FakeRandom(), storage: new MemoryStorage() }, settings.pairing);
    asked = [];
  });
  afterEach(() => window.close());

  function between(verdict: Verdict, admit: PairingHostDeps['admit'] = (device) => (asked.push(device), Promise.resolve(parts))): ReturnType<typeof channelPair> {
    const who = (digit: string, jid: typeof HOST): PeerIdentity => ({ verdict, key: key(digit), jid, network: key(digit), roles: [] });
    const pair = channelPair({ clock, random: new FakeRandom(2), a: NEW, b: HOST, peers: { a: who('b', HOST), b: who('a', NEW) } });
    hostPairing({ registry: pair.b.router, window, log: silentLogger, admit }, limits);
    return pair;
  }
  /** As `between`, for a device that has proven the PIN alone; `show` answers for its certificates. */
  function betweenStrangers(announced: string, show: () => XmlElement | Promise<XmlElement>): ReturnType<typeof channelPair> {
    const pair = channelPair({ clock, random: new FakeRandom(2), a: NEW, b: HOST, peers: { a: { verdict: 'pairing', jid: HOST }, b: { verdict: 'pairing', jid: NEW, announced } } });
    hostPairing({ registry: pair.b.router, window, log: silentLogger, admit: (device) => (asked.push(device), Promise.resolve(parts)) }, limits);
    pair.a.router.handle({ ns: NS.pubkey, name: 'pubkeys', type: 'get' }, show);
    return pair;
  }
  const ask = ({ a }: ReturnType<typeof channelPair>): Promise<PairedParts> => askToJoin(a.channel, { name: 'Laptop', roles: ['host'] }, limits, { signal: never });
  async function prove(): Promise<void> {
    await window.open();
    window.begin(NEW)?.done(true);
  }

  it('lists the key that was proven, under the name it gives itself, and tells it everything at once', async () => {
    await prove();
    assert.deepEqual(await ask(between('pairing')), parts);
    assert.deepEqual(asked, [{ name: 'Laptop', roles: ['host'], key: key('a') }]);
    assert.deepEqual(window.state, { state: 'paired', device: NEW, name: 'Laptop' });
  });

  it('lists the key of the certificate that was announced, where none was proven', async () => {
    const { key: name, certificate: { der: certificate } } = await foreignDevice('new', NEW);
    const shown = xml('pubkeys', NS.pubkey, {}, formatKeyInfo({ certificate, signatures: [] }));
    await prove();
    await assert.rejects(ask(betweenStrangers(fingerprint('sha1', Buffer.from('another')), () => shown)), XpmnError);
    assert.deepEqual(asked, []);
    assert.deepEqual(await ask(betweenStrangers(fingerprint('sha1', certificate), () => shown)), parts);
    assert.deepEqual(asked, [{ name: 'Laptop', roles: ['host'], key: name }]);
  });

  it('adds nobody whose pairing has ended while it was asked for its certificate', async () => {
    const { certificate: { der: certificate } } = await foreignDevice('new', NEW);
    const shown = xml('pubkeys', NS.pubkey, {}, formatKeyInfo({ certificate, signatures: [] }));
    for (const end of [() => window.close(), () => window.open()]) {
      await prove();
      await assert.rejects(ask(betweenStrangers(fingerprint('sha1', certificate), async () => (await end(), shown))), { code: 'not-allowed' });
    }
    assert.deepEqual(asked, []);
  });

  it('adds nobody twice, or when the window has closed', async () => {
    await prove();
    const pair = between('pairing');
    await ask(pair);
    await assert.rejects(ask(pair), { code: 'not-allowed' });
    await prove();
    window.close();
    await assert.rejects(ask(pair), { code: 'not-allowed' });
    assert.equal(asked.length, 1);
  });

  it('is nothing for devices that are in the network already, nor for friends', async () => {
    await prove();
    for (const verdict of ['own', 'own-hosted', 'friend'] as const) await assert.rejects(ask(between(verdict)), { code: 'not-acceptable' });
    assert.deepEqual(asked, []);
  });

  it('ends when the device may not be added, and says why on both sides', async () => {
    await prove();
    const pair = between('pairing', () => Promise.reject(new XpmnError('not-authorized', 'The user key is locked.')));
    await assert.rejects(ask(pair), { code: 'not-authorized', message: /The user key is locked\./ });
    assert.deepEqual(window.state, { state: 'closed', why: 'refused', code: 'not-authorized', message: 'The user key is locked.' });
    await assert.rejects(ask(pair), { code: 'not-allowed' });
  });

  it('is not ended by a refusal that comes after the user has ended it', async () => {
    await prove();
    const pair = between('pairing', () => {
      window.close();
      return Promise.reject(new XpmnError('conflict', 'Too late.'));
    });
    await assert.rejects(ask(pair), { code: 'conflict' });
    assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
  });

  it('lists nobody any more when its owner has closed the window while it was admitted', async () => {
    await prove();
    const listed: string[] = [];
    const pair = between('pairing', async (_, { listing }) => {
      window.close();
      listing();
      listed.push('listed');
      return parts;
    });
    await assert.rejects(ask(pair), { code: 'not-allowed' });
    assert.deepEqual(listed, []);
    assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
  });

  it('says which device is listed, if that was lost before it could hear of it', async () => {
    await prove();
    const pair = between('pairing', async (_, { listing }) => {
      listing();
      pair.close();
      await settle();
      return parts;
    });
    await assert.rejects(ask(pair), { code: 'connection-lost' });
    await settle();
    assert.deepEqual(window.state, { state: 'closed', why: 'untold', device: NEW, name: 'Laptop' });
  });

  it('lists nobody who is lost before it is listed', async () => {
    await prove();
    let refused: unknown;
    const pair = between('pairing', async (_, { listing }) => {
      pair.close();
      await settle();
      try {
        listing();
      } catch (error) {
        refused = error;
        throw error;
      }
      return parts;
    });
    await assert.rejects(ask(pair), { code: 'connection-lost' });
    await settle();
    assert.ok(refused instanceof XpmnError);
    assert.equal(window.state.state, 'joining');
  });

  it('adds a device that its owner has thought better of too late, as both of them hear', async () => {
    await prove();
    const pair = between('pairing', async (_, { listing }) => {
      listing();
      window.close();
      return parts;
    });
    assert.deepEqual(await ask(pair), parts);
    assert.equal(window.state.state, 'paired');
  });

  it('says why it did not work, and leaves the window to the same device', async () => {
    await prove();
    let isThere = false;
    const pair = between('pairing', () => (isThere ? Promise.resolve(parts) : Promise.reject(new XpmnError('peer-unavailable', 'The management device is away.'))));
    await assert.rejects(ask(pair), XpmnError);
    assert.equal(window.state.state, 'joining');
    isThere = true;
    assert.deepEqual(await ask(pair), parts);
  });
});
