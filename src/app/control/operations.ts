import type { BackupFile, GatewayDevice, GatewayStatus, LibraryPage, LocalUrl, RemovedDevice, SharedSource, UserKeyState } from '../gateway-api.ts';
import type { Jid } from '../../xpmn/model/jid.ts';
import type { PlayerCommand, PlayerView } from '../../xpmn/model/playback.ts';
import type { OpenedList } from '../../xpmn/ports/playback-control.ts';
import type { ButtonView, PairingView } from '../pairing-desk.ts';
import type { FindOptions, FoundNetwork, ImportOptions, InitOptions, JoinOptions, RestoreOptions, SetupResult } from '../setup-api.ts';
import { COMMAND, ITEMS, SECONDS } from './player-schemas.ts';

/** A player, and what it is called. */
export interface NamedPlayer {
  readonly device: Jid;
  /** For people. */
  readonly name: string;
}

/** How a player is. */
export type NamedView = NamedPlayer & PlayerView & {
  /** What the device is called that has opened what it has, if that is one of the network. */
  readonly opener?: string;
};

/** An item of the network, or what the gateway is to share: `file` is an absolute path on its machine. */
export type ItemToPlay = { readonly uri: string } | SharedSource;

/** Every operation of the control API: what goes in and what comes out. */
export interface Operations {
  readonly status: { readonly input: Record<string, never>; readonly output: GatewayStatus };
  readonly devices: { readonly input: Record<string, never>; readonly output: { readonly devices: readonly GatewayDevice[] } };
  readonly browse: {
    readonly input: { readonly device: string; readonly container?: string; readonly offset?: number; readonly limit?: number };
    readonly output: LibraryPage;
  };
  readonly url: { readonly input: { readonly uri: string }; readonly output: LocalUrl };
  /** Without a device, the only player that there is; so do the next ones. `autoplay` is true unless it says otherwise, `position` are seconds into the first. `skipped` says what could not be had of the rest, a sentence each. */
  readonly play: {
    readonly input: { readonly device?: string; readonly items: readonly ItemToPlay[]; readonly position?: number; readonly autoplay?: boolean };
    readonly output: NamedPlayer & OpenedList & { readonly skipped: readonly string[] };
  };
  readonly player: { readonly input: { readonly device?: string; readonly command: PlayerCommand }; readonly output: NamedPlayer };
  readonly now: { readonly input: { readonly device?: string }; readonly output: NamedView };
  readonly 'now-wait': { readonly input: { readonly device?: string; readonly after: number }; readonly output: NamedView };
  readonly 'export-credentials': {
    readonly input: { readonly name: string; readonly password: string };
    /** `file` in base64. */
    readonly output: { readonly file: string; readonly jid: string };
  };
  readonly 'import-credentials': { readonly input: Omit<ImportOptions, 'file'> & { readonly file: string }; readonly output: SetupResult };
  readonly init: {
    readonly input: InitOptions;
    readonly output: SetupResult;
  };
  /** `file` in base64. */
  readonly backup: { readonly input: { readonly password: string }; readonly output: Omit<BackupFile, 'file'> & { readonly file: string } };
  readonly restore: { readonly input: Omit<RestoreOptions, 'file'> & { readonly file: string }; readonly output: SetupResult };
  readonly remove: { readonly input: { readonly device: string }; readonly output: RemovedDevice & { readonly jid: string } };
  readonly keep: { readonly input: { readonly device: string }; readonly output: { readonly jid: string } };
  readonly 'key-lock': { readonly input: { readonly password?: string }; readonly output: { readonly userKey: UserKeyState } };
  /** `issued`: the types of the lists that have waited. */
  readonly 'key-unlock': { readonly input: { readonly password: string }; readonly output: { readonly userKey: UserKeyState; readonly issued: readonly string[] } };
  readonly 'key-password': { readonly input: { readonly current?: string; readonly password?: string }; readonly output: { readonly userKey: UserKeyState } };
  readonly 'key-hand-over': { readonly input: { readonly device: string }; readonly output: { readonly jid: string } };
  readonly 'pair-open': { readonly input: { readonly pin?: string }; readonly output: PairingView };
  readonly 'pair-wait': { readonly input: { readonly after: number }; readonly output: PairingView };
  readonly 'pair-close': { readonly input: Record<string, never>; readonly output: PairingView };
  readonly networks: { readonly input: FindOptions; readonly output: { readonly networks: readonly FoundNetwork[] } };
  readonly join: { readonly input: JoinOptions; readonly output: SetupResult };
  readonly 'button-press': { readonly input: Record<string, never>; readonly output: ButtonView };
  readonly 'button-wait': { readonly input: { readonly after: number }; readonly output: ButtonView };
  readonly 'button-close': { readonly input: Record<string, never>; readonly output: ButtonView };
  readonly 'button-join': { readonly input: { readonly name?: string }; readonly output: SetupResult };
}

export type OperationName = keyof Operations;
export type Input<N extends OperationName> = Operations[N]['input'];
export type Output<N extends OperationName> = Operations[N]['output'];

export interface OperationInfo {
  /** One sentence for help and documents. */
  readonly summary: string;
  /** Its input may carry a file: the larger limit of sizes counts. */
  readonly takesFile?: true;
  /** JSON Schema of the input; what it does not name is refused. */
  readonly input: { readonly properties: Readonly<Record<string, object>>; readonly required?: readonly string[] };
}

