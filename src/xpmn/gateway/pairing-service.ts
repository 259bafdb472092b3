import type { Logger } from '../kernel/log.ts';
import { withResource } from '../model/jid.ts';
import { serveAccount } from '../pairing/account-exchange.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import { hostPairing } from '../pairing/pairing-host.ts';
import type { HostLimits } from '../pairing/pairing-host.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import type { IqRegistry } from '../ports/stanza-channel.ts';
import { serveManagement } from '../profiles/management.ts';
import type { AnswerLimits } from '../trust/heads.ts';
import { joiningLists } from '../trust/joining-lists.ts';
import { resourceName } from '../trust/names.ts';
import type { Network } from '../trust/network.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import type { Membership } from './membership.ts';

export interface PairingServiceDeps {
  readonly registry: IqRegistry;
  readonly network: Network;
  readonly membership: Membership;
  readonly window: PairingWindow;
  readonly button: ButtonWindow;
  readonly log: Logger;
  /** What a new gateway needs to get into the account; undefined without one. */
  readonly account: CarriedAccount | undefined;
}

/**
 * Adding devices, as the gateway device does it: whoever has proven the PIN, or was alone when the button was
 * pressed, is listed and published, and only then told what it needs.
 */
export function servePairing({ registry, network, membership, window, button, log, account }: PairingServiceDeps, limits: HostLimits & AnswerLimits): void {
  serveAccount({ registry, account });
  if (network.isManagement) serveManagement({ registry, signer: network });
  hostPairing({
    registry, window, button, log,
    admit: async ({ key, name, roles }, { signal }) => {
      const jid = withResource(network.bare, resourceName(name, key));
      await membership.add({ key, jid, roles }, signal);
      return { jid, userCertificate: network.userCertificate.der, lists: joiningLists(network.lists.snapshot, limits).map(({ element }) => element), account };
    },
  }, limits);
}
