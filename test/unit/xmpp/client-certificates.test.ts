import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import type { LoginCredentials, XmppConnection } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../../src/xpmn/xmpp/allow-list.ts';
import { certificateName, findClientCertificates } from '../../../src/xpmn/xmpp/client-certificates.ts';
import type { ClientCertificates } from '../../../src/xpmn/xmpp/client-certificates.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import type { SaslCertDialect } from '../../../src/xpmn/xmpp/saslcert-codec.ts';
import { reached } from '../../compliance/xmpp-connection.suite.ts';
import { FakeXmppServer, homeJid } from '../../fakes/fake-xmpp-server.ts';
import type { FakeServerOptions } from '../../fakes/fake-xmpp-server.ts';
import { clientIdentity } from '../../support/client-certificate.ts';
import type { ClientIdentity } from '../../support/client-certificate.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const signal = new AbortController().signal;
const options = settings.xmpp.clientCertificates;
const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> => assert.rejects(promise, (error: XpmnError) => error.code === code);
const identity = (resource: string, key = resource): ClientIdentity => clientIdentity({ addresses: [`romeo@home.test/${resource}`], key });
const tv = identity('tv');
const phone = identity('phone');
const mark = ({ der }: ClientIdentity): string => createHash('sha256').update(der).digest('hex').slice(0, 8);

describe('the name of a certificate', () => {
  it('tells it from all others, and is one line', () => {
    assert.equal(certificateName('Living room TV', tv.der, options), `Living room TV (${mark(tv)})`);
    assert.equal(certificateName('  a\n\u202eb\t ', tv.der, options), `a b (${mark(tv)})`);
    assert.equal(certificateName('\u0007', tv.der, options), `(${mark(tv)})`);
    assert.equal(certificateName('\u{1f3ac}'.repeat(100), tv.der, options), `${'\u{1f3ac}'.repeat(options.labelLength)} (${mark(tv)})`);
  });
});

describe('certificates that log in to the account', () => {
  let server: FakeXmppServer;
  let seed = 1;
  const connections: XmppConnection[] = [];
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.stop();
  });

  const begin = (changes: Partial<FakeServerOptions>): void => {
    server = new FakeXmppServer(changes);
    for (const name of ['romeo', 'juliet']) server.addAccount(homeJid(name), 'secret');
  };
  const login = async (resource: string, by: LoginCredentials = { kind: 'password', password: 'secret' }): Promise<XmppConnection> => {
    const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const connection = server.connection(parseJid(`romeo@home.test/${resource}`), by, { clock: new FakeClock(), random: new FakeRandom((seed += 1)), router });
    connections.push(connection);
    await connection.start({ signal });
    return connection;
  };
  const byCertificate = (resource: string, device: ClientIdentity): Promise<XmppConnection> => login(resource, { kind: 'certificate', ...device });
  const manage = async ({ channel }: XmppConnection): Promise<ClientCertificates> => (await findClientCertificates(channel, options, { signal })) as ClientCertificates;
  const names = async (certificates: ClientCertificates): Promise<string[]> => (await certificates.list({ signal })).map(({ name }) => name).sort();
  const add = (certificates: ClientCertificates, { der }: ClientIdentity, label = 'TV', mayManage = false): Promise<void> => certificates.add({ label, certificate: der, mayManage }, { signal });

  for (const dialect of ['urn:xmpp:saslcert:1', 'urn:xmpp:saslcert:0'] as const satisfies readonly SaslCertDialect[]) {
    describe(`by ${dialect}`, () => {
      for (const announcesCertificates of [true, false]) {
        it(`are found where the server ${announcesCertificates ? 'announces' : 'hides'} them`, async () => {
          begin({ dialect, announcesCertificates });
          assert.equal((await manage(await login('a'))).dialect, dialect);
        });
      }

      it('are added, listed, and let in', async () => {
        begin({ dialect });
        const certificates = await manage(await login('a'));
        assert.deepEqual(await certificates.list({ signal }), []);
        await rejects(byCertificate('tv', tv), 'login-failed');
        await add(certificates, tv);
        await add(certificates, phone, 'Phone', true);
        await byCertificate('tv', tv);
        assert.deepEqual(await names(certificates), [`Phone (${mark(phone)})`, `TV (${mark(tv)})`]);
        const found = (await certificates.list({ signal })).find(({ certificate }) => certificate?.equals(tv.der));
        // One dialect tells who uses it, the other what it may do.
        assert.deepEqual([found?.resources, found?.mayManage], dialect === 'urn:xmpp:saslcert:1' ? [['tv'], true] : [[], false]);
      });

      it('are there once, however often they are added', async () => {
        begin({ dialect });
        const certificates = await manage(await login('a'));
        await add(certificates, tv);
        await add(certificates, tv);
        await add(certificates, tv, 'Another label');
        assert.deepEqual(await names(certificates), [`TV (${mark(tv)})`]);
      });

      it('may have one label together', async () => {
        begin({ dialect });
        const certificates = await manage(await login('a'));
        await add(certificates, tv);
        await add(certificates, phone);
        assert.equal((await names(certificates)).length, 2);
      });

      it('end, with the sessions if revoked, without if disabled', async () => {
        begin({ dialect });
        const certificates = await manage(await login('a'));
        await add(certificates, tv);
        await add(certificates, phone);
        const [one, other] = [await byCertificate('tv', tv), await byCertificate('phone', phone)];
        const stopped = reached(one, 'stopped');
        assert.equal(await certificates.revoke(tv.der, { signal }), true);
        assert.equal((await stopped)?.code, 'login-failed');
        assert.equal(await certificates.disable(phone.der, { signal }), true);
        assert.equal(other.state, 'online');
        assert.deepEqual(await certificates.list({ signal }), []);
        for (const [resource, device] of [['tv', tv], ['phone', phone]] as const) await rejects(byCertificate(resource, device), 'login-failed');
        assert.equal(await certificates.disable(tv.der, { signal }), false);
        assert.equal(await certificates.revoke(tv.der, { signal }), false);
      });

      it('are refused with the server\'s own word', async () => {
        begin({ dialect });
        const certificates = await manage(await login('a'));
        await rejects(add(certificates, clientIdentity({ addresses: ['juliet@home.test/tv'] })), 'bad-request');
        await add(certificates, tv);
        const fromTv = await manage(await byCertificate('tv', tv));
        await rejects(add(fromTv, phone), 'not-authorized');
        await rejects(fromTv.revoke(tv.der, { signal }), 'not-authorized');
        assert.equal((await names(fromTv)).length, 1);
      });
    });
  }

  it('are not there where the server knows nothing of them', async () => {
    begin({ dialect: undefined });
    const { channel } = await login('a');
    assert.equal(await findClientCertificates(channel, options, { signal }), undefined);
    const asked = server.handled.filter((stanza) => stanza.includes('saslcert'));
    assert.equal(asked.length, 2, 'once in each dialect');
  });

  it('are not asked for where the server announces them', async () => {
    begin({ dialect: 'urn:xmpp:saslcert:1' });
    await manage(await login('a'));
    assert.deepEqual(server.handled.filter((stanza) => stanza.includes('saslcert')), []);
  });
});

