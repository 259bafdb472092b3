import { gatewaySettings, serverOptions, trustOptions } from '../../src/app/gateway-settings.ts';
import { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { GatewaySettings } from '../../src/xpmn/gateway/gateway-settings.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { Logger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { ServiceDiscovery } from '../../src/xpmn/ports/service-discovery.ts';
import type { SharedMedia } from '../../src/xpmn/ports/shared-media.ts';
import type { SecurityMethod } from '../../src/xpmn/ports/security.ts';
import type { PlayerFeed } from '../../src/xpmn/ports/player-feed.ts';
import type { DeviceSource } from '../../src/xpmn/ports/media-device.ts';
import type { CarriedAccount } from '../../src/xpmn/pairing/pairing-codec.ts';
import { AccountAccess } from '../../src/xpmn/login/account-access.ts';
import type { Storage } from '../../src/xpmn/ports/storage.ts';
import { createXmppConnection } from '../../src/xpmn/xmpp/connection.ts';
import { ButtonWindow } from '../../src/xpmn/pairing/button-window.ts';
import { generateKey } from '../../src/xpmn/trust/keys.ts';
import { Network } from '../../src/xpmn/trust/network.ts';
import { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import type { NetworkDeps } from '../../src/xpmn/trust/network.ts';
import type { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryStorage } from './memory-storage.ts';
import { settings as config } from './settings.ts';

const deps = { clock: systemClock, random: systemRandom, generateKey };

/** How the gateways of a test log in. */
export interface TestAccount {
  readonly jid: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

/** A new media network, on an account or (undefined) local-only, with this as its first gateway. */
export function firstNetwork(account: TestAccount | undefined, name = 'home', changes: Partial<NetworkDeps> = {}): Promise<Network> {
  return Network.create({ ...deps, storage: new MemoryStorage(), ...changes }, trustOptions(config), { name, account: account && parseJid(account.jid) });
}

/** Another gateway of the same owner, made by the first. */
export async function nextNetwork(first: Network, name: string): Promise<Network> {
  const device = await first.createDevice(name, ['host']);
  const lists = first.lists.snapshot.lists.map(({ element }) => element);
  return Network.join({ ...deps, storage: new MemoryStorage() }, trustOptions(config), { name, device, userCertificate: first.userCertificate, lists });
}

export interface TestGatewayOptions {
  readonly sources?: readonly DeviceSource[];
  /** Left out: players are not bridged. */
  readonly feed?: PlayerFeed;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Instead of a real server. */
  readonly server?: FakeXmppServer;
  /** Where they meet without a server. */
  readonly discovery?: ServiceDiscovery;
  /** In which devices are added; left out: one that nobody opens. */
  readonly pairing?: PairingWindow;
  readonly button?: ButtonWindow;
  /** What is shared from the machine. */
  readonly shared?: SharedMedia;
  /** For devices that know nothing better. */
  readonly srp?: SecurityMethod;
  /** What the gateway remembers of its logins; with a memory of its own, it begins with the password. */
  readonly memory?: TestMemory;
  readonly onAccountFound?: (account: CarriedAccount) => void;
  readonly onMoved?: () => void;
  readonly change?: (settings: GatewaySettings) => GatewaySettings;
}

/** What outlives a gateway that is stopped. */
export interface TestMemory {
  readonly storage: Storage;
  password: string | undefined;
}

/** As a disk does it: it may be full. */
async function forget(memory: TestMemory): Promise<void> {
  await memory.storage.put('account', Buffer.from('{}'));
  memory.password = undefined;
}

/** A pairing window that nothing else knows, as the settings say. */
export function testPairing(clock: Clock = systemClock): PairingWindow {
  return new PairingWindow({ clock, random: systemRandom, storage: new MemoryStorage() }, config.pairing);
}

/** A gateway with the shipped settings, on loopback. */
export function testGateway(network: Network, account: TestAccount | undefined, { sources = [], feed, log = silentLogger, clock = systemClock, server, memory = { storage: new MemoryStorage(), password: account?.password }, onAccountFound, onMoved, discovery, shared, pairing = testPairing(clock), button = new ButtonWindow({ clock, random: systemRandom }, config.pairing), srp, change = (settings) => settings }: TestGatewayOptions = {}): MediaGateway {
  const shipped = gatewaySettings(config);
  const settings = {
    ...shipped,
    device: { ...shipped.device, socks5: { ...shipped.device.socks5, loopback: true } },
    linkLocal: { ...shipped.linkLocal, host: '127.0.0.1' },
  };
  return new MediaGateway({
    clock, random: systemRandom, log, network, sources, feed,
    connect: (login, router) =>
      server?.connection(login.jid, login.credentials, { clock, random: systemRandom, router }) ??
      createXmppConnection({ clock, random: systemRandom, log, router }, login, serverOptions(config)),
    access: account && new AccountAccess({ password: memory.password, server: { host: account.host, port: account.port }, ca: account.ca, forgetPassword: () => forget(memory) }),
    storage: memory.storage,
    addresses: () => ['127.0.0.1', '::1'],
    host: 'machine',
    discovery,
    ...(onAccountFound ? { onAccountFound } : {}),
    ...(onMoved ? { onMoved } : {}),
    pairing, button, srp, shared,
  }, change(settings));
}
