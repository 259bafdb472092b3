import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { decodeBackup, encodeBackup } from '../../src/xpmn/trust/backup-file.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import { Network } from '../../src/xpmn/trust/network.ts';
import { isRemoved } from '../../src/xpmn/trust/snapshot.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
const anHourAgo: Clock = { now: () => systemClock.now() - 3600_000, monotonic: () => systemClock.monotonic(), after: (delay, callback) => systemClock.after(delay, callback) };
const deps = { clock: systemClock, random: systemRandom, generateKey };

/**
 * The laptop that made the network is lost. Since its backup a TV was removed, and a tablet added; the attic, which serves a
 * film, knows of both.
 */
describe('a gateway whose network was restored from an old backup', function () {
  this.timeout(60_000);
  let server: FakeXmppServer;
  let attic: Network;
  let [tv, tablet]: Network[] = [];
  let library: Jid;
  let backup: Buffer;
  const running: MediaGateway[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    const lost = await firstNetwork(account, 'laptop', { clock: anHourAgo });
    attic = await nextNetwork(lost, 'attic');
    tv = await nextNetwork(lost, 'tv');
    backup = await encodeBackup(lost.exportBackup(), 'milk', deps, trustOptions(settings));
    await lost.removeDevice(tv.gateway.key);
    tablet = await nextNetwork(lost, 'tablet');
    await attic.lists.offerAll(elementsOf(lost));
    const devices = new MemoryDevices();
    await start(attic, [devices]);
    const films = new MemoryLibrary();
    films.addItem('film', 'The Duel', randomBytes(1000));
    devices.appear({ description: { id: 'uuid:nas', name: 'The NAS', kind: 'media-server' }, library: films });
    await waitUntil('the library is listed', () => attic.hostedDevices.size === 1);
    library = [...attic.hostedDevices.values()][0]?.jid as Jid;
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  async function start(network: Network, sources: readonly MemoryDevices[] = []): Promise<MediaGateway> {
    const gateway = testGateway(network, account, { server, sources });
    running.push(gateway);
    await gateway.start({ signal: never });
    return gateway;
  }

  async function restore(): Promise<Network> {
    const parts = await decodeBackup(backup, 'milk', trustOptions(settings));
    return Network.restore({ ...deps, storage: new MemoryStorage() }, trustOptions(settings), { ...parts, name: 'new laptop' });
  }

  const elementsOf = ({ lists }: Network) => lists.snapshot.lists.map(({ element }) => element);
  const names = (network: Network, other: Network | undefined): boolean =>
    network.lists.snapshot.lists.some(({ type, devices }) => type === 'devices' && devices.some(({ key }) => key === other?.gateway.key));
  const hasRemoved = (network: Network): boolean => isRemoved(network.lists.snapshot, network.id, 'devices', tv?.gateway.key as Network['id']);

  for (const [how, keeps] of [['from the account', false], ['from the first device that it meets, though the server keeps the lists back', true]] as const) {
    it(`learns what it missed ${how}`, async () => {
      if (keeps) {
        server.account(parseJid(account.jid)).pep.handle = () => {
          throw new XpmnError('not-found', 'There are no lists here.');
        };
      }
      const restored = await restore();
      assert.ok(names(restored, tv) && !names(restored, tablet));
      const gateway = await start(restored);
      const listing = await waitUntil('the attic answers', () => gateway.browse(library, { container: 'root', offset: 0, limit: 10 }, never));
      assert.equal(listing.children[0]?.title, 'The Duel');
      await waitUntil('the TV is removed here, too', () => hasRemoved(restored) && !names(restored, tv));
      await waitUntil('the tablet is asked for', () => restored.unlisted.devices.some(({ key }) => key === tablet?.gateway.key));
      await waitUntil('the attic has the new list', () => !names(attic, tv) && !names(attic, tablet) && names(attic, restored));
      await restored.relist(tablet?.gateway.key as Network['id']);
      await waitUntil('the tablet is back', () => names(attic, tablet));
      await waitUntil('nothing is left to be told', () => attic.lists.overtaken.length + restored.lists.overtaken.length === 0);
      assert.ok(hasRemoved(attic) && hasRemoved(restored));
    });
  }
});
