import assert from 'node:assert/strict';
import type { JingleManager } from '../../../src/xpmn/jingle/manager.ts';
import { createByteWays } from '../../../src/xpmn/links/byte-ways.ts';
import { PathMemory } from '../../../src/xpmn/links/path.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { FakeApplication } from '../../fakes/fake-application.ts';

const peer = parseJid('romeo@home.test/nas');
const via = {} as StanzaChannel;
const { signal } = new AbortController();

/** The transports of each session that the ways open, one after the other. */
async function asked(may: (transport: string) => boolean): Promise<unknown[]> {
  const requests: unknown[] = [];
  const jingle = {
    open: (request: { peer: unknown; channel: unknown; transports: unknown }) => {
      assert.deepEqual([request.peer, request.channel], [peer, via]);
      requests.push(request.transports);
      return Promise.resolve({});
    },
  } as unknown as JingleManager;
  const ways = createByteWays({ jingle, bytesMethod: new FakeApplication('urn:bytes') as never, paths: new PathMemory() })(peer, via, may);
  for (const way of ways) assert.equal((await way({ signal })).path, 'in-band');
  return requests;
}

describe('ways to bytes', () => {
  it('are sockets, then stanzas: each a session of its own', async () => {
    assert.deepEqual(await asked(() => true), [
      ['urn:xmpp:jingle:transports:s5b:1'], ['urn:xmpp:jingle:transports:ibb:1', 'urn:xmpp:jingle:transports:ibb:0'],
    ]);
  });

  it('are those alone that may be used', async () => {
    assert.deepEqual(await asked((transport) => transport.endsWith('ibb:0')), [['urn:xmpp:jingle:transports:ibb:0']]);
    assert.deepEqual(await asked((transport) => transport.includes('s5b')), [['urn:xmpp:jingle:transports:s5b:1']]);
    assert.deepEqual(await asked(() => false), []);
  });
});
