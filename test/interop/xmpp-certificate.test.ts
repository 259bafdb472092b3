import assert from 'node:assert/strict';
import type { ErrorCode, XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { certificateName, findClientCertificates } from '../../src/xpmn/xmpp/client-certificates.ts';
import type { ClientCertificates } from '../../src/xpmn/xmpp/client-certificates.ts';
import { afterLogin, planLogin } from '../../src/xpmn/xmpp/login-choice.ts';
import type { LoginMeans, LoginOffers } from '../../src/xpmn/xmpp/login-choice.ts';
import { ping } from '../../src/xpmn/xmpp/ping.ts';
import { reached } from '../compliance/xmpp-connection.suite.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { clientIdentity } from '../support/client-certificate.ts';
import { settings } from '../support/settings.ts';
import { Logins, makeDevice } from './login-rig.ts';
import type { TestDevice } from './login-rig.ts';

const signal = new AbortController().signal;
const options = settings.xmpp.clientCertificates;
const PASSWORD = { kind: 'password', password: 'wherefore' } as const;
const refused = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error: XpmnError) => (assert.equal(error.code, code, error.message), assert.match(error.message, message), true));

describe('login by certificate on Prosody', function () {
  this.timeout(60_000);
  let server: Prosody;
  let tv: TestDevice;
  const logins = new Logins(() => server);

  before(async () => {
    server = await startProsody({ users: { romeo: PASSWORD.password, juliet: PASSWORD.password }, clientCertificates: true });
    tv = await makeDevice('romeo@home.test/tv-k3fq');
  });
  afterEach(async () => {
    const certificates = await manage(await logins.online('romeo@home.test/cleaner', PASSWORD));
    for (const { certificate } of await certificates.list({ signal })) await certificates.revoke(certificate as Buffer, { signal });
    assert.deepEqual(await certificates.list({ signal }), []);
    await logins.end();
  });
  after(() => server?.stop());

  const manage = async ({ channel }: XmppConnection): Promise<ClientCertificates> => (await findClientCertificates(channel, options, { signal })) as ClientCertificates;
  const add = (certificates: ClientCertificates, { certificate }: TestDevice): Promise<void> => certificates.add({ label: 'TV', certificate: certificate.der, mayManage: false }, { signal });
  const byPassword = async (): Promise<ClientCertificates> => manage(await logins.online('romeo@home.test/gateway', PASSWORD));

  it('works once the certificate was added by a login with the password', async () => {
    await refused(logins.online(tv.jid, tv.credentials), 'login-failed', /by the password once/);
    const certificates = await byPassword();
    assert.equal(certificates.dialect, 'urn:xmpp:saslcert:1');
    await add(certificates, tv);
    await add(certificates, tv);
    const { channel } = await logins.online(tv.jid, tv.credentials);
    assert.equal(channel.local, tv.jid);
    await ping(channel, parseJid(server.domain), { signal });
    const [stored, ...others] = await certificates.list({ signal });
    assert.equal(others.length, 0);
    assert.equal(stored?.name, certificateName('TV', tv.certificate.der, options));
    assert.deepEqual(stored.certificate, tv.certificate.der);
  });

  it('comes back after the server did', async () => {
    await add(await byPassword(), tv);
    const connection = await logins.online(tv.jid, tv.credentials);
    const back = reached(connection, 'online');
    await server.restart();
    await back;
    await ping(connection.channel, parseJid(server.domain), { signal });
  });

  it('ends for good when the certificate is revoked, in the middle of a session', async () => {
    const certificates = await byPassword();
    await add(certificates, tv);
    const connection = await logins.online(tv.jid, tv.credentials);
    const stopped = reached(connection, 'stopped');
    assert.equal(await certificates.revoke(tv.certificate.der, { signal }), true);
    assert.equal((await stopped)?.code, 'login-failed');
    await refused(logins.online(tv.jid, tv.credentials), 'login-failed');
    assert.equal(await certificates.revoke(tv.certificate.der, { signal }), false);
  });

  it('is possible no more when the certificate is disabled, but who is in stays', async () => {
    const certificates = await byPassword();
    await add(certificates, tv);
    const { channel } = await logins.online(tv.jid, tv.credentials);
    assert.equal(await certificates.disable(tv.certificate.der, { signal }), true);
    await ping(channel, parseJid(server.domain), { signal });
    await refused(logins.online(`${tv.jid}`, tv.credentials), 'login-failed');
  });

  it('is not had with the certificate of another account, nor can that be added', async () => {
    const balcony = await makeDevice('juliet@home.test/balcony');
    const certificates = await byPassword();
    await refused(add(certificates, balcony), 'bad-request', /id-on-xmppAddr/);
    await add(certificates, tv);
    await refused(logins.online(balcony.jid, balcony.credentials), 'login-failed');
    // Not even offered: it would be a login as juliet.
    await refused(logins.online('romeo@home.test/balcony', balcony.credentials), 'login-failed', /another account/);
  });

  it('is not had with another certificate of the same key', async () => {
    await add(await byPassword(), tv);
    const again = await makeDevice(tv.jid);
    await refused(logins.online(again.jid, again.credentials), 'login-failed');
  });

  it('is not offered to a certificate that has expired', async () => {
    const old = clientIdentity({ addresses: ['romeo@home.test/old'], until: new Date('2021-01-01') });
    const certificates = await byPassword();
    await certificates.add({ label: 'Old', certificate: old.der, mayManage: false }, { signal });
    await refused(logins.online('romeo@home.test/old', { kind: 'certificate', ...old }), 'not-supported', /expired/);
  });

  it('takes the place of the password, one step after the other', async () => {
    let means: LoginMeans = { hasPassword: true, certificate: 'made', token: 'none' };
    let offers: LoginOffers = { certificates: undefined };
    for (let step = 0; !planLogin(means, offers).mayForgetPassword; step += 1) {
      assert.ok(step < 4);
      const { by, then } = planLogin(means, offers);
      const connection = await logins.online(tv.jid, by === 'certificate' ? tv.credentials : PASSWORD);
      means = afterLogin(means, by ?? 'password', 'online');
      const certificates = then === undefined ? undefined : await findClientCertificates(connection.channel, options, { signal });
      if (then === 'look-for-certificates') offers = { certificates: certificates !== undefined };
      if (then === 'add-certificate' && certificates) {
        await add(certificates, tv);
        means = { ...means, certificate: 'added' };
      }
      await connection.stop();
    }
    assert.deepEqual(means, { hasPassword: true, certificate: 'proven', token: 'none' });
  });
});

