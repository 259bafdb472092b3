import assert from 'node:assert/strict';
import { loadAccount } from '../../../src/app/account-store.ts';
import { trustOptions } from '../../../src/app/gateway-settings.ts';
import { setup } from '../../../src/app/setup.ts';
import type { RestoreOptions, SetupDeps, SetupResult } from '../../../src/app/setup-api.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { child, textOf, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { decodeBackup, encodeBackup } from '../../../src/xpmn/trust/backup-file.ts';
import type { Backup } from '../../../src/xpmn/trust/backup-file.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { generateKey, keyNameOf } from '../../../src/xpmn/trust/keys.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import type { NetworkDeps } from '../../../src/xpmn/trust/network.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { devicesList, isRemoved } from '../../../src/xpmn/trust/snapshot.ts';
import type { RogueSession } from '../../fakes/rogue-session.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../../fakes/rogue-xmpp-server.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const { signal } = new AbortController();
const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
const PASSWORD = 'milk of human kindness';
/** The shipped cost of scrypt is for people. */
const config = { ...settings, trust: { ...settings.trust, credentials: { ...settings.trust.credentials, scrypt: { logN: 4, r: 8, p: 1 } } } };
const options = trustOptions(config);
const account = parseJid('romeo@home.test');

/** Since the backup was made, a TV was removed from the network, and a tablet added. */
describe('restoring, with a look at the account', function () {
  this.timeout(60_000);
  const server = new RogueXmppServer();
  let home: Network;
  let stranger: Network;
  let tv: DeviceCredentials;
  let tablet: DeviceCredentials;
  let backup: Backup;
  let atBackup: VerifiedList;
  let disk: MemoryDisk;

  const newest = ({ lists, id }: Network): VerifiedList => devicesList(lists.snapshot, id) as VerifiedList;
  const networkDeps = (on: MemoryDisk): NetworkDeps => ({ storage: new MemoryStorage(on), clock: systemClock, random: systemRandom, generateKey });

  before(async () => {
    await server.open();
    home = await Network.create(networkDeps(new MemoryDisk()), options, { name: 'home', account });
    stranger = await Network.create(networkDeps(new MemoryDisk()), options, { name: 'stranger', account });
    tv = await home.createDevice('tv', ['host']);
    atBackup = newest(home);
    backup = { ...home.exportBackup(), password: ROGUE_PASSWORD, server: { host: '127.0.0.1', port: server.port }, ca: server.certificates.ca };
    await home.removeDevice(tv.key);
    tablet = await home.createDevice('tablet', ['host']);
  });
  after(() => server.close());
  beforeEach(() => {
    server.behave({});
    server.sessions.length = 0;
    disk = new MemoryDisk();
  });

  async function restore(changes: Partial<RestoreOptions> = {}, content: Partial<Backup> = {}, timeout = config.account.pepTimeout): Promise<SetupResult> {
    const file = await encodeBackup({ ...backup, ...content }, PASSWORD, { random: systemRandom }, options);
    const deps: SetupDeps = { storage: new MemoryStorage(disk), config: { ...config, account: { ...config.account, pepTimeout: timeout } }, log: silentLogger, clock: systemClock, random: systemRandom };
    return (await setup.prepareRestore(deps, { file, password: PASSWORD, name: 'new', ...changes }, { signal }))();
  }

  /** The next session finds these on the node of the lists, and nothing on the other. */
  async function publishing(payloads: readonly XmlElement[]): Promise<void> {
    const session = await server.nextSession();
    for (const lists of [payloads, []]) await answer(session, (items) => xml('pubsub', NS_PUBSUB, {}, xml('items', NS_PUBSUB, { node: items.attrs['node'] }, lists.map((list, at) => xml('item', NS_PUBSUB, { id: `x${at}` }, list)))));
  }
  async function answer(session: RogueSession, payload: (items: XmlElement) => XmlElement, type = 'result'): Promise<void> {
    const iq = await session.next((element) => child(element, 'pubsub', NS_PUBSUB) !== undefined);
    const items = child(child(iq, 'pubsub', NS_PUBSUB) as XmlElement, 'items', NS_PUBSUB) as XmlElement;
    session.send(xml('iq', NS.client, { type, id: iq.attrs['id'] }, payload(items)));
  }
  async function restored(): Promise<Network> {
    const network = await Network.load(networkDeps(disk), options);
    assert.ok(network);
    return network;
  }
  const has = (network: Network, { key }: DeviceCredentials): boolean => newest(network).devices.some((device) => device.key === key);

  it('takes what was made where no gateway runs; that needs a network, and its key at hand', async () => {
    const own = new MemoryDisk();
    const deps: SetupDeps = { storage: new MemoryStorage(own), config, log: silentLogger, clock: systemClock, random: systemRandom };
    const make = async (): Promise<Buffer> => Buffer.from((await (await setup.prepareBackup(deps, { password: PASSWORD }, { signal }))()).file, 'base64');
    await assert.rejects(make(), { code: 'not-initialised' });
    const login = { password: ROGUE_PASSWORD, server: { host: '127.0.0.1', port: server.port }, ca: server.certificates.ca };
    await (await setup.prepareInit(deps, { jid: account, ...login, check: false }, { signal }))();
    const network = await Network.load(networkDeps(own), options);
    assert.ok(network);
    const { userKey, ...content } = await decodeBackup(await make(), PASSWORD, options);
    assert.deepEqual([keyNameOf(userKey), content.account, content.password, content.server, content.ca], [network.id, account, login.password, login.server, login.ca]);
    assert.equal((await restore({ check: false, file: await make() })).network, network.id);
    await network.keyPassword.lock('honey');
    await assert.rejects(make(), { code: 'not-authorized' });
  });

  it('keeps what was added since, and leaves out what was removed', async () => {
    const served = publishing([newest(home).element]);
    const result = await restore();
    await served;
    assert.deepEqual([result.network, result.isChecked, result.learnt], [home.id, true, 1]);
    const network = await restored();
    assert.ok(has(network, tablet) && !has(network, tv));
    assert.ok(isRemoved(network.lists.snapshot, network.id, 'devices', tv.key));
    assert.deepEqual(network.unlisted, { devices: [], friends: [] });
    assert.deepEqual(network.lists.overtaken, []);
    assert.equal((await loadAccount(new MemoryStorage(disk)))?.password, ROGUE_PASSWORD);
    assert.ok(server.sessions.at(-1)?.received.every(({ element }) => element.name !== 'presence'), 'nobody has seen it');
  });

  it('is as without the account, where that has nothing, or shows what is old, forged, or another\'s', async () => {
    const forged = xml('signed', NS.trust, {}, ...newest(home).element.children.map((part) => (typeof part !== 'string' && part.name === 'signature' ? { ...part, children: [textOf(part).replace(/^..../, 'AAAA')] } : part)));
    for (const payloads of [[], [atBackup.element], [forged], [newest(stranger).element], [xml('signed', NS.trust), xml('x', 'y')]]) {
      disk = new MemoryDisk();
      const served = publishing(payloads);
      const result = await restore();
      await served;
      assert.deepEqual([result.isChecked, result.learnt], [true, 0]);
      const network = await restored();
      assert.deepEqual(newest(network).devices.slice(1).map(({ key }) => key), atBackup.devices.map(({ key }) => key));
      assert.deepEqual(network.lists.snapshot.lists.map((list) => list.network), [home.id]);
    }
  });

  it('takes what holds from among what does not', async () => {
    const served = publishing([xml('x', 'y'), newest(stranger).element, newest(home).element, atBackup.element]);
    assert.equal((await restore()).learnt, 1);
    await served;
    assert.ok(has(await restored(), tablet));
  });

  it('does not begin where the account can\'t be read: who wants it without says so', async () => {
    const refusing = server.nextSession().then((session) => answer(session, () => xml('error', NS.client, { type: 'auth' }, xml('forbidden', 'urn:ietf:params:xml:ns:xmpp-stanzas')), 'error'));
    await assert.rejects(restore(), { code: 'not-allowed', details: { step: 'lists' } });
    await refusing;
    await assert.rejects(restore({}, {}, 100), { code: 'timeout', details: { step: 'lists' } });
    const cut = server.nextSession().then(async (session) => {
      await session.next((element) => child(element, 'pubsub', NS_PUBSUB) !== undefined);
      session.destroy();
    });
    await assert.rejects(restore(), { code: 'connection-lost', details: { step: 'lists' } });
    await cut;
    await assert.rejects(restore({}, { password: 'changed since' }), { code: 'login-failed', details: { step: 'login' } });
    await assert.rejects(restore({}, { password: undefined }), { code: 'login-failed', details: { step: 'login', needsPassword: account } });
    await assert.rejects(restore({ login: 'changed since' }), { code: 'login-failed', details: { step: 'login' } });
    assert.equal(disk.documents.size, 0);
    const [, typed] = await Promise.all([publishing([]), restore({ login: ROGUE_PASSWORD }, { password: undefined })]);
    assert.deepEqual([typed.isChecked, typed.needsPassword], [true, undefined]);
    disk.documents.clear();
    server.sessions.length = 0;
    const result = await restore({ check: false });
    assert.deepEqual([result.isChecked, result.learnt, server.sessions.length], [false, undefined, 0]);
    assert.ok(!has(await restored(), tablet));
  });

  it('has no account to look at where the network was local-only', async () => {
    const local = await Network.create(networkDeps(new MemoryDisk()), options, { name: 'local' });
    const result = await restore({}, { ...local.exportBackup(), password: undefined, server: undefined, ca: undefined });
    assert.deepEqual([result.network, result.isChecked, result.learnt], [local.id, false, undefined]);
  });
});
