import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { srpIfAvailable } from '../../src/app/srp.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { DeviceCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { devicesList } from '../../src/xpmn/trust/snapshot.ts';
import { startGnutlsClient } from '../peers/gnutls.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { announcedBy, callByHand, foreignDevice, joinByHand, oldOfferOf } from '../support/foreign-joiner.ts';
import type { Talk } from '../support/foreign-joiner.ts';
import { firstNetwork, testGateway, testPairing } from '../support/gateways.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import { settings } from '../support/settings.ts';
import { noSrpProcesses } from '../support/srp-parties.ts';

const signal = new AbortController().signal;
const PIN = '493021';

/** XML by hand, as XEP-0174 and XEP-0250 have it, and TLS-SRP by GnuTLS: nothing of ours is on that side. */
describe('a device with GnuTLS that wants to join', function () {
  this.timeout(60_000);
  let link: LinkInMemory;
  let network: Network;
  let window: PairingWindow;
  let gateway: MediaGateway;
  let kaa: DeviceCredentials;
  let bridge: Server | undefined;
  let client: ManagedProcess | undefined;

  before(async () => (kaa = await foreignDevice('kaa')));
  beforeEach(async () => {
    link = new LinkInMemory();
    network = await firstNetwork(undefined);
    window = testPairing();
    const srp = await srpIfAvailable({ clock: systemClock, random: systemRandom, log: silentLogger, config: settings }, window, signal);
    assert.ok(srp);
    gateway = testGateway(network, undefined, { discovery: link.connect(), pairing: window, srp });
    await gateway.start({ signal });
    await window.open({ pin: PIN });
  });
  afterEach(async () => {
    await client?.stop();
    bridge?.close();
    await gateway.stop();
    window.close();
    await noSrpProcesses();
  });

  /** `gnutls-cli` does the rest of a call that was made by hand. */
  async function call(pin: string, user: string): Promise<{ readonly talk: Talk; readonly client: ManagedProcess }> {
    const { socket, method } = await callByHand({ port: link.services[0]?.port as number, from: kaa.jid, to: gateway.jid, offer: oldOfferOf(announcedBy(kaa)) });
    assert.equal(method, 'srp');
    bridge = createServer({ allowHalfOpen: true }, (near) => {
      near.on('error', () => socket.destroy()).pipe(socket).pipe(near);
      socket.on('error', () => near.destroy());
    });
    bridge.listen(0, '127.0.0.1');
    await once(bridge, 'listening');
    const { port } = bridge.address() as AddressInfo;
    const started = await startGnutlsClient({ port, user, pin });
    client = started;
    return { client: started, talk: { say: (text) => void started.child.stdin?.write(text), heard: (pattern) => started.said(pattern) } };
  }

  const keys = (): string[] => (devicesList(network.lists.snapshot, network.id)?.devices ?? []).map(({ key }) => key);

  for (const [what, nameOf] of [['full', () => kaa.jid], ['bare', () => bareJid(kaa.jid)]] as const) {
    it(`joins by the PIN and the certificate that it announced; its ${what} JID is the user`, async () => {
      const { talk, client } = await call(PIN, nameOf());
      await client.said(/Simple Client Mode/);
      const answer = await joinByHand(talk, { from: kaa.jid, to: gateway.jid, shows: [kaa.certificate.der] });
      assert.match(answer, /<paired .*<lists /s);
      assert.deepEqual(keys(), [network.gateway.key, kaa.key]);
    });
  }

  it('is refused with another certificate', async () => {
    const other = await foreignDevice('other');
    const { talk, client } = await call(PIN, kaa.jid);
    await client.said(/Simple Client Mode/);
    const answer = await joinByHand(talk, { from: kaa.jid, to: gateway.jid, shows: [other.certificate.der] });
    assert.match(answer, /<not-acceptable /);
    assert.deepEqual(keys(), [network.gateway.key]);
  });

  it('spends the PIN with a wrong one', async () => {
    const changed = once(window, 'changed');
    const { client } = await call('000000', kaa.jid);
    assert.equal((await client.exited).code, 1);
    await changed;
    assert.deepEqual([window.state, keys()], [{ state: 'closed', why: 'burnt' }, [network.gateway.key]]);
  });
});
