import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { KeyName, PeerIdentity, Verdict } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { formatHandOver, parseHandOver, serveHandOver } from '../../../src/xpmn/profiles/hand-over.ts';
import { keyNameOf, privateKeyDer, privateKeyFromPem } from '../../../src/xpmn/trust/keys.ts';
import type { HandOverParts } from '../../../src/xpmn/trust/user-key-transfer.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKey } from '../../support/keys.ts';
import { settings } from '../../support/settings.ts';

const [MANAGER, HOST] = [parseJid('me@home.test/desk'), parseJid('me@home.test/nas')];
const name = (digit: string): KeyName => digit.repeat(64) as KeyName;
const signal = new AbortController().signal;

describe('handing over the user key', function () {
  this.timeout(30_000);
  let parts: HandOverParts;
  let taken: HandOverParts[];
  before(async () => (parts = { userKey: await testKey('user'), removed: new Map([['devices', [name('a'), name('b')]]]) }));
  beforeEach(() => (taken = []));

  /** Asks a host that knows `manager` as the one that manages. */
  function asking(verdict: Verdict | undefined, { isHere = false, manager = name('d') } = {}): (payload: XmlElement) => Promise<XmlElement> {
    const who = (jid: typeof HOST): PeerIdentity => ({ verdict: verdict ?? 'own', key: name('d'), jid, network: name('e'), roles: ['host', 'management'] });
    const pair = channelPair({ clock: new FakeClock(), random: new FakeRandom(), a: MANAGER, b: HOST, ...(verdict && { peers: { a: who(HOST), b: who(MANAGER) } }) });
    serveHandOver({ registry: pair.b.router, taker: { isHere, isManager: (key) => key === manager, take: (given) => Promise.resolve(void taken.push(given)) } });
    return (payload) => pair.a.channel.request({ type: 'set', to: verdict ? undefined : HOST, payload }, { signal });
  }

  it('gives the host the key, and what lists have no room to tell', async () => {
    await asking('own')(formatHandOver(parts));
    assert.equal(taken.length, 1);
    assert.equal(keyNameOf((taken[0] as HandOverParts).userKey), keyNameOf(parts.userKey));
    assert.deepEqual(taken[0]?.removed, parts.removed);
  });

  it('is taken from nobody but the device that the newest list names', async () => {
    for (const verdict of ['own-hosted', 'friend', 'pairing'] as const) {
      await assert.rejects(asking(verdict)(formatHandOver(parts)), { code: 'not-allowed' }, verdict);
      await assert.rejects(asking(verdict, { isHere: true })(formatHandOver(parts)), { code: 'not-allowed' }, verdict);
    }
    await assert.rejects(asking(undefined)(formatHandOver(parts)), { code: 'security-required' });
    await assert.rejects(asking('own', { manager: name('f') })(formatHandOver(parts)), { code: 'not-allowed' }, 'what it says of its roles itself counts for nothing');
    assert.deepEqual(taken, []);
  });

  it('can be ended by whoever has the key, where it is already', async () => {
    await asking('own', { isHere: true, manager: name('f') })(formatHandOver(parts));
    assert.equal(taken.length, 1);
  });

  it('is refused where anything in it is not what it should be, without a word of it', async () => {
    const key = privateKeyDer(parts.userKey).toString('base64');
    const userKey = (text: string): XmlElement => xml('user-key', NS.management, {}, text);
    const removed = (attrs: Record<string, string>, text: string): XmlElement => xml('removed', NS.management, attrs, text);
    const names = Buffer.alloc(32).toString('base64');
    const bad: Record<string, XmlElement[]> = {
      'nothing': [],
      'an empty key': [userKey('')],
      'no base64': [userKey(`${key.slice(0, -4)}!`)],
      'a key cut short': [userKey(key.slice(0, 400))],
      'a public key': [userKey(Buffer.from('not a key').toString('base64'))],
      'names of other lists': [userKey(key), removed({ type: 'hosted' }, names)],
      'no type': [userKey(key), removed({}, names)],
      'a type twice': [userKey(key), removed({ type: 'devices' }, names), removed({ type: 'devices' }, names)],
      'half a name': [userKey(key), removed({ type: 'devices' }, Buffer.alloc(33).toString('base64'))],
    };
    for (const [what, children] of Object.entries(bad)) {
      await assert.rejects(asking('own')(xml('hand-over', NS.management, {}, ...children)), (error) =>
        error instanceof XpmnError && error.code === 'bad-request' && !JSON.stringify(error).includes(key.slice(40, 60)) && !error.message.includes(key.slice(40, 60)), what);
    }
    assert.deepEqual(taken, []);
  });

  it('carries any removals', () => {
    const keys = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex') as KeyName), { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(keys, keys, (devices, friends) => {
      const removed: HandOverParts['removed'] = new Map([['devices', devices], ['friends', friends]]);
      assert.deepEqual(parseHandOver(formatHandOver({ ...parts, removed })).removed, removed);
    }), { numRuns: 50 });
  });

  it('is written and read as the vector has it', () => {
    const text = (path: string): string => readFileSync(new URL(`../../vectors/${path}`, import.meta.url), 'utf8').trim();
    const vector = JSON.parse(text('management/hand-over.json')) as { userKey: string; removed: Record<string, KeyName[]> };
    const { keys } = JSON.parse(text('trust/published-vector-keys.json')) as { keys: Record<string, { privateKey: string }> };
    const stanza = text('management/hand-over.xml');
    const userKey = privateKeyFromPem(keys[vector.userKey]?.privateKey as string);
    const removed = new Map(Object.entries(vector.removed)) as HandOverParts['removed'];
    assert.equal(serialise(formatHandOver({ userKey, removed })), stanza);
    const read = parseHandOver(parseXml(stanza, { ...settings.xml.trustList, bytes: 1 << 20 }));
    assert.deepEqual([keyNameOf(read.userKey), read.removed], [keyNameOf(userKey), removed]);
  });
});
