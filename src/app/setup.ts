import { hostname } from 'node:os';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import { decodeCredentials } from '../xpmn/trust/credentials-file.ts';
import { LoginRecords } from '../xpmn/login/login-records.ts';
import { Network } from '../xpmn/trust/network.ts';
import { accountIn, checkAccount } from './account-check.ts';
import { saveAccount } from './account-store.ts';
import type { StoredAccount } from './account-store.ts';
import { prepareBackup } from './backup.ts';
import { trustOptions } from './gateway-settings.ts';
import type { ImportOptions, InitOptions, Setup, SetupChange, SetupDeps, SetupResult } from './setup-api.ts';
import { findNetworks, prepareButtonJoin, prepareJoin } from './join.ts';
import { prepareRestore } from './restore.ts';
import { readStanding } from './standing.ts';
import { counted, networkDeps, refuseReplacement, takeOver } from './take-over.ts';

/** The media network of this installation; a local-only one is made where there is none. */
export async function loadOrCreateNetwork(deps: SetupDeps, { name = hostname(), account }: { readonly name?: string | undefined; readonly account?: Jid | undefined } = {}): Promise<Network> {
  const options = trustOptions(deps.config);
  return (await Network.load(networkDeps(deps), options)) ?? Network.create(networkDeps(deps), options, { name, account });
}

/** The same, where this machine is called what the user wants. */
async function namedNetwork(deps: SetupDeps, name: string | undefined, account?: Jid): Promise<Network> {
  const network = await loadOrCreateNetwork(deps, { name, account });
  if (name !== undefined && network.name !== name) await network.rename(name);
  return network;
}

async function prepareInit(deps: SetupDeps, options: InitOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupChange> {
  const { check = true } = options;
  if (options.jid === undefined) return async () => resultOf(await namedNetwork(deps, options.name), false);
  const account = accountIn(options);
  await refuseMove(deps, account, options);
  if (check) await checkAccount(deps, account, { signal });
  throwIfAborted(signal);
  return async () => {
    const network = await namedNetwork(deps, options.name, account.jid);
    if (network.bare !== account.jid) await network.extend(account.jid);
    // Last: a password without a network in that account would be of no use, and a secret too many.
    // The owner has spoken: what a server has refused before is tried again.
    await new LoginRecords(deps).clear();
    await saveAccount(deps.storage, account);
    return resultOf(network, check);
  };
}

async function refuseMove(deps: SetupDeps, { jid }: StoredAccount, { replace }: InitOptions): Promise<void> {
  const now = await readStanding(deps);
  if (!now || now.account === jid) return;
  if (!now.isManagement) throw new XpmnError('not-allowed', 'Only the machine that manages the media network can take it to another account.');
  if (now.hasKeyPassword) throw new XpmnError('not-allowed', 'While the media network moves, its user key has to be without a password: `xpmn key password --remove`, then this, then `xpmn key password`.');
  const { account, machines } = now;
  if (account === undefined || replace === 'always') return;
  if (replace === undefined) throw new XpmnError('already-initialised', `The media network is in the account ${account} already; --replace moves it to ${jid}, with all its devices and keys.`);
  if (machines > 0) throw new XpmnError('conflict', `If it moves, ${counted(machines)} will be left in the account ${account}, cut off until new credentials are imported there.`, { details: { machines } });
}

async function prepareImport(deps: SetupDeps, { file, password, check = true, replace = false }: ImportOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupChange> {
  const options = trustOptions(deps.config);
  const carried = await decodeCredentials(Buffer.from(file), password, options);
  Network.judgeJoin(deps, options, carried);
  await refuseReplacement(deps, replace);
  const { account: jid, password: login, isLetIn, server, ca, device } = carried;
  const account = login === undefined && !isLetIn ? undefined : { jid, password: login, server, ca };
  if (check && account) await checkAccount(deps, { ...account, device }, { signal });
  throwIfAborted(signal);
  return async () => resultOf(await takeOver(deps, carried, account, { replace }), check && account !== undefined);
}

function resultOf(network: Network, isChecked: boolean): SetupResult {
  return { network: network.id, jid: network.gateway.jid, isChecked };
}

export const setup: Setup = { prepareInit, prepareImport, prepareRestore, prepareBackup, findNetworks, prepareJoin, prepareButtonJoin };
