import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { MediaReference } from '../../src/xpmn/model/media-uri.ts';
import { formatMediaUri } from '../../src/xpmn/model/media-uri.ts';
import type { MediaEntity } from '../../src/xpmn/ports/media-source.ts';
import { pairingControls } from '../../src/app/pairing-control.ts';
import type { KeyName } from '../../src/xpmn/model/identity.ts';
import { ButtonWindow } from '../../src/xpmn/pairing/button-window.ts';
import { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { FakeClock, FakeRandom } from '../support/fake-clock.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';
import type { BackupFile, Gateway, GatewayDevice, GatewayStatus, LibraryEntry, LibraryPage, LocalUrl, RemovedDevice, SharedSource, UnlistedDevice, UserKeyControl, UserKeyState } from '../../src/app/gateway-api.ts';
import { FakePlayers } from './fake-players.ts';

export function fakeDevice(id: string, name: string, changes: Partial<GatewayDevice> = {}): GatewayDevice {
  return {
    jid: parseJid(`anna@example.org/${id}`), id, name, kind: 'media-server', services: ['directory', 'transfer'],
    where: 'elsewhere', reach: 'direct', trust: 'own', ...changes,
  };
}

/** A gateway with a library of `films` numbered films; one URL for all of them. */
export class FakeGateway implements Gateway {
  readonly list: GatewayDevice[] = [fakeDevice('nas-k3fq', 'NAS of Anna'), fakeDevice('tv-aaaa', 'TV', { reach: 'unreachable' })];
  films = 3;
  /** What `url` gives, or fails with. */
  local: { url: string; entity: MediaEntity } | undefined;
  failure: XpmnError | undefined;
  /** Set: `browse` answers only by its signal. */
  browsesForEver = false;
  readonly exported: { name: string; password: string }[] = [];
  readonly removed: Jid[] = [];
  /** What removing a device is said to leave. */
  removal: RemovedDevice = { password: 'nothing', isPutOut: true };
  /** The account's password. */
  hasForgotten = false;
  /** Unlisted devices, until they are kept. */
  waiting: readonly UnlistedDevice[] = [];
  readonly window = new PairingWindow({ clock: new FakeClock(), random: new FakeRandom(), storage: new MemoryStorage() }, settings.pairing);
  readonly userKey: UserKeyControl = {
    lock: async (password) => {
      this.keyPassword = password ?? this.keyPassword;
      this.keyState = 'locked';
    },
    unlock: async (password) => {
      this.assertKeyPassword(password);
      this.keyState = 'unlocked';
      return this.due.splice(0);
    },
    changePassword: async ({ current, next }) => {
      this.assertKeyPassword(current);
      this.keyPassword = next;
      if (this.keyState === 'plain') this.keyState = 'unlocked';
    },
    removePassword: async (current) => {
      this.assertKeyPassword(current);
      [this.keyPassword, this.keyState] = [undefined, 'plain'];
    },
    handOver: async (device) => {
      if (this.failure) throw this.failure;
      [this.keyState, this.manager] = ['elsewhere', device];
    },
  };
  keyState: UserKeyState = 'plain';
  manager = parseJid('anna@example.org/gateway-k3fq');
  /** Of the user key, while it has one. */
  keyPassword: string | undefined;
  /** What waits for it. */
  due: string[] = [];
  readonly clock = new FakeClock();
  /** Whether its network is in use. */
  isUsed = true;
  readonly pressed = new ButtonWindow({ clock: this.clock, random: new FakeRandom() }, settings.pairing);
  private readonly controls = pairingControls(this.window, this.pressed, {
    press: () => {
      this.pressed.press({ isUsed: this.isUsed, network: 'ab'.repeat(32) as KeyName });
      return Promise.resolve();
    },
    assertMayAdd: () => {
      if (this.failure) throw this.failure;
    },
  });
  readonly pairing = this.controls.pairing;
  readonly button = this.controls.button;
  readonly players = new FakePlayers();
  /** What was shared, in this order; nothing with `locked` in its name can be. */
  readonly shared: SharedSource[] = [];
  isClosed = false;
  onBrowse: (() => void) | undefined;

  status(): GatewayStatus {
    return {
      version: '0.0.0', network: 'ab'.repeat(32), jid: 'anna@example.org/gateway-k3fq', isManagement: this.keyState !== 'elsewhere', userKey: this.keyState, manager: this.manager,
      connection: { state: 'waiting', reason: 'The server does not answer.' },
      devices: { here: 1, elsewhere: 1, unreachable: 1 }, mediaPort: '127.0.0.1:4711', warnings: ['The TV can\'t be reached.'],
    };
  }

  devices(): readonly GatewayDevice[] {
    return this.list;
  }

  async browse(device: Jid, container: string, { offset, limit, signal }: { offset: number; limit: number; signal: AbortSignal }): Promise<LibraryPage> {
    this.onBrowse?.();
    if (this.browsesForEver) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    if (this.failure) throw this.failure;
    if (container !== 'root') throw new XpmnError('not-found', 'There is no such container.');
    const count = Math.max(0, Math.min(limit, this.films - offset));
    const children = Array.from({ length: count }, (_, i): LibraryEntry => {
      const uid = `film-${offset + i}`;
      return { kind: 'item', id: uid, parent: 'root', title: `Film ${offset + i}`, type: 'video', uid, size: 1_400_000_000, duration: 5400, uri: formatMediaUri({ device, uid }) };
    });
    return { container: { kind: 'container', id: 'root', parent: undefined, title: 'Films' }, children, offset, total: this.films };
  }

  async url(_item: MediaReference): Promise<LocalUrl> {
    if (this.failure) throw this.failure;
    if (!this.local) throw new XpmnError('not-found', 'There is no such item.');
    return { ...this.local, expires: Date.UTC(2030, 0, 1) };
  }

  async share(source: SharedSource): Promise<{ uri: string }> {
    const name = 'file' in source ? source.file : source.url;
    if (name.includes('locked')) throw new XpmnError('not-allowed', 'It can\'t be read.');
    this.shared.push(source);
    return { uri: formatMediaUri({ device: this.manager, uid: `shared-${this.shared.length}` }) };
  }

  async exportCredentials({ name, password }: { name: string; password: string }): Promise<{ file: Buffer; jid: string }> {
    if (this.failure) throw this.failure;
    this.exported.push({ name, password });
    return { file: Buffer.from('XPMNCRED fake'), jid: `anna@example.org/${name}-aaaa` };
  }

  async exportBackup({ password }: { password: string }): Promise<BackupFile> {
    if (this.failure) throw this.failure;
    this.exported.push({ name: 'backup', password });
    return { file: Buffer.from('XPMNBKUP fake'), needsPassword: this.hasForgotten };
  }

  async removeDevice(device: Jid): Promise<RemovedDevice> {
    if (this.failure) throw this.failure;
    this.removed.push(device);
    return this.removal;
  }

  unlisted(): readonly UnlistedDevice[] {
    return this.waiting;
  }

  async keepDevice(device: Jid): Promise<void> {
    if (this.failure) throw this.failure;
    this.waiting = this.waiting.filter(({ jid }) => jid !== device);
  }

  private assertKeyPassword(password: string | undefined): void {
    if (password !== this.keyPassword) throw new XpmnError('bad-password', 'The password is wrong, or the file is damaged.');
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
