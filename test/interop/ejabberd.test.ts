import assert from 'node:assert/strict';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { findClientCertificates } from '../../src/xpmn/xmpp/client-certificates.ts';
import { planLogin } from '../../src/xpmn/xmpp/login-choice.ts';
import { ping } from '../../src/xpmn/xmpp/ping.ts';
import { startEjabberd } from '../peers/ejabberd.ts';
import type { Ejabberd } from '../peers/ejabberd.ts';
import { settings } from '../support/settings.ts';
import { Logins, makeDevice } from './login-rig.ts';

const signal = new AbortController().signal;
const PASSWORD = { kind: 'password', password: 'Grüße, "= 日本' } as const;
const TV = 'romeo@home.test/tv-k3fq';

describe('login on ejabberd', function () {
  this.timeout(60_000);
  let server: Ejabberd;
  const logins = new Logins(() => server);

  before(async () => {
    server = await startEjabberd({ users: { romeo: PASSWORD.password, juliet: PASSWORD.password }, clientCertificates: true });
  });
  afterEach(() => logins.end());
  after(() => server?.stop());

  it('works by a certificate that its authority has signed', async () => {
    const { channel } = await logins.online(TV, { kind: 'certificate', ...(await server.sign(TV)) });
    await ping(channel, parseJid(server.domain), { signal });
  });

  it('works by one that names nobody, if we say who we are', async () => {
    const { channel } = await logins.online(TV, { kind: 'certificate', ...(await server.sign()) });
    assert.equal(channel.local, TV);
    await ping(channel, parseJid(server.domain), { signal });
  });

  it('does not work by one for another account', async () => {
    const credentials = { kind: 'certificate', ...(await server.sign('juliet@home.test/balcony')) } as const;
    await assert.rejects(logins.online(TV, credentials), (error: XpmnError) => error.code === 'login-failed' && /another account/.test(error.message));
  });

  it('does not work by one that vouches for itself, and then nothing else is tried', async () => {
    const { credentials } = await makeDevice(TV);
    await assert.rejects(logins.online(TV, credentials), (error: XpmnError) => (assert.equal(error.code, 'login-failed', error.message), true));
  });

  it('stays with the password for devices, since the server takes no certificates from its users', async () => {
    const { channel } = await logins.online(TV, PASSWORD);
    const certificates = await findClientCertificates(channel, settings.xmpp.clientCertificates, { signal });
    assert.equal(certificates, undefined);
    const means = { hasPassword: true, certificate: 'made', token: 'none' } as const;
    assert.deepEqual(planLogin(means, { certificates: false }), { by: 'password', then: undefined, wantsToken: true, mayForgetPassword: false });
  });
});