describe('a Prosody that wants certificates of authorities only', function () {
  this.timeout(30_000);
  let server: Prosody;
  const logins = new Logins(() => server);
  afterEach(() => logins.end());
  afterEach(() => server?.stop());

  const begin = async (protocol: string): Promise<XmppConnection> => {
    const strict = `c2s_ssl = { verify = { "peer", "fail_if_no_peer_cert" }, verifyext = { lsec_continue = false }, protocol = "${protocol}" }`;
    server = await startProsody({ users: { romeo: PASSWORD.password }, clientCertificates: true, extra: strict });
    const { jid, credentials } = await makeDevice('romeo@home.test/tv-k3fq');
    return logins.make(jid, credentials);
  };

  it('refuses our certificate in TLS 1.3, proven: that is final', async () => {
    await refused((await begin('tlsv1_3')).start({ signal }), 'login-failed', /refuses TLS/);
  });

  it('refuses it in TLS 1.2, where anybody on the path could have: that is tried again', async () => {
    const connection = await begin('tlsv1_2');
    const waiting = reached(connection, 'waiting');
    void connection.start({ signal }).catch(() => undefined);
    const reason = await waiting;
    assert.equal(reason?.code, 'connection-lost');
    assert.match(reason.message, /shown this device's certificate/);
  });
});

describe('a Prosody that knows nothing of certificates', function () {
  this.timeout(30_000);

  it('lets nobody in by one, and does not get a password instead', async () => {
    const server = await startProsody({ users: { romeo: PASSWORD.password } });
    const logins = new Logins(() => server);
    try {
      const { jid, credentials } = await makeDevice('romeo@home.test/tv-k3fq');
      await refused(logins.online(jid, credentials), 'not-supported', /by the password once/);
      const { channel } = await logins.online(jid, PASSWORD);
      assert.equal(await findClientCertificates(channel, options, { signal }), undefined);
    } finally {
      await logins.end();
      await server.stop();
    }
  });
});
