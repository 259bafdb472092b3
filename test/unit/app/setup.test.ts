import assert from 'node:assert/strict';
import { forgetPassword, keepCarried, loadAccount } from '../../../src/app/account-store.ts';
import { setup } from '../../../src/app/setup.ts';
import type { ImportOptions, InitOptions, SetupDeps, SetupResult } from '../../../src/app/setup-api.ts';
import { readStanding } from '../../../src/app/standing.ts';
import type { Standing } from '../../../src/app/standing.ts';
import { trustOptions } from '../../../src/app/gateway-settings.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { encodeCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import type { CarriedCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import { LoginRecords } from '../../../src/xpmn/login/login-records.ts';
import { generateKey } from '../../../src/xpmn/trust/keys.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../../fakes/rogue-xmpp-server.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';

const { signal } = new AbortController();
const FILE_PASSWORD = 'milk of human kindness';
/** Files are opened many times here, and what that costs is not what is tested. */
const CHEAP = { logN: 10, r: 8, p: 1 };

/** One machine: its disk, and the commands that change it. */
class Machine {
  readonly disk: MemoryDisk;
  readonly deps: SetupDeps;

  constructor(disk = new MemoryDisk()) {
    this.disk = disk;
    this.deps = { storage: new MemoryStorage(disk), config: settings, log: silentLogger, clock: systemClock, random: systemRandom };
  }

  async init(options: InitOptions): Promise<SetupResult> {
    return (await setup.prepareInit(this.deps, options, { signal }))();
  }

  async import(options: Partial<ImportOptions> & Pick<ImportOptions, 'file'>): Promise<SetupResult> {
    return (await setup.prepareImport(this.deps, { password: FILE_PASSWORD, ...options }, { signal }))();
  }

  standing(): Promise<Standing | undefined> {
    return readStanding(this.deps);
  }

  /** Makes another machine a device of the network, as `credentials export` does. */
  async export(changes: Partial<CarriedCredentials> = {}): Promise<Uint8Array> {
    const options = trustOptions(settings);
    const network = await Network.load({ ...this.deps, generateKey }, options);
    assert.ok(network);
    const device = await network.createDevice('away', ['host']);
    const lists = network.lists.snapshot.lists.map(({ element }) => element);
    const account = await loadAccount(this.deps.storage);
    const content = { account: network.bare, password: account?.password, server: account?.server, ca: account?.ca, name: 'away', device, userCertificate: network.userCertificate, lists, ...changes };
    return encodeCredentials(content, FILE_PASSWORD, this.deps, { ...options, credentials: { ...options.credentials, scrypt: CHEAP } });
  }
}

