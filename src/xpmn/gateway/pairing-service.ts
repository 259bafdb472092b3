import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { resourceOf, withResource } from '../model/jid.ts';
import { serveAccount } from '../pairing/account-exchange.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import { hostPairing } from '../pairing/pairing-host.ts';
import type { HostLimits } from '../pairing/pairing-host.ts';
import type { IqRegistry } from '../ports/stanza-channel.ts';
import { serveHandOver } from '../profiles/hand-over.ts';
import { serveManagement } from '../profiles/management.ts';
import type { AnswerLimits } from '../trust/heads.ts';
import { joiningLists } from '../trust/joining-lists.ts';
import { resourceName } from '../trust/names.ts';
import type { Network } from '../trust/network.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import { devicesList } from '../trust/snapshot.ts';
import type { AccountLogins } from './account-logins.ts';
import type { Membership } from './membership.ts';

export interface PairingServiceDeps {
  readonly registry: IqRegistry;
  readonly network: Network;
  readonly membership: Membership;
  readonly window: PairingWindow;
  readonly button: ButtonWindow;
  readonly log: Logger;
  /** Of the gateway: what a caller leaves behind is taken back also if it is gone. */
  readonly signal: AbortSignal;
  /** Lets a new gateway into the account; undefined without one. */
  readonly logins: AccountLogins | undefined;
}

/**
 * Adding devices, as the gateway device does it: whoever has proven the PIN, or was alone when the button was pressed, can
 * log in, is listed and published, and only then told what it needs.
 */
export function servePairing({ registry, network, membership, window, button, log, signal: lifetime, logins }: PairingServiceDeps, limits: HostLimits & AnswerLimits): void {
  serveAccount({
    registry,
    account: async (peer, certificate, { signal }) => {
      // The newest list decides under which name: the stream may have been opened under an older one.
      const entry = devicesList(network.lists.snapshot, network.id)?.devices.find(({ key }) => key === peer.key);
      if (!entry) throw new XpmnError('not-allowed', 'Only gateways of the media network are told that.');
      return logins?.letIn({ ...entry, name: resourceOf(entry.jid), certificate }, signal);
    },
  }, limits);
  // Where the user key is not, they say so: it may come.
  serveManagement({ registry, signer: network });
  serveHandOver({ registry, taker: network.transfer });
  hostPairing({
    registry, window, button, log,
    admit: async ({ key, name, roles, certificate }, { signal, listing }) => {
      const jid = withResource(network.bare, resourceName(name, key));
      const newcomer = { key, jid, roles, name, certificate };
      const account = await logins?.letIn(newcomer, signal);
      try {
        await membership.add({ key, jid, roles }, { signal, listing });
      } catch (error) {
        await logins?.putOut(account, newcomer, lifetime);
        throw error;
      }
      return { jid, userCertificate: network.userCertificate.der, lists: joiningLists(network.lists.snapshot, limits).map(({ element }) => element), account };
    },
  }, limits);
}
