import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import { decodeBackup, encodeBackup } from '../../../src/xpmn/trust/backup-file.ts';
import type { Backup } from '../../../src/xpmn/trust/backup-file.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { encodeCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import { privateKeyPem } from '../../../src/xpmn/trust/keys.ts';
import { unseal } from '../../../src/xpmn/trust/sealed-file.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { options } from './machine.ts';
import { device, list, NOW, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const deps = { clock: new FakeClock(NOW), random: new FakeRandom() };
const PASSWORD = 'correct horse, Grüße';
const shortKey = 'a'.repeat(63) as KeyName;

describe('a backup', () => {
  let [user, attic, pal]: Somebody[] = [];
  let content: Backup;
  let file: Buffer;
  const by = (who: Somebody | undefined) => who as Somebody;

  before(async function () {
    this.timeout(30_000);
    [user, attic, pal] = await Promise.all(['network-home-0', 'network-phone', 'acceptance-fu'].map(somebody));
    const { name: network } = by(user);
    content = {
      account: parseJid('me@home.example'), password: 'geheim', server: { host: '192.0.2.1', port: 5222 }, ca: 'PEM', name: 'Home',
      userKey: by(user).key,
      userCertificate: issueCertificate(deps, options, by(user).key, { commonName: 'u' }),
      lists: [list('devices', by(user), { devices: [device(by(attic), 'me@home.example/attic')] }), list('friends', by(user), { friends: [{ who: by(pal), jid: 'pal@away.example' }] }), list('devices', by(pal), {})].map(({ element }) => element),
      removed: [{ network, type: 'devices', signer: network, keys: new Set([by(attic).name]) }, { network: by(pal).name, type: 'hosted', signer: by(attic).name, keys: new Set() }],
    };
    file = await encodeBackup(content, PASSWORD, deps, options);
  });

  it('gives back what was put in', async () => {
    const { userKey, ...rest } = await decodeBackup(file, PASSWORD, options);
    const { userKey: _, ...expected } = content;
    assert.deepEqual(rest, expected);
    assert.equal(privateKeyPem(userKey), privateKeyPem(content.userKey));
    assert.equal(file.toString('latin1', 0, 8), 'XPMNBKUP');
    const { password: _p, server: _s, ca: _c, ...least } = content;
    const decoded = await decodeBackup(await encodeBackup(least, PASSWORD, deps, options), PASSWORD, options);
    assert.deepEqual([decoded.password, decoded.server, decoded.ca], [undefined, undefined, undefined]);
  });

  it('keeps its layout', async () => {
    const json = JSON.parse(await unseal({ magic: 'XPMNBKUP', name: 'backup' }, file, PASSWORD, options.credentials)) as Record<string, unknown>;
    assert.deepEqual(Object.keys(json), ['account', 'password', 'server', 'ca', 'name', 'userKey', 'userCertificate', 'lists', 'removed']);
    assert.match(String(json['userKey']), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.match(String(json['userCertificate']), /^-----BEGIN CERTIFICATE-----\n/);
    assert.match(String(json['lists']), /^<signed xmlns='urn:xmpp:xpmn:trust:0'>/);
    assert.deepEqual((json['removed'] as unknown[])[0], { network: by(user).name, type: 'devices', signer: by(user).name, keys: [by(attic).name] });
  });

  it('shows nothing of its content, and is another one every time', async () => {
    for (const secret of ['geheim', 'PRIVATE KEY', 'home.example', 'Home']) assert.equal(file.includes(secret), false);
    assert.notDeepEqual(await encodeBackup(content, PASSWORD, deps, options), file);
  });

  it('does not open with a wrong password, and is not made with none', async () => {
    for (const wrong of ['', 'correct horse', `${PASSWORD} `]) await assert.rejects(decodeBackup(file, wrong, options), { code: 'bad-password' });
    await assert.rejects(encodeBackup(content, '', deps, options), { code: 'bad-password' });
  });

  it('is no credentials file, nor is one of those a backup', async () => {
    const credentials = await encodeCredentials({
      account: content.account, name: 'x', userCertificate: content.userCertificate, lists: [],
      device: { jid: parseJid('me@home.example/x'), key: by(attic).name, privateKey: privateKeyPem(by(attic).key), certificate: content.userCertificate },
    }, PASSWORD, deps, options);
    await assert.rejects(decodeBackup(credentials, PASSWORD, options), { code: 'malformed' });
  });

  it('is bounded in size, both ways', async () => {
    const small = { ...options, credentials: { ...options.credentials, bytes: file.length - 1 } };
    await assert.rejects(decodeBackup(file, PASSWORD, small), { code: 'too-large' });
    await assert.rejects(encodeBackup(content, PASSWORD, deps, small), { code: 'too-large' });
  });

  it('cut off anywhere, or with any bit flipped, is refused with a code', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(file.length - 1), fc.option(fc.nat(7)), async (at, bit) => {
      const damaged = bit === null ? Buffer.from(file.subarray(0, at)) : Buffer.from(file);
      if (bit !== null) damaged[at] = (damaged[at] as number) ^ (1 << bit);
      await assert.rejects(decodeBackup(damaged, PASSWORD, options), (error) => error instanceof XpmnError && ['malformed', 'not-supported', 'bad-password'].includes(error.code));
    }), { numRuns: 300 });
  });

  it('with content that is not of one network, or makes no sense, is refused with a code', async () => {
    const { lists, removed } = content;
    const foreign = issueCertificate(deps, options, by(attic).key, { commonName: 'u' });
    const broken = xml('signed', 'urn:xmpp:xpmn:trust:0', {}, [...(lists[0]?.children ?? [])].reverse().slice(1));
    const wrong: [Partial<Record<keyof Backup, unknown>>, string][] = [
      [{ account: 'me@home.example/x' }, 'malformed'], [{ account: '' }, 'malformed'], [{ account: 5 }, 'malformed'], [{ name: undefined }, 'malformed'], [{ password: 5 }, 'malformed'],
      [{ ca: [] }, 'malformed'], [{ server: { host: 'a', port: 0 } }, 'malformed'], [{ server: null }, 'malformed'],
      [{ userCertificate: foreign }, 'malformed'], [{ userCertificate: { pem: 'x' } }, 'malformed'], [{ userKey: by(attic).key }, 'malformed'],
      [{ lists: [] }, 'malformed'], [{ lists: lists.slice(1) }, 'malformed'], [{ lists: [...lists, broken] }, 'malformed'], [{ lists: [...lists, xml('x', 'urn:x')] }, 'malformed'],
      [{ lists: Array.from({ length: options.heads + 1 }, () => lists[0]) }, 'malformed'],
      [{ removed: [{ ...removed[0], type: 'odd' }] }, 'malformed'], [{ removed: [{ ...removed[0], signer: shortKey }] }, 'malformed'], [{ removed: [{ ...removed[0], keys: [shortKey] }] }, 'malformed'],
      [{ removed: [{ ...removed[0], keys: [5] }] }, 'malformed'], [{ removed: Array.from({ length: options.heads + 1 }, () => removed[0]) }, 'malformed'],
      [{ removed: [{ ...removed[0], keys: Array.from({ length: options.removedKeys + 1 }, () => by(attic).name) }] }, 'malformed'],
    ];
    for (const [change, code] of wrong) {
      const made = await encodeBackup({ ...content, ...change } as Backup, PASSWORD, deps, options);
      await assert.rejects(decodeBackup(made, PASSWORD, options), { code }, inspect(Object.keys(change)));
    }
  });

  it('with a list whose signature does not hold is refused', async () => {
    const [own] = content.lists;
    const [data, key, signature] = own?.children ?? [];
    const forged = { ...(own as typeof own & object), children: [xml('data', 'urn:xmpp:xpmn:trust:0', {}, Buffer.from('<list/>').toString('base64')), key, signature].filter((child) => child !== undefined) };
    assert.ok(data);
    const made = await encodeBackup({ ...content, lists: [...content.lists, forged] }, PASSWORD, deps, options);
    await assert.rejects(decodeBackup(made, PASSWORD, options), { code: 'not-trusted' });
  });

  it('shows no secret in what it is refused with', async () => {
    const made = await encodeBackup({ ...content, userCertificate: { ...content.userCertificate, pem: 'no certificate' } }, PASSWORD, deps, options);
    const secrets = ['geheim', PASSWORD, 'tried in vain', privateKeyPem(await testKey('network-home-0')).split('\n')[3] as string];
    for (const password of [PASSWORD, 'tried in vain']) {
      const error = await decodeBackup(made, password, options).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof XpmnError);
      for (const secret of secrets) assert.equal(inspect(error, { depth: 12, maxStringLength: null }).includes(secret), false);
    }
  });
});