describe('a server that answers oddly', () => {
  const account = parseJid('romeo@home.test/a');
  const result = (...payload: XmlElement[]): XmlElement => xml('iq', 'jabber:client', { type: 'result' }, payload);
  /** What was asked, by name and namespace of the payload. */
  const asked: string[] = [];
  const answering = (answer: (name: string, payload: XmlElement) => XmlElement | XpmnError): StanzaChannel => {
    asked.length = 0;
    const request: StanzaChannel['request'] = ({ payload }, { signal: within }) => {
      within.throwIfAborted();
      asked.push(`${payload.name} ${payload.ns}`);
      const said = answer(`${payload.name} ${payload.ns}`, payload);
      return said instanceof XpmnError ? Promise.reject(said) : Promise.resolve(said);
    };
    return { local: account, peer: undefined, send: () => Promise.resolve(), request, closed: signal };
  };
  const find = (channel: StanzaChannel): Promise<ClientCertificates | undefined> => findClientCertificates(channel, options, { signal });
  const refusal = new XpmnError('not-supported', 'No.');

  for (const [what, answer] of [
    ['an empty result', () => result()],
    ['something else', () => result(xml('items', 'urn:x'))],
    ['nonsense', () => new XpmnError('malformed', 'Nonsense.')],
    ['a no', () => refusal],
    ['a no of another kind', () => new XpmnError('not-allowed', 'No.')],
  ] as const) {
    it(`does not have them if it answers everything with ${what}`, async () => assert.equal(await find(answering(answer)), undefined));
  }

  for (const code of ['timeout', 'connection-lost'] as const) {
    it(`is not taken for one without them after ${code}`, async () => {
      const failure = new XpmnError(code, 'Nobody.');
      await rejects(find(answering(() => failure)), code);
      await rejects(find(answering((name) => (name.includes('disco') ? refusal : failure))), code);
    });
  }

  it('is asked no more once nobody wants to know', async () => {
    const reason = new XpmnError('usage', 'Enough.');
    await assert.rejects(findClientCertificates(answering(() => result()), options, { signal: AbortSignal.abort(reason) }), reason);
  });

  it('is believed that a certificate is ours only by its bytes, or by our mark where it shows none', async () => {
    const ns = 'urn:xmpp:saslcert:1';
    const item = (name: string, certificate?: Buffer): XmlElement => xml('item', ns, {}, xml('name', ns, {}, name), certificate && xml('x509cert', ns, {}, certificate.toString('base64')));
    const removed: string[] = [];
    const channel = answering((name, payload) => {
      if (name.startsWith('query')) return result(xml('query', 'http://jabber.org/protocol/disco#info', {}, xml('feature', 'http://jabber.org/protocol/disco#info', { var: ns })));
      if (name.startsWith('items')) return result(xml('items', ns, {}, item(`TV (${mark(tv)})`, phone.der), item('renamed', tv.der), item(`lost (${mark(tv)})`), item('lost')));
      removed.push(String(elements(payload)[0]?.children[0]));
      return removed.length === 1 ? new XpmnError('not-found', 'Gone.') : result();
    });
    const certificates = (await find(channel)) as ClientCertificates;
    assert.equal(await certificates.revoke(tv.der, { signal }), true);
    assert.deepEqual(removed, ['renamed', `lost (${mark(tv)})`]);
  });

  it('may keep its list to itself, and still take a certificate', async () => {
    const ns = 'urn:xmpp:saslcert:1';
    const channel = answering((name) => {
      if (name.startsWith('query')) return result(xml('query', 'http://jabber.org/protocol/disco#info', {}, xml('feature', 'http://jabber.org/protocol/disco#info', { var: ns })));
      return name.startsWith('items') ? new XpmnError('not-allowed', 'No.') : result();
    });
    await (await find(channel))?.add({ label: 'TV', certificate: tv.der, mayManage: true }, { signal });
    assert.equal(asked.at(-1), `append ${ns}`);
  });
});
