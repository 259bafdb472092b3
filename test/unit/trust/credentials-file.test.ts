import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { issueCertificate } from '../../../src/xpmn/trust/certificate.ts';
import { decodeCredentials, encodeCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import type { CarriedCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import { issueCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { device, list, NOW, options as shipped, somebody } from './world.ts';

/** The shipped cost of scrypt is for people; hundreds of trials are not people. */
const options = { ...shipped, credentials: { ...shipped.credentials, scrypt: { logN: 4, r: 8, p: 1 } } };
const deps = { clock: new FakeClock(NOW), random: new FakeRandom() };
const PASSWORD = 'correct horse, Grüße';

describe('a credentials file', () => {
  let content: CarriedCredentials;
  let file: Buffer;

  before(async () => {
    const [user, attic] = await Promise.all([somebody('network-home-0'), somebody('network-phone')]);
    const jid = parseJid('me@home.example/attic-abcd');
    content = {
      account: parseJid('me@home.example'), password: 'geheim', server: { host: '192.0.2.1', port: 5222 }, ca: 'PEM', name: 'Attic',
      device: issueCredentials(deps, options, await testKey('network-phone'), jid, 'Attic'),
      userCertificate: issueCertificate(deps, options, await testKey('network-home-0'), { commonName: 'u' }),
      lists: [list('devices', user, { devices: [device(attic, jid)] }).element],
    };
    file = await encodeCredentials(content, PASSWORD, deps, options);
  });

  it('gives back what was put in', async () => {
    assert.deepEqual(await decodeCredentials(file, PASSWORD, options), content);
    const { password: _p, server: _s, ca: _c, ...least } = content;
    const decoded = await decodeCredentials(await encodeCredentials(least, PASSWORD, deps, options), PASSWORD, options);
    assert.deepEqual(decoded, { ...least, password: undefined, server: undefined, ca: undefined });
    const letIn = { ...least, isLetIn: true, password: undefined, server: undefined, ca: undefined };
    assert.deepEqual(await decodeCredentials(await encodeCredentials(letIn, PASSWORD, deps, options), PASSWORD, options), letIn);
  });

  it('has the same password however it is typed', async () => {
    assert.deepEqual(await decodeCredentials(file, PASSWORD.normalize('NFD'), options), content);
  });

  it('works at the shipped cost', async () => {
    const slow = await encodeCredentials(content, PASSWORD, deps, shipped);
    assert.equal(slow[9], shipped.credentials.scrypt.logN);
    assert.deepEqual(await decodeCredentials(slow, PASSWORD, shipped), content);
  });

  it('shows nothing of its content, and is another one every time', async () => {
    for (const secret of ['geheim', 'PRIVATE KEY', 'home.example', 'Attic']) assert.equal(file.includes(secret), false);
    assert.notDeepEqual(await encodeCredentials(content, PASSWORD, deps, options), file);
  });

  it('does not open with a wrong password, and is not made with none', async () => {
    for (const wrong of ['', 'correct horse', `${PASSWORD} `]) await assert.rejects(decodeCredentials(file, wrong, options), { code: 'bad-password' });
    await assert.rejects(encodeCredentials(content, '', deps, options), { code: 'bad-password' });
  });

  it('is refused if it is another file, of another version, or asks for too much work', async () => {
    const patched = (at: number, value: number): Buffer => {
      const copy = Buffer.from(file);
      copy[at] = value;
      return copy;
    };
    await assert.rejects(decodeCredentials(Buffer.alloc(0), PASSWORD, options), { code: 'malformed' });
    await assert.rejects(decodeCredentials(Buffer.from('hello'.repeat(100)), PASSWORD, options), { code: 'malformed' });
    await assert.rejects(decodeCredentials(file.subarray(0, 50), PASSWORD, options), { code: 'malformed' });
    await assert.rejects(decodeCredentials(patched(8, 2), PASSWORD, options), { code: 'not-supported' });
    for (const [at, value] of [[9, 0], [9, options.credentials.maxLogN + 1], [9, 255], [10, 0], [10, 9], [11, 0], [11, 5]] as const) {
      await assert.rejects(decodeCredentials(patched(at, value), PASSWORD, options), { code: 'not-supported' });
    }
  });

  it('is bounded in size, both ways', async () => {
    const small = { ...options, credentials: { ...options.credentials, bytes: file.length - 1 } };
    await assert.rejects(decodeCredentials(file, PASSWORD, small), { code: 'too-large' });
    await assert.rejects(encodeCredentials(content, PASSWORD, deps, small), { code: 'too-large' });
    await decodeCredentials(file, PASSWORD, { ...small, credentials: { ...small.credentials, bytes: file.length } });
  });

  it('with any byte changed or cut off does not open', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, cut) => {
      const damaged = cut ? Buffer.from(file.subarray(0, at)) : Buffer.from(file);
      if (!cut) damaged[at] = (damaged[at] as number) ^ flip;
      await assert.rejects(decodeCredentials(damaged, PASSWORD, { ...options, credentials: { ...options.credentials, maxLogN: 8 } }), (error) => error instanceof XpmnError);
    }), { numRuns: 200 });
  });

  it('with content that makes no sense ends in a coded error', async () => {
    const wrong: Partial<Record<keyof CarriedCredentials, unknown>>[] = [
      { account: 'me@home.example/x' }, { account: 'other@home.example' }, { account: '' }, { account: 5 }, { name: undefined }, { password: 5 }, { ca: [] }, { server: { host: 'a', port: 0 } }, { server: { host: 'a', port: 1.5 } }, { server: { port: 5222 } },
      { server: null }, { userCertificate: { pem: 'x' } }, { device: { ...content.device, privateKey: 'x' } }, { device: { ...content.device, certificate: content.userCertificate } },
      { device: { ...content.device, jid: 'me@home.example' } }, { lists: Array.from({ length: options.listsPerAnswer + 1 }, () => content.lists[0]) },
    ];
    for (const change of wrong) {
      const made = await encodeCredentials({ ...content, ...change } as CarriedCredentials, PASSWORD, deps, options);
      await assert.rejects(decodeCredentials(made, PASSWORD, options), { code: 'malformed' }, JSON.stringify(Object.keys(change)));
    }
  });
});
