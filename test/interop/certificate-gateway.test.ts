import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../src/app/gateway.ts';
import type { Gateway } from '../../src/app/gateway-api.ts';
import { setup } from '../../src/app/setup.ts';
import type { RestoreOptions, SetupDeps, SetupResult } from '../../src/app/setup-api.ts';
import { FileStorage } from '../../src/app/storage/file-storage.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { findClientCertificates } from '../../src/xpmn/xmpp/client-certificates.ts';
import { startEjabberd } from '../peers/ejabberd.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { settings } from '../support/settings.ts';
import { Logins } from './login-rig.ts';

const { signal } = new AbortController();
const PASSWORD = 'it was the lark';
/** Nothing leaves the loopback interface. */
const config = { ...settings, mdns: { ...settings.mdns, interfaces: ['none'] }, upnp: { ...settings.upnp, ssdp: { ...settings.upnp.ssdp, interfaces: ['none'] } } } as unknown as SetupDeps['config'];

interface Server {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

/** A machine with a disk: the program as it is, but for the process. */
class Machine {
  readonly folder: string;
  private readonly deps: SetupDeps;
  private running: Gateway | undefined;

  private constructor(folder: string, deps: SetupDeps) {
    this.folder = folder;
    this.deps = deps;
  }

  static async create(): Promise<Machine> {
    const folder = await mkdtemp(join(tmpdir(), 'xpmn-certificate-'));
    const storage = await FileStorage.open(folder);
    return new Machine(folder, { storage, config, log: silentLogger, clock: systemClock, random: systemRandom });
  }

  async init({ domain, host, port, ca }: Server): Promise<SetupResult> {
    return (await setup.prepareInit(this.deps, { jid: `romeo@${domain}`, password: PASSWORD, server: { host, port }, ca, name: 'home' }, { signal }))();
  }

  async import(file: Uint8Array): Promise<SetupResult> {
    return (await setup.prepareImport(this.deps, { file, password: 'stick' }, { signal }))();
  }

  async restore(file: Uint8Array, options: Partial<RestoreOptions> = {}): Promise<SetupResult> {
    return (await setup.prepareRestore(this.deps, { file, password: 'stick', name: 'successor', ...options }, { signal }))();
  }

  async start(): Promise<Gateway> {
    this.running = await createGateway({ ...this.deps, version: '0' }, { signal });
    return this.running;
  }

  async stop(): Promise<void> {
    await this.running?.close({ signal });
    this.running = undefined;
  }

  get gateway(): Gateway {
    return this.running as Gateway;
  }

  online(): Promise<unknown> {
    return waitUntil('it is online', () => this.gateway.status().connection.state === 'online');
  }

  /** Everything that is on the disk, but for what is being written. */
  async disk(): Promise<string> {
    const files = (await readdir(this.folder)).filter((name) => !name.endsWith('~'));
    return (await Promise.all(files.map((file) => readFile(join(this.folder, file), 'latin1').catch(() => '')))).join('\n');
  }

