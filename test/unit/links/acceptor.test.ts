import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { createAcceptor } from '../../../src/xpmn/links/acceptor.ts';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const peer = parseJid('romeo@home.test/new-abcd');
const leaf = Buffer.from('a certificate');
const identity: PeerIdentity = { verdict: 'own', key: 'k' as KeyName, network: 'n' as KeyName, jid: peer, roles: [] };
const never = new AbortController().signal;

describe('who a peer is', () => {
  it('is looked up once for all who ask meanwhile, whoever of them goes away', async () => {
    let isListed = false;
    let asked = 0;
    const published = deferred();
    const lists = { judge: () => (isListed ? { verdict: 'own', identity } : { verdict: 'stranger', reason: 'not-listed' }) };
    const acceptor = createAcceptor({
      lists: lists as never, clock: new FakeClock(), log: silentLogger,
      lookUp: async () => {
        asked += 1;
        await published.promise;
        isListed = true;
      },
    }, settings.gateway);
    const first = new AbortController();
    const gone = acceptor.accept(leaf, peer, first.signal);
    const stays = acceptor.accept(leaf, peer, never);
    first.abort(new Error('gone'));
    await assert.rejects(gone, /gone/);
    await settle();
    published.resolve();
    assert.equal(await stays, identity);
    assert.equal(asked, 1);
  });
});