describe('setup', function () {
  this.timeout(30_000);
  const server = new RogueXmppServer();
  let machine: Machine;
  let account: InitOptions & { readonly jid: string };

  before(() => server.open());
  after(() => server.close());
  beforeEach(() => {
    server.behave({});
    server.sessions.length = 0;
    machine = new Machine();
    account = { jid: 'romeo@home.test', password: ROGUE_PASSWORD, server: { host: '127.0.0.1', port: server.port }, ca: server.certificates.ca };
  });

  it('tries an account before it writes anything', async () => {
    for (const [wrong, code] of [[{ password: 'wrong' }, 'login-failed'], [{ ca: undefined }, 'server-untrusted'], [{ jid: 'romeo@other.test' }, 'server-untrusted']] as const) {
      await assert.rejects(machine.init({ ...account, ...wrong }), { code, details: { step: 'login' } });
    }
    assert.deepEqual([...machine.disk.documents.keys()], []);
    assert.equal((await machine.init(account)).isChecked, true);
    assert.deepEqual(await loadAccount(machine.deps.storage), { ...account, jid: parseJid(account.jid) });
    assert.deepEqual(server.sessions.map(({ jid }) => jid.startsWith('romeo@home.test/check-')).at(-1), true);
  });

  it('keeps an account that was carried along only if it is a way in', async () => {
    const { storage } = machine.deps;
    const jid = parseJid(account.jid);
    assert.equal(await keepCarried(storage, jid, { ca: 'PEM' }), false);
    assert.equal(await loadAccount(storage), undefined);
    assert.equal(await keepCarried(storage, jid, { isLetIn: true, ca: 'PEM' }), true);
    assert.deepEqual(await loadAccount(storage), { jid, password: undefined, server: undefined, ca: 'PEM' });
  });

  it('calls nobody under a name that the other side would not take: the PIN stays as good as it was', async () => {
    const { jid, password = '' } = account;
    for (const name of [' \n', 'x'.repeat(settings.pairing.nameLength + 1)]) {
      await assert.rejects(setup.prepareJoin(machine.deps, { jid: `${jid}/nas-k3fq`, pin: '418220', account: { ...account, jid, password }, name }, { signal }), { code: 'bad-request', message: /name/ });
    }
    assert.equal(server.sessions.length, 0);
  });

  it('takes an account untried where it is told to', async () => {
    assert.equal((await machine.init({ ...account, password: 'wrong', check: false })).isChecked, false);
    assert.equal(server.sessions.length, 0);
    assert.equal((await machine.standing())?.account, account.jid);
  });

  it('makes a local-only network, and extends it later under the same keys', async () => {
    const local = await machine.init({ name: 'Pi' });
    assert.deepEqual([local.isChecked, (await machine.standing())?.account], [false, undefined]);
    const extended = await machine.init(account);
    assert.equal(extended.network, local.network);
    assert.equal(extended.jid, `romeo@home.test/${local.jid.split('/')[1] ?? ''}`);
  });

  it('is called what the user last wanted, under the same JID', async () => {
    const name = async (): Promise<string | undefined> => (await Network.load({ ...machine.deps, generateKey }, trustOptions(settings)))?.name;
    const { jid } = await machine.init({ name: 'Pi' });
    await machine.init({});
    assert.equal(await name(), 'Pi');
    assert.equal((await machine.init({ name: 'Den' })).jid, jid);
    assert.equal(await name(), 'Den');
    await machine.init({ ...account, check: false, name: 'Attic' });
    assert.equal(await name(), 'Attic');
  });

  it('takes another password for the same account', async () => {
    await machine.init({ ...account, password: 'old', check: false });
    await machine.init(account);
    assert.equal((await loadAccount(machine.deps.storage))?.password, ROGUE_PASSWORD);
  });

  it('begins anew with what the server has refused, when the owner gives the password again; a start does not', async () => {
    await machine.init({ ...account, check: false });
    const network = await Network.load({ ...machine.deps, generateKey }, trustOptions(settings));
    assert.ok(network);
    const records = new LoginRecords(machine.deps);
    await records.save(network.gateway, { certificate: 'refused', token: 'none', clientId: 'x' });
    await forgetPassword(machine.deps.storage);
    assert.deepEqual(await loadAccount(machine.deps.storage), { ...account, jid: parseJid(account.jid), password: undefined });
    assert.equal((await records.load(network.gateway)).certificate, 'refused');
    await assert.rejects(machine.init({ ...account, password: 'wrong' }), { code: 'login-failed' });
    assert.equal((await records.load(network.gateway)).certificate, 'refused', 'nothing was changed');
    await machine.init(account);
    assert.equal((await records.load(network.gateway)).certificate, 'made');
  });

  it('takes a device from a file that is let in by its certificate, and tries that', async () => {
    const home = new Machine();
    await home.init({ ...account, check: false });
    const file = await home.export({ password: undefined, isLetIn: true });
    server.behave({ mechanisms: ['SCRAM-SHA-1'] });
    await assert.rejects(machine.import({ file }), { code: 'not-supported', details: { step: 'login' } });
    assert.deepEqual([...machine.disk.documents.keys()], []);
    assert.equal((await machine.import({ file, check: false })).isChecked, false);
    assert.deepEqual(await loadAccount(machine.deps.storage), { ...account, jid: parseJid(account.jid), password: undefined });
  });

  it('stores no account from a file that knows none', async () => {
    const home = new Machine();
    await home.init({ ...account, check: false });
    await machine.import({ file: await home.export({ password: undefined }) });
    assert.equal(await loadAccount(machine.deps.storage), undefined);
  });

  it('tries the account that a credentials file carries before it gives anything up', async () => {
    const home = new Machine();
    await home.init({ ...account, check: false });
    const own = await machine.init({});
    const before = new Map(machine.disk.documents);
    await assert.rejects(machine.import({ file: await home.export({ password: 'changed since' }) }), { code: 'login-failed', details: { step: 'login' } });
    await assert.rejects(machine.import({ file: await home.export(), password: 'wrong' }), { code: 'bad-password' });
    await assert.rejects(machine.import({ file: await home.export({ lists: [] }) }), { code: 'not-trusted' });
    assert.deepEqual(machine.disk.documents, before);
    const joined = await machine.import({ file: await home.export() });
    assert.notEqual(joined.network, own.network);
    assert.deepEqual(await machine.standing(), { network: joined.network, account: 'romeo@home.test', isManagement: false, hasKeyPassword: false, isMember: true, machines: 4 });
    assert.equal((await new Machine().import({ file: await home.export(), check: false })).isChecked, false);
  });

  it('gives nothing up that has become more than it was while the account was tried', async () => {
    const home = new Machine();
    await home.init({ ...account, check: false });
    await machine.init({});
    const write = await setup.prepareImport(machine.deps, { file: await home.export(), password: FILE_PASSWORD }, { signal });
    await machine.export();
    await assert.rejects(write(), { code: 'already-initialised' });
    assert.equal((await machine.standing())?.isManagement, true);
  });

  describe('once it is in an account', () => {
    const mistyped = { jid: 'rome@home.test', check: false };

    it('moves to another when that is wanted, with its keys and devices', async () => {
      const first = await machine.init({ ...account, ...mistyped });
      await assert.rejects(machine.init(account), { code: 'already-initialised', message: /in the account rome@home\.test already; --replace moves it to romeo@home\.test/ });
      const moved = await machine.init({ ...account, replace: 'if-alone' });
      assert.deepEqual([moved.network, moved.jid], [first.network, first.jid.replace('rome@', 'romeo@')]);
      assert.deepEqual([(await machine.standing())?.isManagement, (await loadAccount(machine.deps.storage))?.password], [true, ROGUE_PASSWORD]);
    });

    it('is not moved while its user key is under a password: nobody is asked for that here', async () => {
      await machine.init({ ...account, ...mistyped });
      const network = await Network.load({ ...machine.deps, generateKey }, trustOptions(settings));
      await network?.keyPassword.lock('milk');
      await assert.rejects(machine.init({ ...account, replace: 'always' }), { code: 'not-allowed', message: /key password --remove/ });
      assert.equal((await machine.init({ ...account, ...mistyped })).jid.startsWith('rome@'), true);
    });

    it('leaves other machines behind only when it is told to, and says so before it tries the account', async () => {
      await machine.init({ ...account, ...mistyped });
      await machine.export();
      await assert.rejects(machine.init({ ...account, replace: 'if-alone' }), { code: 'conflict', details: { machines: 1 }, message: /one other machine will be left in the account rome@home\.test, cut off/ });
      assert.equal(server.sessions.length, 0);
      assert.equal((await machine.init({ ...account, replace: 'always' })).jid.startsWith('romeo@'), true);
    });

    it('is moved by nobody but the machine that made it', async () => {
      await machine.init({ ...account, check: false });
      const away = new Machine();
      await away.import({ file: await machine.export(), check: false });
      await assert.rejects(away.init({ ...account, ...mistyped, replace: 'always' }), { code: 'not-allowed' });
      assert.equal((await away.init(account)).isChecked, true);
    });

    it('is left for another network when that is wanted; a user key that others rest on, never', async () => {
      const home = new Machine();
      await home.init({ ...account, check: false });
      const file = await home.export();
      await machine.init({ ...account, ...mistyped });
      await assert.rejects(machine.import({ file }), { code: 'already-initialised', message: /in the account rome@home\.test already; --replace/ });
      const joined = await machine.import({ file, replace: true });
      assert.deepEqual([joined.network, (await machine.standing())?.isManagement], [(await home.standing())?.network, false]);
      // Once more, as a device that was cut off.
      assert.notEqual((await machine.import({ file: await home.export(), replace: true })).jid, joined.jid);
      await assert.rejects(home.import({ file, replace: true }), { code: 'already-initialised', details: { machines: 2 } });
    });

    it('is there as before when there is no room for the other one', async () => {
      const home = new Machine();
      await home.init({ ...account, check: false });
      const file = await home.export();
      await machine.init({ ...account, ...mistyped });
      const before = new Map(machine.disk.documents);
      const standing = await machine.standing();
      // Wherever the disk is found to be full: nothing was deleted for that.
      for (let room = 0; room < 4; room += 1) {
        machine.disk.failAfter(room, 'isFull').catch(() => undefined);
        await assert.rejects(machine.import({ file, replace: true, check: false }), { code: 'storage-failed' });
        machine.disk.isFull = false;
        for (const [name, content] of before) assert.deepEqual(machine.disk.documents.get(name), content, name);
        assert.deepEqual(await machine.standing(), standing);
      }
      machine.disk.failAfter(1000, 'isFull').catch(() => undefined);
      await machine.import({ file, replace: true, check: false });
      assert.deepEqual([...machine.disk.documents.keys()].filter((name) => name.startsWith('trial/')), []);
    });

    it('is whole, or none, after a crash in the middle, and can be left again', async () => {
      const home = new Machine();
      await home.init({ ...account, check: false });
      const file = await home.export();
      await machine.init({ ...account, ...mistyped });
      const old = (await machine.standing())?.network;
      const before = machine.disk;
      const seen = new Set<string>();
      for (let writes = 0, isDone = false; !isDone; writes += 1) {
        machine = new Machine(before.restarted());
        const died = machine.disk.failAfter(writes, 'isDead').then(() => false);
        isDone = await Promise.race([died, machine.import({ file, replace: true, check: false }).then(() => true)]);
        const again = new Machine(machine.disk.restarted());
        const now = await again.standing();
        const isOld = now?.network === old;
        seen.add(now === undefined ? 'none' : isOld ? 'old' : 'new');
        if (now && !isOld) assert.ok(await loadAccount(again.deps.storage));
        if (!isDone) await again.import({ file, replace: true, check: false });
      }
      assert.deepEqual([...seen], ['old', 'none', 'new']);
    });
  });
});
