import type { Presser } from '../xpmn/pairing/button-state.ts';
import type { GatewayDeps } from './gateway-api.ts';

export type SetupDeps = Omit<GatewayDeps, 'version'>;

export interface InitOptions {
  /** The account: a bare JID. Without one the network is local-only. */
  readonly jid?: string | undefined;
  /** The account's password. */
  readonly password?: string | undefined;
  /** Where to connect instead of what DNS says. */
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust for the server instead of the system's authorities. */
  readonly ca?: string | undefined;
  /** Friendly name of this machine from now on; where none is given, the one that it has, or the host name. */
  readonly name?: string | undefined;
  /** Whether the account is tried first; it is, where this is not given. */
  readonly check?: boolean | undefined;
  /** Whether a network that is in another account moves to this one: only if no other machine stays behind, or always. */
  readonly replace?: 'if-alone' | 'always' | undefined;
}

export interface ImportOptions {
  readonly file: Uint8Array;
  /** Of the file. */
  readonly password: string;
  /** As in InitOptions, for the account that the file carries. */
  readonly check?: boolean | undefined;
  /** Whether another media network is left for ever. A user key that other machines rest on is never given up. */
  readonly replace?: boolean | undefined;
}

export interface RestoreOptions extends ImportOptions {
  /** Friendly name of this machine; the host name where none is given. */
  readonly name?: string | undefined;
  /** The account's password: for a backup that has none, or an old one. */
  readonly login?: string | undefined;
}

export interface BackupOptions {
  /** Protects the file. */
  readonly password: string;
}

export interface SealedBackup {
  /** Base64. */
  readonly file: string;
  /** As `BackupFile.needsPassword`. */
  readonly needsPassword: boolean;
}

/** An account that the user knows how to log in to. */
export type KnownAccount = Required<Pick<InitOptions, 'jid' | 'password'>> & Pick<InitOptions, 'server' | 'ca'>;

export interface FindOptions {
  /** Where to look: for what waits for a new device there. Without one, on the link. */
  readonly account?: KnownAccount | undefined;
}

/** A media network that one of its devices announces. Nothing of it is proven. */
export interface FoundNetwork {
  /** Full JID of the device that announces it. */
  readonly jid: string;
  /** The network id it gives. */
  readonly network: string;
  /** What the device calls itself. */
  readonly name: string;
  /** Whether it says that a device can be paired with it now. */
  readonly isOpen: boolean;
}

export interface JoinOptions {
  /** Full JID of the device to pair with, as found. */
  readonly jid: string;
  readonly pin: string;
  /** Where it was found; on the link, where this is left out. */
  readonly account?: KnownAccount | undefined;
  /** Friendly name of this machine; the host name where none is given. */
  readonly name?: string | undefined;
  /** As in ImportOptions. */
  readonly replace?: boolean | undefined;
}

export interface ButtonJoinOptions extends Pick<Presser, 'jid' | 'targets'> {
  /** Friendly name of this machine; the host name where none is given. */
  readonly name?: string | undefined;
}

export interface SetupResult {
  /** The network id. */
  readonly network: string;
  /** Full JID of this machine's gateway device. */
  readonly jid: string;
  /** Whether an account was tried, and let us in. */
  readonly isChecked: boolean;
  /** After a restore for which the lists on the account were read: how many of them are newer than those of the backup. */
  readonly learnt?: number | undefined;
  /** Where nothing was proven: six digits that the other machine shows, too, unless somebody is in between. */
  readonly number?: string;
  /** The account that the network is in, whose password nobody here knows: the owner has to give it. */
  readonly needsPassword?: string | undefined;
}

/** Writes what was prepared; no gateway may work on the state meanwhile. */
export type SetupChange = () => Promise<SetupResult>;

/**
 * Changes of the state, in two steps. Preparing reads what is there, and tries the account; a gateway may go on working
 * beside it, and nothing has changed when it fails. Failures of the account have `details.step` = `login`, or
 * `lists` where it let us in and its lists can't be read.
 */
export interface Setup {
  /**
   * Makes the media network, or extends the one that is there to an account.
   * @throws XpmnError `already-initialised` (it has another account), `conflict` with `details.machines` (so many would stay behind),
   *   `not-allowed` (not the management device), `bad-request`; why the account can't be used: `login-failed`, `server-unreachable`, `server-untrusted`, `server-insecure`, `timeout`, …
   */
  prepareInit(deps: SetupDeps, options: InitOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupChange>;
  /**
   * Makes this machine a device of another's network.
   * @throws XpmnError `already-initialised` (with `details.machines`, if so many rest on the user key here), `bad-password`, `malformed`, `not-trusted`; why the account can't be used, as above
   */
  prepareImport(deps: SetupDeps, options: ImportOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupChange>;
  /**
   * Makes this machine the management device of the network that a backup is of. Unless the account is not to be tried, the
   * newest lists are read there first: without them, what was added since the backup is cut off until the owner decides.
   * @throws XpmnError as `prepareImport`
   */
  prepareRestore(deps: SetupDeps, options: RestoreOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupChange>;
  /**
   * A backup of the network that is here, base64. Changes nothing.
   * @throws XpmnError `not-initialised`, `not-allowed` (no user key here), `not-authorized` (it is locked, as it always is where no gateway has been told its password)
   */
  prepareBackup(deps: SetupDeps, options: BackupOptions, waiting: { readonly signal: AbortSignal }): Promise<() => Promise<SealedBackup>>;
  /** Looks round on the link, or on an account, for a short while. @throws XpmnError `aborted`; why the account can't be used, as above */
  findNetworks(deps: SetupDeps, options: FindOptions, waiting: { readonly signal: AbortSignal }): Promise<FoundNetwork[]>;
  /**
   * Pairs this machine by PIN with a device that was found.
   * @throws XpmnError `already-initialised` as above; `security-failed` (the PIN is wrong, or was used), `peer-unavailable` (it did not come to the PIN), `not-found`, `transport-failed`, `timeout`, `not-trusted`;
   *   why the account can't be used, as above
   */
  prepareJoin(deps: SetupDeps, options: JoinOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupChange>;
  /**
   * Pairs this machine with the one other whose button was pressed.
   * @throws XpmnError `already-initialised` as above; `conflict` (there was a third one), `security-failed`, `transport-failed`, `timeout`, `not-trusted`
   */
  prepareButtonJoin(deps: SetupDeps, options: ButtonJoinOptions, waiting: { readonly signal: AbortSignal }): Promise<SetupChange>;
}
