import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { Unrecoverable, waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;

/** A server without PEP keeps every list from everybody: devices learn of each other only by what they show inside TLS. */
describe('a new device on a Prosody that publishes no lists', function () {
  this.timeout(60_000);
  let prosody: Prosody;
  let account: TestAccount;
  let owner: Network;
  let home: Network;
  let nas: Jid;
  const running: MediaGateway[] = [];

  before(async () => {
    prosody = await startProsody({ users: { romeo: 'secret' }, extra: 'modules_disabled = { "pep" }', trace: true });
    account = { jid: `romeo@${prosody.domain}`, password: 'secret', host: prosody.host, port: prosody.port, ca: prosody.ca };
    owner = await firstNetwork(account, 'management');
    home = await nextNetwork(owner, 'home');
    const devices = new MemoryDevices();
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', randomBytes(1000));
    await start(home, [devices]);
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library });
    await waitUntil('the NAS is listed', () => home.hostedDevices.size === 1);
    nas = [...home.hostedDevices.values()][0]?.jid as Jid;
  });

  after(async () => {
    await Promise.all(running.map((gateway) => gateway.stop()));
    await prosody?.stop();
  });

  async function start(network: Network, sources: readonly MemoryDevices[] = []): Promise<MediaGateway> {
    const gateway = testGateway(network, account, { sources });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  for (const [what, knowsHome] of [['knows nobody', false], ['knows the others, who do not know it', true]] as const) {
    it(`is accepted, and answered, if it ${what}`, async () => {
      const away = await nextNetwork(owner, what.slice(0, 10));
      if (knowsHome) await away.lists.offerAll(home.lists.snapshot.lists.map(({ element }) => element));
      const gateway = await start(away);
      await waitUntil('it is online', () => gateway.connection?.state === 'online');
      const browse = (): Promise<{ children: readonly { title: string }[] }> => gateway.browse(nas, { container: 'root', offset: 0, limit: 10 }, never);
      // Until the NAS's presence has come it is not reachable; nothing else is waited for.
      const page = await waitUntil('the NAS answers', () => browse().catch((error: { code?: string }) => {
        if (error.code !== 'peer-unavailable') throw new Unrecoverable('it was turned away', { cause: error });
        return undefined;
      }));
      assert.equal(page?.children[0]?.title, 'The Duel');
      assert.ok(!/<items [^>]*node='urn:xmpp:xpmn:trust:0'[^>]*><item/.test(await prosody.handled()), 'the server gave a list away');
      assert.ok(home.lists.snapshot.lists.some(({ devices }) => devices.some(({ key }) => key === away.gateway.key)));
    });
  }
});
