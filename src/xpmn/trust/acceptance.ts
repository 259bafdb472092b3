import { XpmnError } from '../kernel/errors.ts';
import type { KeyName, ListedPeer, ListedVerdict } from '../model/identity.ts';
import { bareJid, isFullJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { readCertificate } from './certificate.ts';
import { isAcceptableKey } from './keys.ts';
import type { DeviceEntry, FriendEntry } from './list-document.ts';
import type { VerifiedList } from './signed-list.ts';
import { currentHosts, devicesList, friendsList, hostedList, isIssuedAhead, isRemoved, isUserKey } from './snapshot.ts';
import type { TrustSnapshot } from './snapshot.ts';

export interface PeerQuestion {
  /** DER of the TLS leaf whose key the peer proved to hold. */
  readonly certificate: Uint8Array;
  /** The full JID it claims. */
  readonly claimed: Jid;
  readonly lists: TrustSnapshot;
  /** Unix ms. */
  readonly now: number;
}

export type StrangerReason =
  | 'bad-certificate' | 'weak-key' | 'certificate-authority' | 'user-key' | 'removed-key' | 'not-listed'
  /** The key is listed, under another JID. */
  | 'other-jid'
  /** A host listed what it may not: a JID outside its account, or a key or JID that another holds. */
  | 'not-for-the-host'
  /** A friend's device under a JID of mine, or of another friend. */
  | 'foreign-jid'
  /** A friend's list is past its expiry, or mine of friends is. */
  | 'list-expired'
  | 'list-from-the-future';

export type Judgement =
  | { readonly verdict: ListedVerdict; readonly identity: ListedPeer }
  | { readonly verdict: 'stranger'; readonly reason: StrangerReason };

/** Where a key was found, or why it does not count. */
type Finding = { readonly entry: DeviceEntry; readonly hosted: boolean; readonly list: VerifiedList } | StrangerReason;

/**
 * Who a peer is: the one place where that is decided (PROTOCOL §1, "Accepting a peer"). Pure. Whatever is missing,
 * unclear or doubtful makes a stranger.
 */
export function judgePeer(question: PeerQuestion, limits: { readonly friendClockAhead: number }): Judgement {
  const { lists, claimed } = question;
  const leaf = judgeLeaf(question.certificate);
  if ('reason' in leaf) return { verdict: 'stranger', reason: leaf.reason };
  const { key } = leaf;
  if (isUserKey(lists, key)) return { verdict: 'stranger', reason: 'user-key' };
  if (!isFullJid(claimed)) return { verdict: 'stranger', reason: 'other-jid' };

  const own = findDevice(lists, lists.network, key, claimed, 'with aliases');
  if (typeof own !== 'string') {
    // Roles are U's to give: what a host writes beside its own devices gives them nothing.
    const roles = own.hosted ? [] : own.entry.roles;
    return accepted({ verdict: own.hosted ? 'own-hosted' : 'own', key, jid: claimed, network: lists.network, roles });
  }
  // A key that my own lists know is never taken for a friend's.
  const friend = own === 'not-listed' ? findFriend(question, key, limits) : own;
  if (typeof friend === 'string') return { verdict: 'stranger', reason: friend };
  return accepted({ verdict: 'friend', key, jid: claimed, network: friend.network, roles: [] });
}

function accepted(identity: ListedPeer): Judgement {
  return { verdict: identity.verdict, identity };
}

function judgeLeaf(der: Uint8Array): { readonly key: KeyName } | { readonly reason: StrangerReason } {
  try {
    const { key, publicKey, isAuthority } = readCertificate(der);
    if (!isAcceptableKey(publicKey)) return { reason: 'weak-key' };
    // A key that may sign for others must not stand for a device: TLS libraries would take what it signs for the device.
    return isAuthority ? { reason: 'certificate-authority' } : { key };
  } catch (error) {
    if (error instanceof XpmnError) return { reason: 'bad-certificate' };
    throw error;
  }
}

type Aliases = 'with aliases' | 'no aliases';

/** Looks for the key under the JID in the `devices` list of a network, then in the `hosted` lists of its current hosts. */
function findDevice(lists: TrustSnapshot, network: KeyName, key: KeyName, jid: Jid, aliases: Aliases): Finding {
  if (isRemoved(lists, network, 'devices', key)) return 'removed-key';
  const devices = devicesList(lists, network);
  if (!devices) return 'not-listed';
  const entry = devices.devices.find((device) => device.key === key);
  if (entry) return goesBy(entry, jid, aliases) ? { entry, hosted: false, list: devices } : 'other-jid';
  if (isRemoved(lists, network, 'hosted', key)) return 'removed-key';
  let reason: StrangerReason = 'not-listed';
  for (const host of currentHosts(lists, network)) {
    const finding = findHosted(lists, devices, host, key, jid, aliases);
    if (typeof finding !== 'string') return finding;
    if (finding !== 'not-listed') reason = finding;
  }
  return reason;
}

function findHosted(lists: TrustSnapshot, devices: VerifiedList, host: DeviceEntry, key: KeyName, jid: Jid, aliases: Aliases): Finding {
  const list = hostedList(lists, devices.network, host.key);
  const entry = list?.devices.find((device) => device.key === key);
  if (!list || !entry) return 'not-listed';
  if (!goesBy(entry, jid, aliases)) return 'other-jid';
  // "A hosted entry counts only if neither its key nor its JID is held by another in `devices`, and its bare JID is the
  // host's." The key is not in `devices`, or we would not be here.
  const heldByDevice = devices.devices.some((device) => goesBy(device, jid, 'with aliases') || goesBy(device, entry.jid, 'with aliases'));
  const bares = [host.jid, ...host.aliases].map(bareJid);
  const inAccount = bareJid(entry.jid) === bareJid(host.jid) && bares.includes(bareJid(jid));
  return heldByDevice || !inAccount || isContested(lists, devices.network, key, jid) ? 'not-for-the-host' : { entry, hosted: true, list };
}

/** Two hosts list one JID for different keys: nobody can tell which of them is right, so neither counts. */
function isContested(lists: TrustSnapshot, network: KeyName, key: KeyName, jid: Jid): boolean {
  return currentHosts(lists, network).some((host) =>
    hostedList(lists, network, host.key)?.devices.some((entry) =>
      entry.key !== key && goesBy(entry, jid, 'with aliases') && !isRemoved(lists, network, 'hosted', entry.key)));
}

function goesBy(entry: DeviceEntry, jid: Jid, aliases: Aliases): boolean {
  return entry.jid === jid || (aliases === 'with aliases' && entry.aliases.includes(jid));
}

function findFriend(question: PeerQuestion, key: KeyName, limits: { readonly friendClockAhead: number }): { readonly network: KeyName } | StrangerReason {
  const { lists, now } = question;
  const friends = friendsList(lists);
  let reason: StrangerReason = 'not-listed';
  for (const friend of friends?.friends ?? []) {
    const finding = judgeFriend(question, friend, key, limits);
    // Past expiry "friends are refused until a fresh list is seen": mine of friends, too, or a removal could be withheld.
    if (finding === 'accepted' && friends) return now < friends.expiresAt ? { network: friend.key } : 'list-expired';
    if (finding !== 'accepted' && finding !== 'not-listed') reason = finding;
  }
  return reason;
}

function judgeFriend(question: PeerQuestion, friend: FriendEntry, key: KeyName, limits: { readonly friendClockAhead: number }): 'accepted' | StrangerReason {
  const { lists, claimed, now } = question;
  const found = findDevice(lists, friend.key, key, claimed, 'no aliases');
  if (typeof found === 'string') return found;
  if (isRemoved(lists, lists.network, 'friends', friend.key)) return 'removed-key';
  // The host's right to sign is in the `devices` list: both must be fresh, or a removed host could go on by itself.
  const needed = [found.list, devicesList(lists, friend.key) as VerifiedList];
  if (needed.some((list) => isIssuedAhead(list, now, limits))) return 'list-from-the-future';
  if (needed.some((list) => now >= list.expiresAt)) return 'list-expired';
  return isForeign(lists, friend, bareJid(claimed)) ? 'foreign-jid' : 'accepted';
}

/** A friend lists what it likes under its own key; my account's JIDs and another friend's are not its to list. */
function isForeign(lists: TrustSnapshot, friend: FriendEntry, bare: Jid): boolean {
  const mine = (devicesList(lists, lists.network)?.devices ?? []).some(({ jid, aliases }) => [jid, ...aliases].some((held) => bareJid(held) === bare));
  const hinted = (friendsList(lists)?.friends ?? []).filter(({ jid }) => jid === bare);
  return mine || (hinted.length > 0 && !hinted.some(({ key }) => key === friend.key));
}
