import type { Clock, Random } from '../xpmn/kernel/clock.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { MediaContainer, MediaObject } from '../xpmn/model/media.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { MediaReference } from '../xpmn/model/media-uri.ts';
import type { PlayerCommand, PlayerView } from '../xpmn/model/playback.ts';
import type { Presser } from '../xpmn/pairing/button-state.ts';
import type { MediaEntity } from '../xpmn/ports/media-source.ts';
import type { OpenRequest, OpenedList } from '../xpmn/ports/playback-control.ts';
import type { Storage } from '../xpmn/ports/storage.ts';
import type { GatewayConfig } from './config.ts';
import type { ButtonView, PairingView } from './pairing-desk.ts';

export interface GatewayStatus {
  readonly version: string;
  /** The network id: the name of the user key. */
  readonly network: string;
  /** Full JID of the gateway device. */
  readonly jid: string;
  /** Whether the user key is here: only then devices can be added. */
  readonly isManagement: boolean;
  readonly userKey: UserKeyState;
  /** Full JID of the device that manages the network, as its lists say; undefined while none does. */
  readonly manager: string | undefined;
  readonly connection: {
    readonly state: 'local-only' | 'connecting' | 'online' | 'waiting' | 'stopped';
    /** Why it is not online: one sentence. */
    readonly reason: string | undefined;
  };
  readonly devices: { readonly here: number; readonly elsewhere: number; readonly unreachable: number };
  /** Where media is served to players: `host:port`; undefined while it is not open. */
  readonly mediaPort: string | undefined;
  /** What the owner should know, a sentence each: an expired list, no account, a device that can't be reached. */
  readonly warnings: readonly string[];
}

/** Where the user key is: on another machine; here, without a password; here under one, at hand until it is locked or the gateway ends, or not. */
export type UserKeyState = 'elsewhere' | 'plain' | 'unlocked' | 'locked';

export type Reach = 'in-process' | 'link-local' | 'direct' | 'in-band' | 'server' | 'unreachable';
export type Trust = 'own' | 'own-hosted' | 'friend' | 'stranger';

export interface GatewayDevice {
  readonly jid: Jid;
  /** The resource: names the device in commands. */
  readonly id: string;
  /** For people; not unique. */
  readonly name: string;
  readonly kind: 'gateway' | 'media-server' | 'media-player' | 'unknown';
  /** Profiles it provides: `directory`, `transfer`, … */
  readonly services: readonly string[];
  readonly where: 'here' | 'elsewhere';
  /** How it is reached now, or would be: `server`, and `link-local` of a device that was only seen there, mean that no stream is open yet. */
  readonly reach: Reach;
  readonly trust: Trust;
}

export type UnlistedDevice = Pick<GatewayDevice, 'jid' | 'id' | 'name'>;

/** A child of a container; items that have bytes come with the URI that fetches them. */
export type LibraryEntry = MediaObject & { readonly uri?: string | undefined };

/** One page, as MediaPage. */
export interface LibraryPage {
  readonly container: MediaContainer;
  readonly children: readonly LibraryEntry[];
  readonly offset: number;
  readonly total: number | undefined;
}

export interface LocalUrl {
  readonly url: string;
  /** Unix time in milliseconds. */
  readonly expires: number;
  readonly entity: MediaEntity;
}

export interface ExportOptions {
  /** Friendly name of the new machine. */
  readonly name: string;
  /** Protects the file. */
  readonly password: string;
}

export interface BackupFile {
  readonly file: Buffer;
  /** The account's password was forgotten, so it is not in there: who restores it has to know it. */
  readonly needsPassword: boolean;
}

/**
 * What a device that was removed may know of the account's password:
 *
 * - `nothing`: it never had it; it was no gateway, or there is no account.
 * - `maybe`: the machines of the network have forgotten it, but nobody can tell what that one did with it, if it had it.
 * - `likely`: the account is used with it to this day.
 */
export type PasswordRisk = 'nothing' | 'maybe' | 'likely';

export interface RemovedDevice {
  readonly password: PasswordRisk;
  /** Whether its certificate is on the account no more; if not, the server takes none, or it is revoked when a gateway is online. */
  readonly isPutOut: boolean;
}

export interface PairingControl {
  /** With a PIN of the user's, or one that is made. @throws `bad-request` for one that is too short; `not-authorized` while the user key here is locked; `storage-failed` */
  open(pin: string | undefined): Promise<PairingView>;
  close(): PairingView;
  /** Resolves with the state when it is newer than `after`. */
  wait(after: number, signal: AbortSignal): Promise<PairingView>;
}

/** The user key under a password. All of it is `not-allowed` where the user key is not. */
export interface UserKeyControl {
  /** Lets go of it; the first time under `password`. @throws `bad-password` (none, while it has none), `conflict` (it has one already), `storage-failed` */
  lock(password: string | undefined): Promise<void>;
  /** Puts it at hand, issues and publishes what has waited, and resolves to the types of these lists. @throws `bad-password` */
  unlock(password: string): Promise<readonly string[]>;
  /** It gets a password, or another one; it is as locked as before. @throws `bad-password`, `storage-failed` */
  changePassword(passwords: { readonly current: string | undefined; readonly next: string }): Promise<void>;
  /** It lies here without a password again. @throws `bad-password`, `storage-failed` */
  removePassword(current: string): Promise<void>;
  /**
   * Makes another gateway of the network the one that manages it: the key is there then, without a password, and not here.
   * @throws XpmnError `not-authorized` (it is locked), `not-allowed` (that device can't, or this one may not), `not-found`, `conflict`; could not reach it
   */
  handOver(device: Jid): Promise<void>;
}

