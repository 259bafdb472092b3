import { XpmnError } from '../xpmn/kernel/errors.ts';
import { resourceOf } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { Network } from '../xpmn/trust/network.ts';
import type { VerifiedList } from '../xpmn/trust/signed-list.ts';
import { currentManagers } from '../xpmn/trust/snapshot.ts';
import type { UserKeyControl, UserKeyState } from './gateway-api.ts';

export interface UserKeyDeskDeps {
  readonly network: Network;
  /** Issues what is due, here and for all others. Never rejects for what goes wrong on the way to them. */
  issueDue(): Promise<readonly VerifiedList[]>;
  /** @throws XpmnError as `MediaGateway.handOver` */
  handOver(device: Jid): Promise<void>;
}

/** The user key, as its owner handles it. */
export function userKeyControl({ network, issueDue, handOver }: UserKeyDeskDeps): UserKeyControl {
  return {
    async lock(password) {
      if (password !== undefined && network.keyPassword.isSet) throw new XpmnError('conflict', 'The user key has a password already.');
      await network.keyPassword.lock(password);
    },
    async unlock(password) {
      await network.keyPassword.unlock(password);
      return (await issueDue()).map(({ type }) => type);
    },
    changePassword: ({ current, next }) => network.keyPassword.change(current, next),
    removePassword: (current) => network.keyPassword.remove(current),
    handOver,
  };
}

export function userKeyState({ isManagement, isLocked, keyPassword }: Network): UserKeyState {
  if (!isManagement) return 'elsewhere';
  if (!keyPassword.isSet) return 'plain';
  return isLocked ? 'locked' : 'unlocked';
}

/** Who manages the network, as its newest list says. */
export function managerOf({ lists: { snapshot }, id }: Network): Jid | undefined {
  return currentManagers(snapshot, id)[0]?.jid;
}

/** A hand-over that was broken off: whoever has the role, the key is here, too. */
export function handOverWarnings(network: Network): string[] {
  const manager = managerOf(network);
  if (!network.isManagement || !network.isMember || manager === undefined || network.transfer.isManager(network.gateway.key)) return [];
  const id = resourceOf(manager);
  return [`${id} manages the media network, and its key lies on this machine, too: \`xpmn key hand-over ${id}\` makes an end of that.`];
}

/** What the owner should know while it is locked: which lists wait for it, and what comes of that. */
export function userKeyWarnings({ isLocked, waitingLists }: Network, now: number): string[] {
  if (!isLocked) return [];
  return [
    'The user key is locked: nobody can be added or removed, and lists are not renewed, until `xpmn key unlock`.',
    ...waitingLists.map(({ type, expiresAt }) => {
      const turnedAway = type === 'friends' ? 'friends are turned away here' : 'friends turn this network away';
      return `The list of ${type} waits for the user key: ${turnedAway} ${now < expiresAt ? 'from' : 'since'} ${formatDate(expiresAt)}${now < expiresAt ? ' on' : ''}.`;
    }),
  ];
}

/** `2026-12-22 18:00 UTC` */
function formatDate(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
