import assert from 'node:assert/strict';
import { XpmnError } from '../../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import type { LoginCredentials } from '../../../../src/xpmn/ports/xmpp-connection.ts';
import { createEstablish } from '../../../../src/xpmn/xmpp/connection/establish.ts';
import { findEndpoints, inOrder } from '../../../../src/xpmn/xmpp/connection/endpoints.ts';
import type { ResolveSrv, SrvRecord } from '../../../../src/xpmn/xmpp/connection/endpoints.ts';
import { otherHost } from '../../../../src/xpmn/xmpp/connection/stream-errors.ts';
import { ROGUE_PASSWORD, RogueXmppServer } from '../../../fakes/rogue-xmpp-server.ts';
import { clientIdentity } from '../../../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../../../support/fake-clock.ts';
import { settings } from '../../../support/settings.ts';

const signal = new AbortController().signal;
const srv = (name: string, port: number, priority = 0, weight = 0): SrvRecord => ({ name, port, priority, weight });
const dns = (answers: Record<string, SrvRecord[]>): ResolveSrv => (name) =>
  answers[name] ? Promise.resolve(answers[name]) : Promise.reject(Object.assign(new Error('queryDns ENOTFOUND'), { code: 'ENOTFOUND' }));
const find = (domain: string, answers: Record<string, SrvRecord[]>) =>
  findEndpoints(domain, { resolveSrv: dns(answers), random: new FakeRandom(), signal }, { endpoints: 3 });

describe('where the server is', () => {
  it('is the domain itself without SRV records', async () => {
    assert.deepEqual(await find('home.test', {}), [{ host: 'home.test', port: 5222, direct: false }]);
    assert.deepEqual(await find('bücher.test', {}), [{ host: 'xn--bcher-kva.test', port: 5222, direct: false }]);
  });

  it('is what both kinds of records say, in one order, and not more of it', async () => {
    const found = await find('home.test', {
      '_xmpp-client._tcp.home.test': [srv('b.test', 5222, 20), srv('a.test', 5222, 5), srv('d.test', 5222, 40)],
      '_xmpps-client._tcp.home.test': [srv('c.test', 443, 10), srv('.', 0, 0)],
    });
    assert.deepEqual(found.map(({ host, direct }) => [host, direct]), [['a.test', false], ['c.test', true], ['b.test', false]]);
  });

  it('is nowhere if the domain says so', async () => {
    await assert.rejects(find('home.test', { '_xmpp-client._tcp.home.test': [srv('.', 0)] }), (error: XpmnError) => error.code === 'server-unreachable');
  });

  it('prefers by weight among equals, and forgets none', () => {
    const records = [srv('heavy', 1, 0, 90), srv('light', 1, 0, 10), srv('none', 1, 0, 0)];
    const first = { heavy: 0, light: 0, none: 0 };
    const random = new FakeRandom(7);
    for (let i = 0; i < 1000; i += 1) {
      const ordered = inOrder(records, random);
      assert.equal(new Set(ordered).size, 3);
      first[ordered[0]?.name as keyof typeof first] += 1;
    }
    assert.ok(first.heavy > 800 && first.light > 30 && first.none < 20, JSON.stringify(first));
  });

  it('reads where see-other-host points', () => {
    const to = (address: string) => otherHost(new XpmnError('connection-lost', '', { details: { address } }));
    assert.deepEqual(to('other.test'), { host: 'other.test', port: 5222 });
    assert.deepEqual(to('other.test:5269'), { host: 'other.test', port: 5269 });
    assert.deepEqual(to('[2001:db8::1]:9222'), { host: '2001:db8::1', port: 9222 });
    for (const nonsense of ['', 'a b', 'x:0', 'x:99999', 'http://x/', '2001:db8::1:2:3:4:5', 'a/b']) assert.equal(to(nonsense), undefined, nonsense);
  });
});

describe('reaching the server', () => {
  const rogue = new RogueXmppServer();
  before(() => rogue.open());
  after(() => rogue.close());

  const account = { jid: parseJid('romeo@home.test/gateway-abcd'), credentials: { kind: 'password', password: ROGUE_PASSWORD }, ca: rogue.certificates.ca } as const;
  const establish = (answers: Record<string, SrvRecord[]>, credentials: LoginCredentials = account.credentials) => createEstablish(
    { clock: new FakeClock(), random: new FakeRandom(), log: silentLogger, resolveSrv: dns(answers) },
    { ...settings.xmpp.server, limits: settings.xml.serverStream },
  )({ ...account, credentials }, { server: undefined, signal });
  const aborted = new XpmnError('aborted', 'Done.');

  it('uses TLS at once where the record says so, and checks the domain\'s name', async () => {
    rogue.behave({ directTls: true });
    (await establish({ '_xmpps-client._tcp.home.test': [srv('127.0.0.1', rogue.port)] })).destroy(aborted);
    assert.equal(rogue.sessions.at(-1)?.plain, '');
    rogue.behave({ directTls: true, certificate: 'wrongName' });
    await assert.rejects(establish({ '_xmpps-client._tcp.home.test': [srv('127.0.0.1', rogue.port)] }), (error: XpmnError) => error.code === 'server-untrusted');
  });

  it('shows its certificate in direct TLS, too, and at every server that it tries', async () => {
    const device = clientIdentity({ addresses: [account.jid] });
    rogue.client = device.der;
    rogue.behave({ directTls: true });
    const records = [srv('127.0.0.1', 1, 0), srv('127.0.0.1', rogue.port, 1)];
    (await establish({ '_xmpps-client._tcp.home.test': records }, { kind: 'certificate', ...device })).destroy(aborted);
    assert.deepEqual(rogue.sessions.at(-1)?.shown, device.der);
    assert.equal(rogue.sessions.at(-1)?.plain, '');
  });

  it('shows none without being told to', async () => {
    rogue.behave({});
    (await establish({ '_xmpp-client._tcp.home.test': [srv('127.0.0.1', rogue.port)] })).destroy(aborted);
    assert.equal(rogue.sessions.at(-1)?.shown, undefined);
  });

  it('goes on to the next record, but not after a refused login', async () => {
    rogue.behave({});
    const dead = srv('127.0.0.1', 1, 0);
    (await establish({ '_xmpp-client._tcp.home.test': [dead, srv('127.0.0.1', rogue.port, 1)] })).destroy(aborted);
    rogue.behave({ scram: 'not-authorized' });
    const before = rogue.sessions.length;
    const both = [srv('127.0.0.1', rogue.port, 0), srv('127.0.0.1', rogue.port, 1)];
    await assert.rejects(establish({ '_xmpp-client._tcp.home.test': both }), (error: XpmnError) => error.code === 'login-failed');
    assert.equal(rogue.sessions.length - before, 1);
  });
});
