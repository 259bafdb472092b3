import assert from 'node:assert/strict';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };

/** The first gateway has the user key; the second is to remove a third. */
describe('removing a machine', function () {
  this.timeout(30_000);
  let server: FakeXmppServer;
  let networks: [Network, Network, Network];
  let running: MediaGateway[];

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    const first = await firstNetwork(account);
    networks = [first, await nextNetwork(first, 'second'), await nextNetwork(first, 'third')];
    // The second came before the third, and learns of it from the first.
    running = [];
  });
  afterEach(() => Promise.all(running.map((gateway) => gateway.stop())));

  async function start(...which: number[]): Promise<MediaGateway[]> {
    const made = which.map((index) => testGateway(networks[index] as Network, account, { server }));
    running.push(...made);
    for (const gateway of made) await gateway.start({ signal: never });
    await waitUntil('they see each other', () => made.every((gateway) => gateway.devices().filter(({ isAvailable }) => isAvailable).length >= made.length));
    return made;
  }

  it('is done by the management device when another one asks for it', async () => {
    const [, second] = await start(0, 1, 2);
    const lost = networks[2].gateway.jid;
    await second?.remove(lost);
    assert.ok(second?.devices().every(({ jid }) => jid !== lost));
    await waitUntil('the first lists it no more, and the lost one knows', () => running[0]?.devices().every(({ jid }) => jid !== lost) === true && !networks[2].isMember);
  });

  it('is refused for the management device, for what is bridged, and while nobody can sign', async () => {
    const [first, second] = await start(0, 1);
    assert.ok(first && second);
    await assert.rejects(second.remove(first.jid), { code: 'not-allowed' });
    await assert.rejects(first.remove(first.jid), { code: 'not-allowed' });
    await assert.rejects(first.remove(parseJid('romeo@home.test/nobody-aaaa')), { code: 'not-found' });
    await first.stop();
    await waitUntil('it is gone', () => second.devices().find(({ jid }) => jid === first.jid)?.isAvailable === false);
    await assert.rejects(second.remove(networks[2].gateway.jid), { code: 'peer-unavailable' });
    assert.ok(networks[2].isMember);
  });
});
