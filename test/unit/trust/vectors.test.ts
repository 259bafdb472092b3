import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { headsElement, readHeads } from '../../../src/xpmn/trust/heads.ts';
import type { Head } from '../../../src/xpmn/trust/heads.ts';
import { formatKeyInfo, isSignedBy, keyInfoId, parseKeyInfo, signCertificate } from '../../../src/xpmn/trust/keyinfo.ts';
import { keyNameOf, spkiOf } from '../../../src/xpmn/trust/keys.ts';
import { formatTime } from '../../../src/xpmn/trust/list-document.ts';
import type { ListContent } from '../../../src/xpmn/trust/list-document.ts';
import { localBareJid, resourceName, slugOf } from '../../../src/xpmn/trust/names.ts';
import { BeginningReader } from '../../../src/xpmn/trust/presented-lists.ts';
import { issueList, listsElement, readList } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { options } from './world.ts';

const FOLDER = new URL('../../vectors/trust/', import.meta.url);
const text = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8').trim();
const json = <T>(file: string): T => JSON.parse(text(file)) as T;
const element = (file: string): XmlElement => parseXml(text(file), { ...options.xml, bytes: 1 << 20 });

interface Published { readonly keys: Readonly<Record<string, { readonly privateKey: string; readonly spki: string; readonly name: KeyName }>> }
interface Names {
  readonly networkId: { readonly key: string; readonly id: KeyName; readonly bareJid: string };
  readonly resources: readonly { readonly friendlyName: string; readonly key: string; readonly resource: string }[];
  readonly slugs: Readonly<Record<string, string>>;
}
interface Uid { readonly uids: readonly { readonly objectId: string; readonly pathAndQuery: string; readonly uid: string }[] }
interface KeyInfoVector {
  readonly id: string;
  readonly jid?: string;
  /** The vector of the signer's certificate. */
  readonly signer?: string;
  readonly keyinfo: { readonly certificate: string; readonly signatures: readonly { readonly issuer: string; readonly value: string }[] };
}
interface ListVector { readonly signer: string; readonly hash: string; readonly expiresAt: string; readonly list: Record<string, unknown> }

/** A list as the vector says it: times as on the wire. */
function plain({ type, network, seq, issued, expires, devices, friends, removed }: ListContent): Record<string, unknown> {
  return { type, network, seq, issued: formatTime(issued), expires: formatTime(expires), devices, friends, removed: removed.map(({ key, at }) => ({ key, at: formatTime(at) })) };
}

function content(list: Record<string, unknown>): ListContent {
  const times = list as { issued: string; expires: string; removed: { key: KeyName; at: string }[] };
  const removed = times.removed.map(({ key, at }) => ({ key, at: Date.parse(at) }));
  return { ...(list as unknown as ListContent), issued: Date.parse(times.issued), expires: Date.parse(times.expires), removed };
}

