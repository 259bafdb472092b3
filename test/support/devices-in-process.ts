import assert from 'node:assert/strict';
import { gatewaySettings, trustOptions } from '../../src/app/gateway-settings.ts';
import { Device } from '../../src/xpmn/device/device.ts';
import type { DeviceShared } from '../../src/xpmn/device/device-shared.ts';
import { SendPool } from '../../src/xpmn/jingle/applications/oob-pool.ts';
import { WindowBudget } from '../../src/xpmn/jingle/applications/oob-window.ts';
import { Socks5Listener } from '../../src/xpmn/jingle/transports/socks5-listener.ts';
import { silentLogger as log } from '../../src/xpmn/kernel/log.ts';
import { systemClock as clock, systemRandom as random } from '../../src/xpmn/kernel/system.ts';
import { createAcceptor } from '../../src/xpmn/links/acceptor.ts';
import { LocalExchange } from '../../src/xpmn/links/local-exchange.ts';
import type { ListedPeer } from '../../src/xpmn/model/identity.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { DeviceCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import { Network } from '../../src/xpmn/trust/network.ts';
import { MemoryStorage } from './memory-storage.ts';
import { settings as config } from './settings.ts';

export const settings = gatewaySettings(config);

/** Devices of one network, all in this process: real streams between them, and no server. */
export class DevicesInProcess {
  readonly network: Network;
  readonly shared: DeviceShared;
  /** What devices announce, where that is known. */
  readonly announced = new Map<Jid, ReadonlySet<string>>();
  private readonly running = new Set<Device>();

  private constructor(network: Network) {
    const { lists } = network;
    this.network = network;
    this.shared = {
      clock, random, log, lists,
      acceptor: createAcceptor({ lists, clock, log, lookUp: () => Promise.resolve() }, settings.acceptor),
      exchange: new LocalExchange({ random }, settings.inProcess),
      listener: new Socks5Listener({ clock, log }, settings.listener),
      addresses: () => [],
      pool: new SendPool(settings.pool),
      budget: new WindowBudget(settings.windowBudget),
      connect: () => assert.fail('nothing goes to a server here'),
      features: (peer) => this.announced.get(peer),
      isAvailable: () => false,
    };
  }

  static async create(): Promise<DevicesInProcess> {
    return new DevicesInProcess(await Network.create({ storage: new MemoryStorage(), clock, random, generateKey }, trustOptions(config), { name: 'test' }));
  }

  start(credentials: DeviceCredentials, verdict: ListedPeer['verdict']): Device {
    const { key, jid } = credentials;
    const device = new Device(this.shared, { credentials, identity: { verdict, key, jid, network: this.network.id, roles: [] }, account: undefined }, settings.device);
    this.running.add(device);
    device.start();
    return device;
  }

  /** At once. */
  async stop(device: Device): Promise<void> {
    this.running.delete(device);
    await device.stop({ signal: AbortSignal.abort() });
  }

  async stopAll(): Promise<void> {
    for (const device of this.running) await this.stop(device);
  }
}
