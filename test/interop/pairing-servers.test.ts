import assert from 'node:assert/strict';
import { findNetworks, prepareJoin } from '../../src/app/join.ts';
import type { SetupDeps } from '../../src/app/setup-api.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { startEjabberd } from '../peers/ejabberd.ts';
import { startProsody } from '../peers/prosody.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway, testPairing } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;
const PIN = 'sesame-7350418';

interface Server {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  stop(): Promise<void>;
}

const SERVERS: Readonly<Record<string, () => Promise<Server & { handled?(): Promise<string> }>>> = {
  Prosody: () => startProsody({ users: { romeo: 'secret' }, trace: true }),
  ejabberd: () => startEjabberd({ users: { romeo: 'secret' } }),
};

for (const [name, startServer] of Object.entries(SERVERS)) {
  describe(`pairing through ${name}`, function () {
    this.timeout(60_000);
    let server: Awaited<ReturnType<typeof startServer>>;
    let account: TestAccount;
    let networks: [Network, Network];
    let windows: [PairingWindow, PairingWindow];
    let gateways: MediaGateway[];
    // Both answer within that, also where all stand still for a moment.
    const config = { ...settings, pairing: { ...settings.pairing, lookFurther: 3_000, lookRound: 5_000 } };
    const deps: SetupDeps = { clock: systemClock, random: systemRandom, log: silentLogger, config, storage: new MemoryStorage() };

    before(async () => {
      server = await startServer();
      account = { jid: `romeo@${server.domain}`, password: 'secret', host: server.host, port: server.port, ca: server.ca };
      const first = await firstNetwork(account, 'NAS');
      networks = [first, await nextNetwork(first, 'Desk')];
      windows = [testPairing(), testPairing()];
      gateways = networks.map((network, index) => testGateway(network, account, { pairing: windows[index] as PairingWindow }));
      for (const gateway of gateways) await gateway.start({ signal: never });
      await waitUntil('both are online', () => gateways.every((gateway) => gateway.connection?.state === 'online'));
    });
    after(async () => {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await server.stop();
    });
    afterEach(() => windows.forEach((window) => window.close()));

    const known = (): { jid: string; password: string; server: { host: string; port: number }; ca: string } =>
      ({ jid: account.jid, password: account.password, server: { host: account.host, port: account.port }, ca: account.ca });
    const found = async (): Promise<string[]> => (await findNetworks(deps, { account: known() }, { signal: never })).map((one) => one.name).sort();

    it('finds the devices of the account that wait for a new one, and no others', async () => {
      assert.deepEqual(await found(), []);
      await windows[1].open();
      assert.deepEqual(await found(), ['Desk']);
      await windows[0].open();
      assert.deepEqual(await found(), ['Desk', 'NAS']);
    });

    it('adds a machine to the one that was meant, and the PIN is nowhere in what the server handled', async () => {
      await windows[0].open({ pin: PIN });
      const [host] = await findNetworks(deps, { account: known() }, { signal: never });
      assert.ok(host);
      const { jid, network, isChecked } = await (await prepareJoin(deps, { jid: host.jid, pin: PIN, account: known(), name: 'Laptop' }, { signal: never }))();
      assert.match(jid, /^romeo@home\.test\/laptop-[a-z2-7]{4}$/);
      assert.deepEqual([network, isChecked, windows[0].state.state], [networks[0].id, true, 'paired']);
      await waitUntil('all know it', () => gateways.every((gateway) => gateway.devices().some((device) => device.jid === jid)));
      assert.ok(!(await server.handled?.())?.includes(PIN));
    });
  });
}
