import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { formatPresence, instanceLabel, parsePresence } from '../../../src/xpmn/serverless/link-presence.ts';

const jid = parseJid('net-k3fqabcd@xpmn.local/living-room-tv-k3fq');
const network = '0a'.repeat(32) as KeyName;
const caps = { node: 'urn:xmpp:xpmn:gateway:0', hash: 'sha-1', ver: 'QgayPKawpkPSDYmwT/WM94uAlu0=' };

describe('presence on the local link', () => {
  it('says who the device is, of which network, and what it can do; the version first', () => {
    const txt = formatPresence({ jid, network, caps });
    assert.equal(Object.keys(txt)[0], 'txtvers');
    assert.deepEqual(txt, { txtvers: '1', jid, net: network, ...caps, status: 'avail' });
    assert.deepEqual(formatPresence({ jid, network }), { txtvers: '1', jid, net: network, status: 'avail' });
    assert.deepEqual(parsePresence(txt), { jids: [jid], network, caps, name: undefined, pairing: undefined });
    const { name, pairing } = parsePresence(formatPresence({ jid, network, name: 'NAS', pairing: 'button' })) ?? {};
    assert.deepEqual([name, pairing], ['NAS', 'button']);
  });

  it('is understood from others: a bare JID, several, and nothing else', () => {
    assert.deepEqual(parsePresence({ jid: 'Romeo@Home.test' })?.jids, ['romeo@home.test']);
    assert.deepEqual(parsePresence({ jid: ' romeo@home.test/a  juliet@home.test romeo@home.test/a @ x@y/' })?.jids, ['romeo@home.test/a', 'juliet@home.test']);
    assert.equal(parsePresence({ jid: Array.from({ length: 20 }, (_, i) => `u${i}@home.test`).join(' ') })?.jids.length, 4);
  });

  it('of nobody is none', () => {
    for (const txt of [{}, { jid: '' }, { jid: 'home.test' }, { jid: '@' }, { jid: 'romeo@' }, { nick: 'romeo' }]) assert.equal(parsePresence(txt), undefined);
  });

  it('has no network and no capabilities where they make no sense', () => {
    for (const net of ['', network.toUpperCase(), `${network}0`, 'x'.repeat(64)]) assert.equal(parsePresence({ jid, net })?.network, undefined);
    for (const txt of [{ node: 'n', ver: 'v' }, { node: 'n', hash: 'sha-1', ver: '' }, { hash: 'sha-1', ver: 'v' }]) assert.equal(parsePresence({ jid, ...txt })?.caps, undefined);
  });

  it('never throws', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('a@b', ' ', '@', 'a@b/c'));
    fc.assert(fc.property(fc.record({ jid: text, net: text, node: text, hash: text, ver: text }), (txt) => void parsePresence(txt)));
  });

  it('has a label that fits, and begins with what tells devices apart', () => {
    assert.equal(instanceLabel(jid, 'nas'), 'living-room-tv-k3fq@nas');
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), fc.string({ unit: 'grapheme', maxLength: 80 }), (name, host) => {
      const label = instanceLabel(`romeo@home.test/${name}` as typeof jid, host);
      assert.ok(Buffer.byteLength(label) <= 63);
      assert.equal(Buffer.from(label).toString(), label, 'no character is cut in two');
      const [resource = ''] = label.split('@');
      assert.ok(name.startsWith(resource));
      if (Buffer.byteLength(`${name}@${host}`) <= 63 && Buffer.byteLength(name) <= 61) assert.equal(label, `${name}@${host}`);
    }));
  });
});
