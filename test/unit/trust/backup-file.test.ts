import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { serialise } from '../../../src/xpmn/model/xml.ts';
import { decodeBackup, encodeBackup } from '../../../src/xpmn/trust/backup-file.ts';
import type { Backup } from '../../../src/xpmn/trust/backup-file.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { encodeCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import { privateKeyPem } from '../../../src/xpmn/trust/keys.ts';
import { seal, unseal } from '../../../src/xpmn/trust/sealed-file.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { options } from './machine.ts';
import { device, list, NOW, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const deps = { clock: new FakeClock(NOW), random: new FakeRandom() };
const PASSWORD = 'correct horse, Grüße';
const KIND = { magic: 'XPMNBKUP', name: 'backup' };
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
    const json = JSON.parse(await unseal(KIND, file, PASSWORD, options.credentials)) as Record<string, unknown>;
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

  describe('of content that is not of one network, or makes no sense,', () => {
    /** A file that says it, though none like it is ever made. */
    async function sealed(change: Record<string, unknown>): Promise<Buffer> {
      const json = JSON.parse(await unseal(KIND, file, PASSWORD, options.credentials)) as Record<string, unknown>;
      return seal(KIND, JSON.stringify({ ...json, ...change }), PASSWORD, deps, options.credentials);
    }

    it('is refused with a code', async () => {
      const [own, ...others] = content.lists.map((one) => serialise(one));
      const memory = { network: by(user).name, type: 'devices', signer: by(user).name, keys: [by(attic).name] };
      const foreign = issueCertificate(deps, options, by(attic).key, { commonName: 'u' }).pem;
      const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
      const many = (what: unknown, count: number): unknown[] => Array.from({ length: count }, () => what);
      const wrong: Record<string, unknown>[] = [
        { account: 'me@home.example/x' }, { account: '' }, { account: 5 }, { account: undefined }, { name: undefined }, { name: {} }, { password: 5 },
        { ca: [] }, { server: { host: 'a', port: 0 } }, { server: { port: 5 } }, { server: null },
        { userCertificate: foreign }, { userCertificate: 'x' }, { userKey: 'x' }, { userKey: privateKeyPem(by(attic).key) },
        { lists: [] }, { lists: others }, { lists: [own, 'x'] }, { lists: [own, "<x xmlns='urn:x'/>"] }, { lists: [own, 5] }, { lists: {} }, { lists: many(own, options.heads + 1) },
        { removed: undefined }, { removed: [5] }, { removed: [{ ...memory, type: 'odd' }] }, { removed: [{ ...memory, signer: shortKey }] }, { removed: [{ ...memory, keys: [shortKey] }] },
        { removed: [{ ...memory, keys: [5] }] }, { removed: many(memory, options.heads + 1) }, { removed: [{ ...memory, keys: many(by(attic).name, options.removedKeys + 1) }] },
      ];
      for (const change of wrong) await assert.rejects(decodeBackup(await sealed(change), PASSWORD, options), { code: 'malformed' }, inspect(change, { depth: 1 }));
      await assert.rejects(decodeBackup(await sealed({ userKey: privateKeyPem(weak) }), PASSWORD, options), { code: 'not-acceptable' });
      await assert.rejects(decodeBackup(await seal(KIND, 'no JSON', PASSWORD, deps, options.credentials), PASSWORD, options), { code: 'malformed' });
      await decodeBackup(await sealed({}), PASSWORD, options);
    });

    it('or with a list whose signature does not hold', async () => {
      const lists = content.lists.map((one) => serialise(one));
      const forged = lists[1]?.replace(/<data>[^<]*/, `<data>${Buffer.from('<list/>').toString('base64')}`);
      await assert.rejects(decodeBackup(await sealed({ lists: [...lists, forged] }), PASSWORD, options), { code: 'not-trusted' });
    });

    it('is never made', async () => {
      await assert.rejects(encodeBackup({ ...content, userKey: by(attic).key }, PASSWORD, deps, options), { code: 'malformed' });
      await assert.rejects(encodeBackup({ ...content, lists: [] }, PASSWORD, deps, options), { code: 'malformed' });
    });
  });

  it('shows no secret in what it is refused with', async () => {
    const made = await seal(KIND, JSON.stringify({ password: 'geheim', userKey: privateKeyPem(content.userKey) }), PASSWORD, deps, options.credentials);
    const secrets = ['geheim', PASSWORD, 'tried in vain', privateKeyPem(await testKey('network-home-0')).split('\n')[3] as string];
    for (const password of [PASSWORD, 'tried in vain']) {
      const error = await decodeBackup(made, password, options).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof XpmnError);
      for (const secret of secrets) assert.equal(inspect(error, { depth: 12, maxStringLength: null }).includes(secret), false);
    }
  });
});
