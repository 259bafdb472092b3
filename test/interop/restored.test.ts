import assert from 'node:assert/strict';
import { trustOptions } from '../../src/app/gateway-settings.ts';
import { setup } from '../../src/app/setup.ts';
import type { SetupDeps, SetupResult } from '../../src/app/setup-api.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { encodeBackup } from '../../src/xpmn/trust/backup-file.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import { Network } from '../../src/xpmn/trust/network.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { startProsody } from '../peers/prosody.ts';
import type { Prosody } from '../peers/prosody.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { MemoryDisk, MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const PASSWORD = 'milk of human kindness';
const options = trustOptions(settings);

/** The machine that made the network is lost. Since its backup it has added a tablet, and removed a TV at the wish of that. */
describe('a network that is restored with what its account on Prosody knows', function () {
  this.timeout(60_000);
  let prosody: Prosody;
  let account: TestAccount;
  let tablet: Network;
  let tv: Network;
  let attic: Network;
  let backup: Buffer;
  const running: MediaGateway[] = [];

  async function start(network: Network): Promise<MediaGateway> {
    const gateway = testGateway(network, account);
    running.push(gateway);
    await gateway.start({ signal });
    await waitUntil('it is online', () => gateway.connection?.state === 'online');
    return gateway;
  }

  before(async () => {
    prosody = await startProsody({ users: { romeo: 'secret' } });
    account = { jid: `romeo@${prosody.domain}`, password: 'secret', host: prosody.host, port: prosody.port, ca: prosody.ca };
    const lost = await firstNetwork(account, 'lost');
    attic = await nextNetwork(lost, 'attic');
    tv = await nextNetwork(lost, 'tv');
    const login = { password: account.password, server: { host: account.host, port: account.port }, ca: account.ca };
    backup = await encodeBackup({ ...lost.exportBackup(), ...login }, PASSWORD, { random: systemRandom }, options);
    const manager = await start(lost);
    tablet = await nextNetwork(lost, 'tablet');
    const second = await start(tablet);
    await waitUntil('they see each other', () => second.devices().some(({ jid, isAvailable }) => jid === manager.jid && isAvailable));
    await second.remove(tv.gateway.jid);
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });
  afterEach(() => Promise.all(running.splice(0).map((gateway) => gateway.stop())));
  after(() => prosody?.stop());

  async function restore(check: boolean): Promise<{ readonly result: SetupResult; readonly network: Network }> {
    const deps: SetupDeps = { storage: new MemoryStorage(new MemoryDisk()), config: settings, log: silentLogger, clock: systemClock, random: systemRandom };
    const result = await (await setup.prepareRestore(deps, { file: backup, password: PASSWORD, name: 'new laptop', check }, { signal }))();
    const network = await Network.load({ ...deps, generateKey }, options);
    assert.ok(network);
    return { result, network };
  }
  const lists = (network: Network, { gateway: { key } }: Network): boolean => devicesList(network.lists.snapshot, network.id)?.devices.some((device) => device.key === key) === true;

  it('cuts off who came later, where it was not to be asked', async () => {
    const { result, network } = await restore(false);
    assert.deepEqual([result.isChecked, result.learnt], [false, undefined]);
    assert.ok(!lists(network, tablet) && lists(network, tv));
  });

  it('still has the tablet, which is served at once, and still not the TV, on all machines', async () => {
    const { result, network } = await restore(true);
    assert.deepEqual([result.isChecked, result.learnt], [true, 1]);
    assert.ok(lists(network, tablet) && lists(network, attic) && !lists(network, tv));
    // The attic was off when all of this happened.
    const [restored, first, second] = [await start(network), await start(tablet), await start(attic)];
    const sees = (gateway: MediaGateway, jid: string): boolean => gateway.devices().some((device) => device.jid === jid && device.isAvailable);
    await waitUntil('all three see each other', () => [restored, first, second].every((one) => [restored, first, second].every((other) => one === other || sees(one, other.jid))));
    for (const one of [network, tablet, attic]) assert.ok(lists(one, network) && lists(one, tablet) && !lists(one, tv));
    assert.deepEqual(network.unlisted.devices, []);
  });
});
