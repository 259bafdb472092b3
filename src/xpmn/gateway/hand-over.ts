import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Jid } from '../model/jid.ts';
import { resourceOf } from '../model/jid.ts';
import { elements } from '../model/xml.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatHandOver } from '../profiles/hand-over.ts';
import { headsElement } from '../trust/heads.ts';
import type { DeviceEntry } from '../trust/list-document.ts';
import type { Network } from '../trust/network.ts';
import { listsElement, signedIn } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { devicesList, isManagedBy } from '../trust/snapshot.ts';

export interface HandOverDeps {
  readonly network: Network;
  readonly links: PeerLinks;
  /** Puts the lists on the account, if there is one that answers; never rejects for what goes wrong there. */
  publish(signal: AbortSignal): Promise<void>;
}

export interface HandOverOptions {
  readonly signal: AbortSignal;
  readonly listsPerAnswer: number;
}

/**
 * How often the two are brought to the same list. Each of them ends its streams with the other when that has new roles; and a
 * list that did not know of them may come in between.
 */
const ATTEMPTS = 5;
/** What a stream that one of them has ended for that says to who asks on it. */
const ENDED: ReadonlySet<string> = new Set(['connection-lost', 'not-trusted']);

/**
 * Makes another host of the network its management device, in the place of this one: it gets the user key, then the list
 * that says so; only when it has shown, on a stream between the two, that it goes by that list, the key is deleted here.
 * Whatever breaks off in between leaves the key here, maybe on both; done again, it goes on from there.
 * @throws XpmnError `not-allowed` (no user key here; it is this very device, or no gateway; a third one manages the network), `not-authorized` (the
 *   key is locked), `not-found`, `not-trusted`, `conflict`, `storage-failed`; could not reach the other, or was refused
 */
export async function handOver(deps: HandOverDeps, device: Jid, options: HandOverOptions): Promise<void> {
  const { network, publish } = deps;
  const parts = network.transfer.parts();
  const next = successor(network, device);
  const { signal } = options;
  try {
    const channel = await channelTo(deps, next, options);
    await channel.request({ type: 'set', payload: formatHandOver(parts) }, { signal });
    await agree(deps, next, options);
    await publish(signal);
    await network.transfer.forget(next.key);
  } catch (thrown) {
    const error = asXpmnError(thrown);
    throw new XpmnError(error.code, `${error.message} The key is still here; once that is mended, hand it over again.`, { cause: error });
  }
}

/** SECURITY: the key goes to the very device that was named, not to whoever is let in under its name. */
async function channelTo({ links }: HandOverDeps, { key, jid }: DeviceEntry, { signal }: HandOverOptions): Promise<StanzaChannel> {
  const channel = await links.to(jid).channel({ signal });
  if (channel.peer?.verdict !== 'own' || channel.peer.key !== key) throw new XpmnError('not-trusted', 'Who is reached there is not that device.');
  return channel;
}

/** Moves the role, until the other one's newest list of devices is ours, and says so. */
async function agree(deps: HandOverDeps, next: DeviceEntry, options: HandOverOptions): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const list = await deps.network.transfer.moveRole(next.key);
    try {
      if (await goesBy(deps, list, next, options)) return;
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof XpmnError) || !ENDED.has(error.code)) throw error;
    }
  }
  throw new XpmnError('conflict', 'The other device does not go by the list that makes it the manager.');
}

/** Whether the other one, who is given that list, shows it, or one that says the same and is our newest by now. */
async function goesBy(deps: HandOverDeps, list: VerifiedList, next: DeviceEntry, options: HandOverOptions): Promise<boolean> {
  const { signal, listsPerAnswer } = options;
  const { lists, id } = deps.network;
  const channel = await channelTo(deps, next, options);
  await channel.request({ type: 'set', payload: listsElement([list]) }, { signal });
  // Asked with nothing, it shows all that it goes by.
  const [answer] = elements(await channel.request({ type: 'get', payload: headsElement([]) }, { signal }));
  const theirs = answer ? await lists.offerAll(signedIn(answer, listsPerAnswer)) : [];
  const newest = devicesList(lists.snapshot, id);
  return newest !== undefined && isManagedBy(newest, next.key) && theirs.some((outcome) => outcome.outcome !== 'void' && outcome.list.hash === newest.hash);
}

function successor(network: Network, device: Jid): DeviceEntry {
  const devices = devicesList(network.lists.snapshot, network.id)?.devices ?? [];
  const next = devices.find(({ jid, aliases }) => jid === device || aliases.includes(device));
  if (!next) throw new XpmnError('not-found', 'That is no machine of the media network by itself: only a gateway can manage it.');
  if (next.key === network.gateway.key) throw new XpmnError('not-allowed', 'That is this machine.');
  if (!next.roles.includes('host')) throw new XpmnError('not-allowed', 'Only a gateway of the media network can manage it.');
  const manager = devices.find(({ roles }) => roles.includes('management'));
  const mayGo = manager === undefined || manager.key === next.key || network.transfer.isManager(network.gateway.key);
  if (!mayGo) throw new XpmnError('not-allowed', `${resourceOf(manager.jid)} manages the media network: it is handed over from there.`);
  return next;
}
