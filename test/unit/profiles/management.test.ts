import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { KeyName, PeerIdentity, Verdict } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { elements, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { formatAdd, formatRemove, serveManagement } from '../../../src/xpmn/profiles/management.ts';
import type { ListSigner } from '../../../src/xpmn/profiles/management.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';

const [DEVICE, MANAGER, NEW] = ['nas', 'desk', 'tv'].map((resource) => parseJid(`me@home.test/${resource}`)) as [ReturnType<typeof parseJid>, ReturnType<typeof parseJid>, ReturnType<typeof parseJid>];
const key = (digit: string): KeyName => digit.repeat(64) as KeyName;
const signed = xml('signed', NS.trust, {}, 'new list');

describe('the management service', () => {
  let done: unknown[];
  const signer: ListSigner = {
    addDevice: (entry) => (done.push(entry), Promise.resolve({ element: signed } as VerifiedList)),
    removeDevice: (name) => (name === key('d') ? (done.push(name), Promise.resolve({ element: signed } as VerifiedList)) : Promise.reject(new XpmnError('not-found', 'There is no such device.'))),
  };
  beforeEach(() => (done = []));

  function asking(verdict: Verdict | undefined, roles = ['host']): (payload: XmlElement) => Promise<XmlElement | undefined> {
    const who = (jid: typeof DEVICE): PeerIdentity => ({ verdict: verdict ?? 'own', key: key('a'), jid, network: key('e'), roles });
    const pair = channelPair({ clock: new FakeClock(), random: new FakeRandom(), a: DEVICE, b: MANAGER, ...(verdict && { peers: { a: who(MANAGER), b: who(DEVICE) } }) });
    serveManagement({ registry: pair.b.router, signer });
    return async (payload) => elements(await pair.a.channel.request({ type: 'set', to: verdict ? undefined : MANAGER, payload }, { signal: new AbortController().signal }))[0];
  }
  const entry = { key: key('d'), jid: NEW, roles: ['host'] };

  it('lists and removes devices for own ones, and answers with the new list', async () => {
    const ask = asking('own');
    assert.deepEqual(await ask(formatAdd(entry)), xml('lists', NS.trust, {}, signed));
    assert.deepEqual(await ask(formatRemove(key('d'))), xml('lists', NS.trust, {}, signed));
    assert.deepEqual(done, [entry, key('d')]);
    await assert.rejects(ask(formatRemove(key('c'))), { code: 'not-found' });
  });

  it('does nothing for anybody else', async () => {
    for (const verdict of ['own-hosted', 'friend', 'pairing'] as const) {
      const ask = asking(verdict);
      await assert.rejects(ask(formatAdd(entry)), { code: 'not-allowed' });
      await assert.rejects(ask(formatRemove(key('d'))), { code: 'not-allowed' });
    }
    const unsecured = asking(undefined);
    await assert.rejects(unsecured(formatAdd(entry)), { code: 'security-required' });
    await assert.rejects(unsecured(formatRemove(key('d'))), { code: 'security-required' });
    assert.deepEqual(done, []);
  });

  it('gives nobody a role that the asker has not, or that is the owner\'s to give', async () => {
    const [host, plain] = [asking('own', ['host', 'management']), asking('own', [])];
    await assert.rejects(plain(formatAdd(entry)), { code: 'not-allowed' });
    for (const roles of [['management'], ['host', 'management'], ['anything']]) await assert.rejects(host(formatAdd({ ...entry, roles })), { code: 'not-allowed' });
    assert.deepEqual(done, []);
    await plain(formatAdd({ ...entry, roles: [] }));
    assert.deepEqual(done, [{ ...entry, roles: [] }]);
  });

  it('refuses what names no device', async () => {
    const ask = asking('own');
    for (const attrs of [{}, { key: 'x', jid: NEW }, { key: key('d') }, { key: key('d'), jid: 'me@home.test' }]) await assert.rejects(ask(xml('add', NS.management, attrs)), { code: 'bad-request' });
    await assert.rejects(ask(xml('remove', NS.management, { key: '' })), { code: 'bad-request' });
    assert.deepEqual(done, []);
  });
});