const TEXT = { type: 'string', minLength: 1, maxLength: 4096 };
/** Of what a machine is called: characters. */
export const NAME_LENGTH = 256;
const NAME = { ...TEXT, maxLength: NAME_LENGTH } as const;
const PASSWORD = { type: 'string', minLength: 1, maxLength: 1024 };
const PIN = { type: 'string', minLength: 1, maxLength: 64 };
const COUNT = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const FILE = { type: 'string' };
const FLAG = { type: 'boolean' };
const SERVER = { type: 'object', additionalProperties: false, required: ['host', 'port'], properties: { host: TEXT, port: { type: 'integer', minimum: 1, maximum: 65535 } } };

const CERTIFICATES = { type: 'string', maxLength: 1048576 };
const ACCOUNT = { type: 'object', additionalProperties: false, required: ['jid', 'password'], properties: { jid: TEXT, password: PASSWORD, server: SERVER, ca: CERTIFICATES } };

/** The one table that server, client and documents read. Each is `POST /v1/NAME` with a JSON object, and answers one. */
export const OPERATIONS: { readonly [N in OperationName]: OperationInfo } = {
  status: { summary: 'What runs, whether it is connected, and what is wrong.', input: { properties: {} } },
  devices: { summary: 'The devices of the media network.', input: { properties: {} } },
  browse: {
    summary: 'One page of a container of a device\'s library; the top where no container is named.',
    input: { properties: { device: TEXT, container: TEXT, offset: COUNT, limit: { ...COUNT, minimum: 1 } }, required: ['device'] },
  },
  url: { summary: 'A URL on this machine under which any player gets a media item; it expires.', input: { properties: { uri: TEXT }, required: ['uri'] } },
  play: {
    summary: 'Opens items, files and URLs as a list on a player, and plays it.',
    takesFile: true,
    input: { properties: { device: TEXT, items: ITEMS, position: SECONDS, autoplay: FLAG }, required: ['items'] },
  },
  player: { summary: 'Tells a player to do something with what it has.', input: { properties: { device: TEXT, command: COMMAND }, required: ['command'] } },
  now: { summary: 'What a player plays, and how.', input: { properties: { device: TEXT } } },
  'now-wait': { summary: 'The same, as soon as it is newer than a revision.', input: { properties: { device: TEXT, after: { ...COUNT, minimum: -1 } }, required: ['after'] } },
  'export-credentials': {
    summary: 'Makes a new device of the network, in a file under a password, to be carried to another machine.',
    input: { properties: { name: NAME, password: PASSWORD }, required: ['name', 'password'] },
  },
  'import-credentials': {
    summary: 'Makes this machine the device that a credentials file holds.',
    takesFile: true,
    input: { properties: { file: FILE, password: PASSWORD, check: FLAG, replace: FLAG }, required: ['file', 'password'] },
  },
  backup: { summary: 'The user key and what is known of the media network, in a file under a password.', input: { properties: { password: PASSWORD }, required: ['password'] } },
  restore: {
    summary: 'Makes this machine the one that manages the media network that a backup is of.',
    takesFile: true,
    input: { properties: { file: FILE, password: PASSWORD, login: PASSWORD, name: NAME, check: FLAG, replace: FLAG }, required: ['file', 'password'] },
  },
  remove: { summary: 'Removes a device from the media network, for ever.', input: { properties: { device: TEXT }, required: ['device'] } },
  keep: { summary: 'Takes a device in again that joined after the backup that the network was restored from.', input: { properties: { device: TEXT }, required: ['device'] } },
  'key-lock': { summary: 'Lets go of the user key until it is unlocked; the first time under a password.', input: { properties: { password: PASSWORD } } },
  'key-unlock': { summary: 'Puts the user key at hand, and issues what has waited for it.', input: { properties: { password: PASSWORD }, required: ['password'] } },
  'key-password': { summary: 'Puts the user key under a password, or another one; without one, its password is removed.', input: { properties: { current: PASSWORD, password: PASSWORD } } },
  'key-hand-over': { summary: 'Gives the user key to another gateway of the network, which manages it from then on; it is here no more.', input: { properties: { device: TEXT }, required: ['device'] } },
  'pair-open': { summary: 'Lets one device be added by a PIN: a given one, or one that is made.', input: { properties: { pin: PIN } } },
  'pair-wait': { summary: 'The state of the pairing, as soon as it is newer than a revision.', input: { properties: { after: { ...COUNT, minimum: -1 } }, required: ['after'] } },
  'pair-close': { summary: 'Lets nobody be added any more.', input: { properties: {} } },
  networks: {
    summary: 'The media networks that are announced on the link, or those that wait for a new device on an account.',
    takesFile: true,
    input: { properties: { account: ACCOUNT } },
  },
  join: {
    summary: 'Makes this machine a device of a media network on the link, or on an account, by a PIN.',
    takesFile: true,
    input: { properties: { jid: TEXT, pin: PIN, account: ACCOUNT, name: NAME, replace: FLAG }, required: ['jid', 'pin'] },
  },
  'button-press': { summary: 'Pairs with the one other machine on the link whose button is pressed, too; which of them takes in the other follows from what they are.', input: { properties: {} } },
  'button-wait': { summary: 'The state of the pairing by button, as soon as it is newer than a revision.', input: { properties: { after: { ...COUNT, minimum: -1 } }, required: ['after'] } },
  'button-close': { summary: 'Takes the button back.', input: { properties: {} } },
  'button-join': { summary: 'Makes this machine a device of the network of the other one, when its state is `calling`.', input: { properties: { name: NAME } } },
  init: {
    summary: 'Makes the media network, or extends it to an account.',
    takesFile: true,
    input: { properties: { jid: TEXT, password: PASSWORD, server: SERVER, ca: CERTIFICATES, name: NAME, check: FLAG, replace: { enum: ['if-alone', 'always'] } } },
  },
};

export function operationPath(name: OperationName): string {
  return `/v1/${name}`;
}