  forgotten(): Promise<unknown> {
    return waitUntil('the password is on the disk no more', async () => !(await this.disk()).includes(PASSWORD));
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

describe('a whole gateway on a Prosody that takes certificates', function () {
  this.timeout(60_000);
  let prosody: Prosody;
  let home: Machine;
  let away: Machine;
  const machines: Machine[] = [];
  const machine = async (): Promise<Machine> => {
    const made = await Machine.create();
    machines.push(made);
    return made;
  };

  before(async () => {
    prosody = await startProsody({ users: { romeo: PASSWORD }, clientCertificates: true, trace: true });
    home = await machine();
    await home.init(prosody);
    assert.ok((await home.disk()).includes(PASSWORD));
    await home.start();
  });
  after(async () => {
    await Promise.all(machines.map((one) => one.remove()));
    await prosody?.stop();
  });

  it('comes in by the password, then by its certificate, and has forgotten the password', async () => {
    await home.forgotten();
    await home.online();
    assert.match(await prosody.handled(), /urn:xmpp:saslcert:1/);
    assert.deepEqual(home.gateway.status().warnings, []);
  });

  it('survives a restart of both without it', async () => {
    await home.stop();
    await prosody.addUser('romeo', 'changed since');
    await prosody.restart();
    await home.start();
    await home.online();
    await prosody.addUser('romeo', PASSWORD);
  });

  it('makes a device in a file that needs no password, and gets in by it', async () => {
    const { file, jid } = await home.gateway.exportCredentials({ name: 'away', password: 'stick', signal });
    away = await machine();
    assert.deepEqual(await away.import(file).then(({ jid: own, isChecked }) => ({ own, isChecked })), { own: jid, isChecked: true });
    assert.ok(!(await away.disk()).includes(PASSWORD));
    await away.start();
    await away.online();
    await waitUntil('they see each other', () => home.gateway.devices().some(({ jid: other, reach }) => other === jid && reach !== 'unreachable'));
  });

  it('has a backup that says what it lacks', async () => {
    const { file, needsPassword } = await home.gateway.exportBackup({ password: 'stick' });
    assert.equal(needsPassword, true);
    const successor = await machine();
    await assert.rejects(successor.restore(file), { code: 'login-failed', details: { step: 'login', needsPassword: 'romeo@home.test' } });
    const { needsPassword: account } = await successor.restore(file, { check: false });
    assert.equal(account, 'romeo@home.test');
    await successor.start();
    assert.match(successor.gateway.status().warnings.join(), /xpmn init --jid romeo@home\.test/);
    await successor.remove();
  });

  it('puts a removed machine out of the account, in the middle of its session, for ever', async () => {
    const { jid } = away.gateway.status();
    const removal = await home.gateway.removeDevice(parseJid(jid));
    assert.deepEqual(removal, { password: 'maybe', isPutOut: true });
    await waitUntil('it is out', () => away.gateway.status().connection.state === 'stopped');
    await waitUntil('it says so', () => away.gateway.status().warnings.some((warning) => warning.includes('was removed from the media network')));
    await away.stop();
    await away.start();
    await waitUntil('it stays out', () => away.gateway.status().connection.state === 'stopped');
    assert.equal(home.gateway.status().connection.state, 'online');
  });

  it('is not added again by itself when its owner has revoked it, says how to go on, and goes on so', async () => {
    const stopped = waitUntil('it is refused, and says so', () => home.gateway.status().warnings.some((warning) => warning.includes('`xpmn init --jid romeo@home.test`')));
    await revokeAll(prosody);
    await stopped;
    assert.equal(home.gateway.status().connection.state, 'stopped');
    await home.stop();
    await home.start();
    await waitUntil('it is refused again', () => home.gateway.status().connection.state === 'stopped');
    await home.stop();
    await home.init(prosody);
    await home.start();
    await home.forgotten();
    await home.online();
  });
});

describe('what a gateway bridges, on a Prosody that takes certificates', function () {
  this.timeout(60_000);

  it('comes in by certificates of its own, and is put out with its gateway', async () => {
    const prosody = await startProsody({ users: { romeo: PASSWORD }, clientCertificates: true, trace: true });
    const account: TestAccount = { jid: `romeo@${prosody.domain}`, password: PASSWORD, host: prosody.host, port: prosody.port, ca: prosody.ca };
    const network = await firstNetwork(account);
    const lost = await nextNetwork(network, 'lost');
    const devices = new MemoryDevices();
    const [home, thief] = [testGateway(network, account), testGateway(lost, account, { sources: [devices] })];
    try {
      await home.start({ signal });
      await thief.start({ signal });
      const library = new MemoryLibrary();
      library.addItem('film', 'The Duel', Buffer.alloc(1000));
      devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
      await waitUntil('the passwords are forgotten', () => home.login?.hasPassword === false && thief.login?.hasPassword === false);
      const nas = await waitUntil('the NAS is there', () => home.devices().find(({ services, isAvailable }) => isAvailable && services.includes('directory'))?.jid);
      assert.equal((await home.browse(nas, { container: 'root', offset: 0, limit: 10 }, signal)).children[0]?.title, 'The Duel');
      assert.deepEqual(await home.remove(thief.jid), { isPutOut: true, wasGateway: true });
      await waitUntil('it is out', () => thief.connection?.state === 'stopped');
      const listed = [...(await certificatesOf(prosody))];
      assert.deepEqual(listed.map((name) => name.replace(/ \(.*/, '')), ['home']);
    } finally {
      await Promise.all([home.stop(), thief.stop()]);
      await prosody.stop();
    }
  });
});

describe('a whole gateway on a Prosody that gives tokens, and takes no certificates', function () {
  this.timeout(60_000);

  it('logs in by a token once it has one, and keeps the password', async () => {
    const prosody = await startProsody({ users: { romeo: PASSWORD }, tokens: true, trace: true });
    const home = await Machine.create();
    const byToken = async (): Promise<boolean> => /mechanism='HT-SHA-256-NONE'[^>]*><initial-response/.test(await prosody.handled());
    try {
      await home.init(prosody);
      for (const _ of [1, 2]) {
        await home.start();
        await home.online();
        await waitUntil('it has looked', async () => (await home.disk()).includes('"takesCertificates":false'));
        await home.stop();
      }
      await waitUntil('there is a token', async () => (await home.disk()).includes('"token":"given"'));
      assert.equal(await byToken(), false);
      await home.start();
      await home.online();
      assert.equal(await byToken(), true);
      assert.ok((await home.disk()).includes(PASSWORD));
    } finally {
      await home.remove();
      await prosody.stop();
    }
  });
});

async function certificatesOf(server: Server): Promise<string[]> {
  const logins = new Logins(() => server);
  const { channel } = await logins.online(`romeo@${server.domain}/owner`, { kind: 'password', password: PASSWORD });
  const stored = await (await findClientCertificates(channel, settings.xmpp.clientCertificates, { signal }))?.list({ signal });
  await logins.end();
  return (stored ?? []).map(({ name }) => name);
}

/** As the owner does it with another program. */
async function revokeAll(server: Server): Promise<void> {
  const logins = new Logins(() => server);
  const { channel } = await logins.online(`romeo@${server.domain}/owner`, { kind: 'password', password: PASSWORD });
  const certificates = await findClientCertificates(channel, settings.xmpp.clientCertificates, { signal });
  assert.ok(certificates);
  for (const { certificate } of await certificates.list({ signal })) if (certificate) await certificates.revoke(certificate, { signal });
  await logins.end();
}

describe('a whole gateway on an ejabberd, which takes no certificates from its users', function () {
  this.timeout(60_000);

  it('stays with the password, and gives it on with a file, as ever', async () => {
    const server = await startEjabberd({ users: { romeo: PASSWORD }, clientCertificates: true });
    const machines = [await Machine.create(), await Machine.create()] as const;
    const [home, away] = machines;
    try {
      await home.init(server);
      await home.start();
      await home.online();
      const { file, jid } = await home.gateway.exportCredentials({ name: 'away', password: 'stick', signal });
      await away.import(file);
      await away.start();
      await away.online();
      await home.stop();
      await home.start();
      await home.online();
      assert.ok((await home.disk()).includes(PASSWORD));
      assert.deepEqual(await home.gateway.removeDevice(parseJid(jid)), { password: 'likely', isPutOut: false });
    } finally {
      for (const machine of machines) await machine.remove();
      await server.stop();
    }
  });
});
