import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { createX509, fingerprintOf } from '../../../../src/xpmn/jingle/security/tls.ts';
import type { ListedPeer } from '../../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import type { SecuredStream, SecurityContext } from '../../../../src/xpmn/ports/security.ts';
import { issueCertificate } from '../../../../src/xpmn/trust/certificate.ts';
import { keyNameOf, privateKeyPem } from '../../../../src/xpmn/trust/keys.ts';
import { testKey } from '../../../support/keys.ts';
import { identity } from '../../../support/secured-pair.ts';
import { settings } from '../../../support/settings.ts';
import { socketWire } from '../../../support/wire.ts';

interface Party { readonly certificate: string; readonly privateKey: string; readonly der: Buffer }

async function party(name: string): Promise<Party> {
  const key = await testKey(name);
  const { pem, der } = issueCertificate({ clock: systemClock, random: systemRandom }, { certificateYears: 10 }, key, { commonName: name });
  assert.ok(keyNameOf(key));
  return { certificate: pem, privateKey: privateKeyPem(key), der };
}

describe('x509 against peers that bend the rules', () => {
  let own: Party;
  let mallory: Party;
  let asked: Buffer[];
  const who: ListedPeer = identity('mallory@home.test/x', 'd');

  before(async function () {
    this.timeout(60_000);
    [own, mallory] = [await party('tls own'), await party('tls mallory')];
  });
  beforeEach(() => (asked = []));

  const context = (role: SecurityContext['role'], announcedFingerprint: string | undefined): SecurityContext => ({
    role, announcedFingerprint, methods: { initiator: ['x509'], responder: ['x509'] }, local: parseJid('romeo@home.test/x'), peer: who.jid, signal: new AbortController().signal,
    accept: (leaf) => (asked.push(leaf), Promise.resolve(who)),
  });

  /** Our end as responder against a client of Node's own. */
  async function answer(client: tls.ConnectionOptions, announced = fingerprintOf(mallory.der)): Promise<{ secured: Promise<SecuredStream>; ours: Socket; theirs: tls.TLSSocket }> {
    const [up, ours] = await socketWire();
    const method = createX509({ credentials: own, clock: systemClock }, { ...settings.tls, handshakeTimeout: 3000 });
    const secured = method.secure(ours, context('responder', announced));
    secured.catch(() => undefined);
    const theirs = tls.connect({ socket: up, rejectUnauthorized: false, checkServerIdentity: () => undefined, ...client });
    theirs.on('error', () => undefined);
    theirs.resume();
    return { secured, ours, theirs };
  }

  async function refused({ secured, ours, theirs }: Awaited<ReturnType<typeof answer>>): Promise<void> {
    await assert.rejects(secured, (error) => error instanceof XpmnError && error.code === 'security-failed');
    assert.ok(ours.destroyed);
    assert.equal(asked.length, 0, 'nobody was judged');
    theirs.destroy();
  }

  it('opens for an honest one', async () => {
    const { secured, theirs } = await answer({ cert: mallory.certificate, key: mallory.privateKey });
    const { stream, peer } = await secured;
    assert.equal(peer, who);
    assert.deepEqual(asked, [mallory.der]);
    stream.destroy();
    theirs.destroy();
  });

  it('refuses a client without a certificate, whatever it announced', async () => {
    await refused(await answer({}));
    await refused(await answer({}, fingerprintOf(Buffer.alloc(0))));
  });

  it('refuses TLS 1.2', async () => {
    await refused(await answer({ cert: mallory.certificate, key: mallory.privateKey, maxVersion: 'TLSv1.2' }));
  });

  it('refuses our own certificate without its key: nobody can prove it', async () => {
    assert.throws(() => tls.createSecureContext({ cert: own.certificate, key: mallory.privateKey }));
    await refused(await answer({ cert: mallory.certificate, key: mallory.privateKey }, fingerprintOf(own.der)));
  });

  it('judges the leaf, not what was sent along', async () => {
    const { secured, theirs } = await answer({ cert: mallory.certificate + own.certificate, key: mallory.privateKey });
    (await secured).stream.destroy();
    assert.deepEqual(asked, [mallory.der]);
    theirs.destroy();
    asked = [];
    await refused(await answer({ cert: mallory.certificate + own.certificate, key: mallory.privateKey }, fingerprintOf(own.der)));
  });

  it('takes no session of another stream for a proof', async () => {
    const { secured, theirs } = await answer({ cert: mallory.certificate, key: mallory.privateKey });
    const ticket = once(theirs, 'session') as Promise<[Buffer]>;
    const { stream } = await secured;
    stream.write('x');
    const [session] = await ticket;
    stream.destroy();
    theirs.destroy();
    asked = [];
    const again = await answer({ cert: mallory.certificate, key: mallory.privateKey, session });
    const second = await again.secured;
    assert.equal((second.stream as tls.TLSSocket).isSessionReused(), false);
    assert.equal(asked.length, 1, 'judged anew');
    second.stream.destroy();
    again.theirs.destroy();
  });

  it('opens to a proven server that asks for no certificate of ours', async () => {
    const [ours, down] = await socketWire();
    const server = tls.createServer({ cert: mallory.certificate, key: mallory.privateKey, requestCert: false });
    server.on('secureConnection', (socket) => socket.on('error', () => undefined));
    server.emit('connection', down);
    const method = createX509({ credentials: own, clock: systemClock }, settings.tls);
    // It is proven and accepted: what it does not ask for is its own loss, and never ours.
    const { stream, peer } = await method.secure(ours, context('initiator', fingerprintOf(mallory.der)));
    assert.equal(peer, who);
    stream.destroy();
    down.destroy();
  });
});
