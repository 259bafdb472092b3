import { XpmnError } from '../xpmn/kernel/errors.ts';
import { generateKey } from '../xpmn/trust/keys.ts';
import { Network } from '../xpmn/trust/network.ts';
import type { JoinParts, NetworkDeps } from '../xpmn/trust/network.ts';
import { NetworkDocuments } from '../xpmn/trust/network-documents.ts';
import { saveAccount } from './account-store.ts';
import type { StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';
import { StagedStorage } from './staged-storage.ts';
import { readStanding } from './standing.ts';

/** Makes this machine what it was made to be elsewhere; whatever it was before is gone. @throws XpmnError `already-initialised`, `not-trusted`, `storage-failed` */
export function takeOver(deps: SetupDeps, parts: JoinParts, account: StoredAccount | undefined, { replace }: { readonly replace: boolean }): Promise<Network> {
  return becoming(deps, { replace, account }, (staged) => Network.join(staged, trustOptions(deps.config), parts));
}

/**
 * Everything that is here gives way to what `make` makes. That is made in memory, and written once for a trial under other
 * names, before anything is deleted: what can't be made, or has no room beside the old, changes nothing. The last document
 * written is the one that makes it count, so a crash in between leaves a machine that is part of no network, as one that was
 * never set up: the same is to be done again. The network that it resolves to is there to be asked who it is, and no more.
 * @throws XpmnError `already-initialised`, `storage-failed`; as `make`
 */
export async function becoming(
  deps: SetupDeps, { replace, account }: { readonly replace: boolean; readonly account: StoredAccount | undefined }, make: (deps: NetworkDeps) => Promise<Network>,
): Promise<Network> {
  // Asked again: a gateway may have gone on meanwhile.
  await refuseReplacement(deps, replace);
  const staged = new StagedStorage();
  if (account) await saveAccount(staged, account);
  const network = await make({ ...networkDeps(deps), storage: staged });
  await staged.tryOn(deps.storage);
  await deleteAll(deps);
  await staged.writeTo(deps.storage);
  return network;
}

/**
 * A gateway that was started before it became part of a network has made a local-only network of its own. While it is alone
 * in there and has no account, nobody would miss that network: it makes room.
 * @throws XpmnError `already-initialised`, with `details.machines` where so many rest on the user key here
 */
export async function refuseReplacement(deps: SetupDeps, replace: boolean): Promise<void> {
  const now = await readStanding(deps);
  if (!now) return;
  const { account, isManagement, machines } = now;
  if (isManagement && machines > 0) {
    throw new XpmnError('already-initialised', `This machine has made a media network, on whose user key ${counted(machines)} rest${machines === 1 ? 's' : ''}.`, { details: { machines } });
  }
  const isMember = account !== undefined || !isManagement;
  if (isMember && !replace) throw new XpmnError('already-initialised', `This machine is part of a media network${account === undefined ? '' : ` in the account ${account}`} already; --replace makes it leave that for ever.`);
}

/** Whether what is here makes room, unasked. @throws XpmnError `storage-failed` */
export async function canMakeRoom(deps: SetupDeps): Promise<boolean> {
  try {
    await refuseReplacement(deps, false);
    return true;
  } catch (error) {
    if (error instanceof XpmnError && error.code === 'already-initialised') return false;
    throw error;
  }
}

export function counted(machines: number): string {
  return machines === 1 ? 'one other machine' : `${machines} other machines`;
}

export function networkDeps({ storage, clock, random }: SetupDeps): NetworkDeps {
  return { storage, clock, random, generateKey };
}

async function deleteAll({ storage }: SetupDeps): Promise<void> {
  await new NetworkDocuments(storage).forget();
  for (const name of await storage.list('')) await storage.delete(name);
}
