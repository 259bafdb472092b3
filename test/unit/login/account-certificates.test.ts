import assert from 'node:assert/strict';
import { AccountCertificates } from '../../../src/xpmn/login/account-certificates.ts';
import type { AccountCertificatesOptions } from '../../../src/xpmn/login/account-certificates.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { child } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { XmppConnection } from '../../../src/xpmn/ports/xmpp-connection.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import type { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { IqRouter } from '../../../src/xpmn/xmpp/iq-router.ts';
import { FakeXmppServer } from '../../fakes/fake-xmpp-server.ts';
import type { FakeServerOptions } from '../../fakes/fake-xmpp-server.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';
import { NOW, device, list, snapshot, somebody } from '../trust/world.ts';
import type { Somebody } from '../trust/world.ts';

const { signal } = new AbortController();
const BARE = parseJid('romeo@home.test');
const options: AccountCertificatesOptions = settings.xmpp.clientCertificates;

describe('the certificates of an account, as a gateway manages them', () => {
  let [user, home, tv, pad, pod]: Somebody[] = [];
  let server: FakeXmppServer;
  let connection: XmppConnection;
  let clock: FakeClock;

  before(async function () {
    this.timeout(60_000);
    [user, home, tv, pad, pod] = await Promise.all(['user', 'home', 'tv', 'pad', 'pod'].map((name) => somebody(`account certificates ${name}`)));
  });
  const who = (one: Somebody | undefined): Somebody => one as Somebody;
  const certificateOf = (one: Somebody | undefined, name: string): Buffer =>
    issueCertificate({ clock: new FakeClock(NOW), random: new FakeRandom() }, settings.trust, who(one).key, { commonName: name, jid: parseJid(`${BARE}/${name}`) }).der;

  async function begin(changes: Partial<FakeServerOptions> = {}, own: Partial<AccountCertificatesOptions> = {}): Promise<AccountCertificates> {
    server = new FakeXmppServer({ dialect: 'urn:xmpp:saslcert:1', ...changes });
    server.addAccount(BARE, 'battery');
    clock = new FakeClock(NOW);
    connection = server.connection(parseJid(`${BARE}/home`), 'battery', { clock, random: new FakeRandom(), router: new IqRouter({ log: silentLogger }, { inProgress: 32, inProgressInAll: 32, idLength: 256 }) });
    await connection.start({ signal });
    const lists = { snapshot: snapshot(who(user), list('devices', who(user), { devices: [device(who(home), `${BARE}/home`)], removed: [who(tv), who(pad), who(pod)] })) } as unknown as ListStore;
    return new AccountCertificates({ connection, lists, clock, log: silentLogger }, { ...options, ...own });
  }
  afterEach(() => connection.stop());

  it('are revoked by the key of a removed device, so many a round', async () => {
    const certificates = await begin({}, { revocations: 2 });
    const { certificates: stored } = server.account(BARE);
    for (const [one, name] of [[home, 'home'], [tv, 'tv'], [pad, 'pad'], [pod, 'pod']] as const) stored.trust(certificateOf(one, name));
    stored.trust(certificateOf(user, 'another-program'));
    await certificates.look(signal);
    assert.equal(await certificates.revokeLost(signal), 3);
    assert.equal(stored.names.length, 3);
    assert.equal(await certificates.revokeLost(signal), 1);
    assert.equal(await certificates.revokeLost(signal), 0);
    assert.equal(stored.names.length, 2);
    assert.ok(stored.takes(certificateOf(home, 'home')));
  });

  it('are not managed before anybody has looked, where the server has none, or while it is away', async () => {
    const certificates = await begin({ dialect: undefined });
    const added = { label: 'home', certificate: certificateOf(home, 'home'), mayManage: true };
    await assert.rejects(certificates.add(added, signal), { code: 'server-unreachable' });
    assert.equal(certificates.areTaken, undefined);
    await certificates.look(signal);
    assert.equal(certificates.areTaken, false);
    for (const act of [() => certificates.add(added, signal), () => certificates.revokeLost(signal)]) await assert.rejects(act(), { code: 'not-supported' });
    server.reachable = false;
    server.drop(connection.channel.local);
    await settle();
    for (const act of [() => certificates.add(added, signal), () => certificates.revokeLost(signal), () => certificates.look(signal)]) await assert.rejects(act(), { code: 'server-unreachable' });
  });

  it('count as not taken by a server that does not answer, until it does', async () => {
    const certificates = await begin();
    let looked = 0;
    certificates.on('looked', () => (looked += 1));
    // It lives, and says so.
    const unlessPing = (stanza: XmlElement): boolean => child(stanza, 'ping', 'urn:xmpp:ping') === undefined;
    server.onStanza = unlessPing;
    const looking = certificates.look(signal);
    await clock.advance(options.answerTimeout);
    await looking;
    assert.deepEqual([certificates.areTaken, looked], [false, 1]);
    server.onStanza = undefined;
    await certificates.look(signal);
    assert.deepEqual([certificates.areTaken, looked], [true, 2]);
    server.onStanza = unlessPing;
    const adding = assert.rejects(certificates.add({ label: 'home', certificate: certificateOf(home, 'home'), mayManage: true }, signal), { code: 'timeout' });
    await clock.advance(options.answerTimeout);
    await adding;
  });
});