describe('the vectors of trust', () => {
  const published = json<Published>('published-vector-keys.json').keys;
  const key = (name: string): KeyObject => createPrivateKey((published[name] as { privateKey: string }).privateKey);
  const files = readdirSync(FOLDER);
  const pairs = files.filter((file) => file.endsWith('.xml')).map((file) => file.slice(0, -4));

  it('are complete', () => {
    for (const name of pairs) assert.ok(files.includes(`${name}.json`), `${name}.json is missing`);
    const halves = files.filter((file) => /^(signed-list|void|heads|presented|keyinfo)-?.*\.json$/.test(file)).map((file) => file.slice(0, -5));
    assert.deepEqual(halves.sort(), pairs.sort());
    for (const kind of ['signed-list-devices', 'signed-list-friends', 'signed-list-hosted', 'heads']) assert.ok(pairs.includes(kind), kind);
    assert.ok(pairs.filter((name) => name.startsWith('void-')).length >= 3);
  });

  for (const [name, vector] of Object.entries(published)) {
    it(`key name: ${name}`, () => {
      assert.equal(spkiOf(key(name)).toString('base64'), vector.spki);
      assert.equal(keyNameOf(key(name)), vector.name);
    });
  }

  it('names: network id, resources, local-only JID', () => {
    const { networkId, resources, slugs } = json<Names>('names.json');
    assert.equal(keyNameOf(key(networkId.key)), networkId.id);
    assert.equal(localBareJid(networkId.id), networkId.bareJid);
    assert.ok(resources.length > 0 && Object.keys(slugs).length > 0);
    for (const { friendlyName, key: of, resource } of resources) assert.equal(resourceName(friendlyName, keyNameOf(key(of))), resource);
    for (const [friendlyName, slug] of Object.entries(slugs)) assert.equal(slugOf(friendlyName), slug);
  });

  it('uid: base64url of the object id, and six digits of the hash of path and query', () => {
    const { uids } = json<Uid>('uid.json');
    assert.ok(uids.length > 0);
    for (const { objectId, pathAndQuery, uid } of uids) {
      const tag = createHash('sha256').update(pathAndQuery).digest('hex').slice(0, 6);
      assert.equal(`${Buffer.from(objectId).toString('base64url')}-${tag}`, uid);
    }
  });

  for (const name of pairs.filter((pair) => pair.startsWith('signed-list-'))) {
    const vector = json<ListVector>(`${name}.json`);
    it(`${name}: from the text`, () => {
      const list: VerifiedList = readList(element(`${name}.xml`), options);
      assert.deepEqual(plain(list), vector.list);
      assert.equal(list.signer, keyNameOf(key(vector.signer)));
      assert.equal(list.hash, vector.hash);
      assert.equal(formatTime(list.expiresAt), vector.expiresAt);
    });
    it(`${name}: to the text`, () => {
      assert.equal(serialise(issueList(content(vector.list), key(vector.signer), options).element), text(`${name}.xml`));
    });
  }

  for (const name of pairs.filter((pair) => pair.startsWith('void-'))) {
    it(name, () => {
      const { reason } = json<{ reason: string }>(`${name}.json`);
      assert.throws(() => readList(element(`${name}.xml`), options), (error) => error instanceof XpmnError && error.details['reason'] === reason);
    });
  }

  for (const name of pairs.filter((pair) => pair.startsWith('keyinfo-'))) {
    it(`${name}: both ways`, () => {
      const { id, jid, signer, keyinfo } = json<KeyInfoVector>(`${name}.json`);
      const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
      const info = { certificate: bytes(keyinfo.certificate), jid, signatures: keyinfo.signatures.map(({ issuer, value }) => ({ issuer, value: bytes(value) })) };
      assert.deepEqual(parseKeyInfo(element(`${name}.xml`), options), info);
      assert.equal(serialise(formatKeyInfo(info)), text(`${name}.xml`));
      assert.equal(keyInfoId(info), id);
      if (signer === undefined) return;
      const user = bytes(json<KeyInfoVector>(`${signer}.json`).keyinfo.certificate);
      assert.ok(isSignedBy(info, user));
      assert.deepEqual(signCertificate(info.certificate, key('user'), user), info.signatures[0]);
    });
  }

  it('presented lists: both ways', () => {
    const { lists } = json<{ lists: string[] }>('presented-lists.json');
    const issued = lists.map((name) => readList(element(`${name}.xml`), options));
    assert.equal(serialise(listsElement(issued)), text('presented-lists.xml'));
    const beginning = new BeginningReader({ ...options.xml, bytes: 1 << 20 }).read(Buffer.from(text('presented-lists.xml')));
    assert.deepEqual(beginning?.lists?.map((signed) => readList(signed, options)), issued);
  });

  it('heads: both ways', () => {
    const heads = json<Head[]>('heads.json');
    assert.deepEqual(readHeads(element('heads.xml'), options), heads);
    assert.equal(serialise(headsElement(heads)), text('heads.xml'));
  });
});
