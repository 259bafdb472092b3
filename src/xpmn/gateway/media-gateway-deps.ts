import type { DeviceShared } from '../device/device-shared.ts';
import type { LocalAddresses } from '../jingle/transports/host-candidates.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { AccountAccess } from '../login/account-access.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import type { DeviceSource } from '../ports/media-device.ts';
import type { PlayerFeed } from '../ports/player-feed.ts';
import type { SecurityMethod } from '../ports/security.ts';
import type { SharedMedia } from '../ports/shared-media.ts';
import type { ServiceDiscovery } from '../ports/service-discovery.ts';
import type { Storage } from '../ports/storage.ts';
import type { Network } from '../trust/network.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';

export interface MediaGatewayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: Network;
  /** How to log in; undefined while the network is local-only, or nobody has told. */
  readonly access: AccountAccess | undefined;
  /** Where it is kept how far the devices have come with that, and what they are called. */
  readonly storage: Storage;
  readonly sources: readonly DeviceSource[];
  /** Where players get from what they are to play; left out: from the media port here. */
  readonly feed?: PlayerFeed | undefined;
  readonly connect: DeviceShared['connect'];
  readonly addresses: LocalAddresses;
  /** In which devices are added by PIN. */
  readonly pairing: PairingWindow;
  /** `srp` with the PINs of `pairing`, for devices that know nothing better; undefined where it can't be had. */
  readonly srp?: SecurityMethod | undefined;
  /** In which they are by being alone. */
  readonly button: ButtonWindow;
  /** Undefined: others are reached through the server only. */
  readonly discovery?: ServiceDiscovery | undefined;
  /** What the user of this machine lets be played elsewhere; undefined: nothing. */
  readonly shared?: SharedMedia | undefined;
  /** Name of this machine on the link. */
  readonly host: string;
  /** The lists give this gateway another JID, or it manages the network now, or no more: it is to be started anew. */
  onMoved?(): void;
  /** Another gateway has told how to log in; this one was made without knowing that. */
  onAccountFound?(account: CarriedAccount): void;
}
