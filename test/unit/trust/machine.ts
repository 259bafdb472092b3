import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import type { KeyName, PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import type { DeviceCredentials } from '../../../src/xpmn/trust/device-credentials.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import type { NetworkDeps } from '../../../src/xpmn/trust/network.ts';
import type { BackupParts } from '../../../src/xpmn/trust/restore.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { devicesList } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { testKeyMaker } from '../../support/keys.ts';
import { MemoryDisk, MemoryStorage } from '../../support/memory-storage.ts';
import { NOW, options as shipped } from './world.ts';

/** The shipped cost of scrypt is for people. */
export const options = { ...shipped, credentials: { ...shipped.credentials, scrypt: { logN: 4, r: 8, p: 1 }, maxLogN: 8 } };
export const HOUR = 3600_000;
export const ACCOUNT = parseJid('me@home.example');

/** A machine with a disk and a clock; `keys` names those that it makes. */
export class Machine {
  disk = new MemoryDisk();
  readonly clock: FakeClock;
  private readonly generateKey: () => Promise<KeyObject>;

  constructor(keys: string, clock = new FakeClock(NOW)) {
    this.clock = clock;
    this.generateKey = testKeyMaker(keys);
  }

  get deps(): NetworkDeps {
    return { storage: new MemoryStorage(this.disk), clock: this.clock, random: new FakeRandom(), generateKey: this.generateKey };
  }

  create(account: Jid | undefined = ACCOUNT): Promise<Network> {
    return Network.create(this.deps, options, { name: 'Home', account });
  }

  /** As it is after a restart. */
  async load(): Promise<Network> {
    const network = await Network.load(this.deps, options);
    assert.ok(network);
    return network;
  }

  /** Becomes a device of that network, with credentials made there. */
  async join(home: Network, name: string): Promise<Network> {
    const device = await home.createDevice(name, ['host']);
    return Network.join(this.deps, options, { name, device, userCertificate: home.userCertificate, lists: elementsOf(home) });
  }

  /** The names of what lies on the disk below `trust/keys/`. */
  get keys(): string[] {
    return [...this.disk.documents.keys()].filter((name) => name.startsWith('trust/keys/')).map((name) => name.slice('trust/keys/'.length)).sort();
  }
}

export function elementsOf({ lists }: Network): VerifiedList['element'][] {
  return lists.snapshot.lists.map(({ element }) => element);
}

export function devices(network: Network): VerifiedList {
  return devicesList(network.lists.snapshot, network.id) as VerifiedList;
}

export function listed(network: Network): string[] {
  return devices(network).devices.map(nameOf);
}

export function unlisted(network: Network): string[] {
  return network.unlisted.devices.map(nameOf);
}

/** What a device was called when its resource was made. */
function nameOf({ jid }: { readonly jid: Jid }): string {
  return jid.replace(/^.*\/(.*)-.{4}$/, '$1');
}

export function verdict(network: Network, { certificate, jid }: Pick<DeviceCredentials, 'certificate' | 'jid'>): string {
  const judgement = network.lists.judge(certificate.der, jid);
  return judgement.verdict === 'stranger' ? judgement.reason : judgement.verdict;
}

/** A key that nobody has. */
export function fakeKey(name: string): KeyName {
  return Buffer.from(name.padEnd(32, '.')).toString('hex') as KeyName;
}

export function restoreOn(machine: Machine, backup: BackupParts, changes: Partial<BackupParts> = {}): Promise<Network> {
  return Network.restore(machine.deps, options, { ...backup, name: 'Laptop', ...changes });
}

/** Two own devices meet, as over a stream: each shows its list, tells its heads, and follows what it learns. Again, as streams come and go. */
export async function meet(caller: Network, called: Network): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await called.lists.offer(devices(caller).element);
    await caller.lists.offer(devices(called).element);
    for (const network of [caller, called]) await network.adopt();
    if (verdict(caller, called.gateway) !== 'own' || verdict(called, caller.gateway) !== 'own') continue;
    const [fromCalled, fromCaller] = [answer(called, caller), answer(caller, called)];
    await caller.lists.offerAll(fromCalled);
    await called.lists.offerAll(fromCaller);
    for (const network of [caller, called]) await network.adopt();
  }
}

function answer(from: Network, to: Network): VerifiedList['element'][] {
  const peer = (network: Network): PeerIdentity => ({ verdict: 'own', key: network.gateway.key, jid: network.gateway.jid, network: network.id, roles: [] });
  return from.lists.lacking(to.lists.heads(peer(from)), peer(to)).map(({ element }) => element);
}

/** A home, and an attic that is away; a backup; then an hour passes until the home is lost, and a laptop is to take its place. */
export interface LostHome {
  readonly clock: FakeClock;
  readonly home: Network;
  readonly attic: Network;
  readonly backup: BackupParts;
  readonly laptop: Machine;
}

export async function lostHome(): Promise<LostHome> {
  const clock = new FakeClock(NOW);
  const home = await new Machine('restore-home', clock).create();
  const attic = await new Machine('restore-attic', clock).join(home, 'Attic');
  const backup = home.exportBackup();
  await clock.advance(HOUR);
  return { clock, home, attic, backup, laptop: new Machine('restore-laptop', clock) };
}
