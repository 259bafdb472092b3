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
  /** Friendly name of this machine; the host name where none is given. */
  readonly name?: string | undefined;
}

export interface SetupResult {
  /** The network id. */
  readonly network: string;
  /** Full JID of this machine's gateway device. */
  readonly jid: string;
}

/** Changes of the state that happen while no gateway works on it; the daemon stops its own around them. */
export interface Setup {
  /**
   * Makes the media network, or extends the one that is there to an account.
   * @throws XpmnError `already-initialised` (it has another account), `not-allowed` (not the management device), `bad-request`
   */
  initNetwork(deps: SetupDeps, options: InitOptions): Promise<SetupResult>;
  /** Makes this machine a device of another's network. @throws XpmnError `already-initialised`, `bad-password`, `malformed`, `not-trusted` */
  importCredentials(deps: SetupDeps, options: { readonly file: Uint8Array; readonly password: string }): Promise<SetupResult>;
}