export interface ButtonControl {
  /** @throws `not-supported` where the local network is not looked at; `not-authorized` (the user key is here, and locked); `storage-failed` */
  press(): Promise<ButtonView>;
  close(): ButtonView;
  /** As in PairingControl. */
  wait(after: number, signal: AbortSignal): Promise<ButtonView>;
  /** The machine to call, until `signal` aborts. @throws `not-allowed` unless it is time */
  target(): Presser & { readonly signal: AbortSignal };
  /** That call came to nothing. */
  failed(): void;
}

/**
 * The players of the network, and what can be asked of them. All of it is `not-supported` for a device that is none, and rejects with why
 * it could not be reached, or with the player's own refusal.
 */
export interface PlayersControl {
  open(device: Jid, request: OpenRequest, options: { readonly signal: AbortSignal }): Promise<OpenedList>;
  command(device: Jid, command: PlayerCommand, options: { readonly signal: AbortSignal }): Promise<void>;
  /** How it is: it is asked. */
  now(device: Jid, options: { readonly signal: AbortSignal }): Promise<PlayerView>;
  /** The same, when it is newer than `after`; also when the device is lost or comes back. From the first time on it is listened to: a `now` after that is the whole of what later ones change. */
  wait(device: Jid, after: number, signal: AbortSignal): Promise<PlayerView>;
}

/** Media that no device of the network has yet: an absolute path on this machine, or an `http:` or `https:` URL. `title`: what a playlist calls it. */
export type SharedSource = ({ readonly file: string } | { readonly url: string }) & { readonly title?: string };

/** A running gateway, as the control API sees it. All methods reject with XpmnErrors. */
export interface Gateway {
  status(): GatewayStatus;
  devices(): readonly GatewayDevice[];
  /** `container` is an id as listings give them; `root` is the top. @throws `not-found`, could not reach, was refused */
  browse(device: Jid, container: string, options: { readonly offset: number; readonly limit: number; readonly signal: AbortSignal }): Promise<LibraryPage>;
  /** A URL on this machine's media port. @throws `not-found`, could not reach, was refused */
  url(item: MediaReference, options: { readonly signal: AbortSignal }): Promise<LocalUrl>;
  readonly players: PlayersControl;
  /** Makes such media an item of this gateway, for the devices of the network. @throws `not-found`, `not-allowed`, `unsupported-type`, `origin-unreachable`; `resource-limit` */
  share(source: SharedSource, options: { readonly signal: AbortSignal }): Promise<{ readonly uri: string }>;
  /** A new device of the network, to be carried to another machine. @throws `not-allowed` without the user key, `not-authorized` while it is locked */
  exportCredentials(options: ExportOptions & { readonly signal: AbortSignal }): Promise<{ readonly file: Buffer; readonly jid: string }>;
  /** The user key and all that is known of the network, under a password. @throws `not-allowed` without the user key, `not-authorized` while it is locked */
  exportBackup(options: { readonly password: string }): Promise<BackupFile>;
  /** Removes a device for ever: its sessions end, and its key never comes back. @throws `not-allowed` for this very device; `not-authorized` while the user key is locked; `not-found`; could not reach the machine that has it */
  removeDevice(device: Jid): Promise<RemovedDevice>;
  /** Machines that joined after the backup that this network was restored from: the owner keeps or removes them. */
  unlisted(): readonly UnlistedDevice[];
  /** Takes such a one in again. @throws `not-found`; `not-allowed` without the user key, `not-authorized` while it is locked */
  keepDevice(device: Jid): Promise<void>;
  /** Adding a device by PIN, on this side. */
  readonly pairing: PairingControl;
  /** The same by a button on each machine. */
  readonly button: ButtonControl;
  readonly userKey: UserKeyControl;
  /** Everything ends: politely until `signal` aborts, then at once. Idempotent. */
  close(options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface GatewayDeps {
  readonly storage: Storage;
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Of this program. */
  readonly version: string;
  /** The user's files of players that have to be treated otherwise; those that the settings name count, too. */
  readonly quirksFolder?: string | undefined;
}

/**
 * Starts a gateway on the state in `storage`; where there is none, it makes a local-only network. Resolves when it works
 * on the local side; the account's server may come later. On failure nothing is left open.
 */
export type GatewayFactory = (deps: GatewayDeps, options: GatewayFactoryOptions) => Promise<Gateway>;

export interface GatewayFactoryOptions {
  readonly signal: AbortSignal;
  /** The state has changed beneath the gateway, which should be started anew: it has moved to an account, or its part in managing the network has changed. */
  readonly onStale?: (() => void) | undefined;
}
