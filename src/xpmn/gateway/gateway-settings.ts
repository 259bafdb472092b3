import type { AccountServicesOptions } from './account-services.ts';
import type { DeviceNamesOptions } from './device-names.ts';
import type { DeviceSettings } from '../device/device-settings.ts';
import type { PoolOptions } from '../jingle/applications/oob-pool.ts';
import type { InProcessOptions } from '../jingle/security/in-process.ts';
import type { Socks5ListenerOptions } from '../jingle/transports/socks5-listener.ts';
import type { AcceptorOptions } from '../links/acceptor.ts';
import type { AccountCertificatesOptions } from '../login/account-certificates.ts';
import type { LocalTransferOptions } from '../media/local-transfer.ts';
import type { MediaPortOptions } from '../media/media-port.ts';
import type { PlayerFeedOptions } from '../media/player-feed.ts';
import type { HostLimits } from '../pairing/pairing-host.ts';
import type { DirectoryControllerOptions } from '../profiles/directory-controller.ts';
import type { DirectoryOptions } from '../profiles/directory.ts';
import type { PlaybackOptions as PlaybackSessionOptions } from '../player/playback-session.ts';
import type { PlaybackOptions } from '../profiles/playback.ts';
import type { TransferControllerOptions } from '../profiles/transfer-controller.ts';
import type { PubsubWireOptions } from '../pubsub/wire.ts';
import type { PubsubLimits } from '../pubsub/service.ts';
import type { LocalLinkOptions } from '../serverless/local-link.ts';
import type { ExpiryWatchOptions } from '../trust/expiry-watch.ts';
import type { AnswerLimits } from '../trust/heads.ts';
import type { PlayerSideSettings } from './player-side.ts';
import type { MembershipOptions } from './membership.ts';

export interface GatewaySettings extends ExpiryWatchOptions, DeviceNamesOptions {
  readonly device: DeviceSettings;
  readonly pool: PoolOptions;
  /** Bytes by which the windows of all sessions together may grow. */
  readonly windowBudget: number;
  readonly inProcess: InProcessOptions;
  readonly listener: Socks5ListenerOptions;
  readonly linkLocal: LocalLinkOptions;
  readonly acceptor: AcceptorOptions;
  readonly directory: DirectoryOptions;
  readonly directoryController: DirectoryControllerOptions;
  readonly transferController: TransferControllerOptions;
  readonly playback: PlaybackOptions & PlayerSideSettings['playback'];
  /** Of bridged players: their lists. */
  readonly player: PlaybackSessionOptions;
  readonly watch: PlayerSideSettings['watch'];
  /** Of the nodes of a bridged device. */
  readonly pubsub: PubsubLimits & PubsubWireOptions;
  readonly mediaPort: MediaPortOptions;
  readonly feed: PlayerFeedOptions & { readonly local: LocalTransferOptions };
  readonly account: AccountServicesOptions;
  readonly logins: AccountCertificatesOptions;
  readonly pairing: HostLimits & AnswerLimits & MembershipOptions;
  /** Connections to the server for bridged devices; further ones wait for their turn, and are reached without the server. */
  readonly connections: number;
  /** Milliseconds for everything to end in order. */
  readonly stopTimeout: number;
  /** Milliseconds between two looks at lists that are due to be issued again. */
  readonly refreshInterval: number;
}
