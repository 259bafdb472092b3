import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';
import { SRP_PRIORITY, startGnutlsClient, startGnutlsServer } from '../peers/gnutls.ts';
import type { GnutlsClientOptions, GnutlsServer } from '../peers/gnutls.ts';
import { Namespaces } from '../peers/namespaces.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { RecordedPin, noSrpProcesses, srpContext, srpParty } from '../support/srp-parties.ts';
import type { SrpParty } from '../support/srp-parties.ts';
import { PIN, juliet, pumpEnd, romeo, splitBy } from '../support/srp-rig.ts';

const code = (expected: string) => (error: XpmnError): boolean => error.code === expected;

describe('TLS-SRP with a client of GnuTLS', function () {
  this.timeout(60_000);
  let server: net.Server;
  let port: number;
  let client: ManagedProcess | undefined;

  beforeEach(async () => {
    server = net.createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(async () => {
    server.close();
    await client?.stop();
    await noSrpProcesses();
  });

  async function call(options: Partial<GnutlsClientOptions> = {}): Promise<{ client: ManagedProcess; socket: Socket }> {
    const connection = once(server, 'connection') as Promise<[Socket]>;
    client = await startGnutlsClient({ port, user: romeo, pin: PIN, ...options });
    return { client, socket: (await connection)[0] };
  }

  /** Takes a call by a responder of ours. */
  async function answer(party: SrpParty, options: Partial<GnutlsClientOptions> = {}, size?: number): Promise<{ secured: Promise<SecuredStream>; client: ManagedProcess }> {
    const { client, socket } = await call(options);
    const secured = party.method.secure(size === undefined ? socket : splitBy(size, socket), srpContext('responder'));
    secured.catch(() => undefined);
    return { secured, client };
  }

  async function exchange(secured: SecuredStream, client: ManagedProcess): Promise<void> {
    client.child.stdin?.write('But, soft!\n');
    assert.equal(String((await once(secured.stream, 'data'))[0]), 'But, soft!\n');
    secured.stream.write('Ay me!\n');
    await client.said(/Ay me!/);
    client.child.stdin?.end();
    await Promise.all([once(secured.stream.resume(), 'end'), once(secured.stream, 'close')]);
    assert.equal((await client.exited).code, 0);
  }

  it('opens with the right PIN, carries bytes, and ends in order', async () => {
    const party = srpParty();
    const { secured, client } = await answer(party);
    await exchange(await secured, client);
    assert.match(client.output(), /Options:.*extended master secret.*safe renegotiation/);
    assert.deepEqual(party.pin.events.slice(1), ['burn', 'done true']);
  });

  it('opens in fragments of 37 bytes', async () => {
    const { secured, client } = await answer(srpParty(), {}, 37);
    await exchange(await secured, client);
  });

  it('opens for a bare JID as user name', async () => {
    const { secured, client } = await answer(srpParty(), { user: bareJid(romeo) });
    await exchange(await secured, client);
  });

  for (const suite of ['AES-128-CBC', 'AES-256-CBC']) {
    it(`opens with ${suite}`, async () => {
      const { secured, client } = await answer(srpParty(), { priority: `${SRP_PRIORITY}:-CIPHER-ALL:+${suite}` });
      await exchange(await secured, client);
    });
  }

  it('refuses a wrong PIN, and an unknown user in the same words', async () => {
    const heard: string[] = [];
    for (const options of [{ pin: '000000' }, { user: juliet }, { pin: '000000' }]) {
      const party = srpParty(heard.length === 2 ? { pin: new RecordedPin(undefined) } : {});
      const { secured, client } = await answer(party, options);
      await assert.rejects(secured, code('security-failed'));
      assert.equal((await client.exited).code, 1);
      heard.push(client.output().replaceAll(String(port), 'PORT').split('\n').sort().join('\n'));
      assert.ok(!party.pin.events.includes('done true'));
    }
    assert.match(heard[0] as string, /Received alert \[20\]/);
    assert.deepEqual([heard[1], heard[2]], [heard[0], heard[0]]);
  });

  it('resumes nothing: a second connection proves the PIN anew', async () => {
    const party = srpParty();
    const connections: Promise<SecuredStream>[] = [];
    server.on('connection', (socket) => {
      const secured = party.method.secure(socket, srpContext('responder'));
      connections.push(secured);
      // The client begins again when it is through with the first.
      secured.then(({ stream }) => stream.resume(), () => undefined);
    });
    const { client } = await call({ more: ['--resume'] });
    await client.said(/Resume Handshake was completed/);
    assert.doesNotMatch(client.output(), /is a resumed session/);
    assert.deepEqual(party.pin.events.filter((event) => event !== `begin ${romeo}`), ['burn', 'done true', 'burn', 'done true']);
    for (const secured of connections) (await secured).stream.destroy();
  });

  it('does not renegotiate', async () => {
    const { secured, client } = await answer(srpParty(), { more: ['--rehandshake'] });
    (await secured).stream.resume();
    await client.said(/No renegotiation is allowed/);
    assert.doesNotMatch(client.output(), /ReHandshake was completed/);
  });

  for (const [what, priority] of [
    ['without the extended master secret', `${SRP_PRIORITY}:%NO_SESSION_HASH`],
    ['with TLS 1.1', SRP_PRIORITY.replace('TLS1.2', 'TLS1.1')],
    ['with 3DES', `${SRP_PRIORITY}:-CIPHER-ALL:+3DES-CBC`],
    ['without SRP', 'NORMAL'],
  ] as const) {
    it(`refuses a client ${what}`, async () => {
      const { secured } = await answer(srpParty(), { priority });
      await assert.rejects(secured, code('security-failed'));
    });
  }

  it('closes without an end when the client is gone without a word', async () => {
    const { secured, client } = await answer(srpParty());
    const { stream } = await secured;
    stream.on('end', () => assert.fail('an end that nobody said')).resume();
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await client.said(/Simple Client Mode/);
    client.kill('SIGKILL');
    await closed;
  });

  it('has the keys that GnuTLS has', async () => {
    const label = 'EXPORTER-XPMN-Pairing-v1';
    const { client, socket } = await call({ more: ['--keymatexport', label, '--keymatexportsize', '32'] });
    const { master, clientRandom, serverRandom } = await pumpEnd('responder', socket).established;
    const [, theirs] = await client.said(/Key material: ([0-9a-f]{64})/);
    // RFC 5705 §4 without a context, which is what gnutls-cli does; one block of it.
    const hmac = (...parts: readonly Buffer[]): Buffer => createHmac('sha256', master).update(Buffer.concat(parts)).digest();
    const seed = Buffer.concat([Buffer.from(label), clientRandom, serverRandom]);
    assert.equal(hmac(hmac(seed), seed).toString('hex'), theirs);
    socket.destroy();
  });
});

describe('TLS-SRP with a server of GnuTLS', function () {
  this.timeout(60_000);
  let spaces: Namespaces;
  let server: GnutlsServer | undefined;

  before(async () => {
    spaces = await Namespaces.create();
    await spaces.add(['gnutls']);
  });
  afterEach(async () => {
    await server?.stop();
    await noSrpProcesses();
  });
  after(() => spaces?.close());

  async function call(party: SrpParty, options: { pin?: string; user?: string; groupBits?: 1536 | 2048 | 3072 | 4096; wrap?: (raw: Duplex) => Duplex } = {}): Promise<SecuredStream> {
    const { wrap = (raw) => raw, ...more } = options;
    server = await startGnutlsServer({ netns: spaces.full('gnutls'), user: romeo, pin: PIN, ...more });
    return party.method.secure(wrap(server.connect()), srpContext('initiator'));
  }

  for (const [how, options] of [['', {}], [' in fragments of 37 bytes', { wrap: (raw: Duplex) => splitBy(37, raw) }], [' in a larger group', { groupBits: 4096 }]] as const) {
    it(`opens with the right PIN${how}, carries bytes, and ends in order`, async () => {
      const party = srpParty();
      const { stream } = await call(party, options);
      assert.deepEqual(party.pin.events.slice(1), ['burn', 'done true']);
      stream.write('O Romeo, Romeo!\n');
      assert.equal(String((await once(stream, 'data'))[0]), 'O Romeo, Romeo!\n');
      const closed = new Promise((resolve) => stream.once('close', resolve));
      stream.resume().end();
      await closed;
    });
  }

  it('does not renegotiate', async () => {
    const { stream } = await call(srpParty());
    stream.resume().write('**REHANDSHAKE**\n');
    await server?.process.said(/rehandshake request[^]*A TLS warning alert has been received/);
    assert.doesNotMatch(server?.process.output() ?? '', /Received hello message/);
    stream.destroy();
  });

  it('refuses a wrong PIN', async () => {
    const party = srpParty();
    await assert.rejects(call(party, { pin: '000000' }), code('security-failed'));
    assert.deepEqual(party.pin.events.slice(1), ['burn', 'done false']);
  });

  it('refuses a server that does not know us', async () => {
    const party = srpParty();
    // It makes up a user, with a group that is too small.
    await assert.rejects(call(party, { user: bareJid(juliet) }), code('security-failed'));
    assert.ok(!party.pin.events.includes('done true'));
  });

  for (const groupBits of [1536, 2048] as const) {
    it(`refuses a group of ${groupBits} bits: nothing that could be tested is sent`, async () => {
      const party = srpParty();
      await assert.rejects(call(party, { groupBits }), code('security-failed'));
      assert.deepEqual(party.pin.events.slice(1), ['done false']);
    });
  }
});
