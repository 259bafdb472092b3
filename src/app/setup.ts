import { hostname } from 'node:os';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { isFullJid, parseJid } from '../xpmn/model/jid.ts';
import { decodeCredentials } from '../xpmn/trust/credentials-file.ts';
import { devicesList } from '../xpmn/trust/snapshot.ts';
import { generateKey } from '../xpmn/trust/keys.ts';
import { Network } from '../xpmn/trust/network.ts';
import type { NetworkDeps } from '../xpmn/trust/network.ts';
import { loadAccount, saveAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { InitOptions, Setup, SetupDeps, SetupResult } from './setup-api.ts';

/** The media network of this installation; a local-only one is made where there is none. */
export async function loadOrCreateNetwork(deps: SetupDeps, name = hostname()): Promise<Network> {
  const options = trustOptions(deps.config);
  return (await Network.load(networkDeps(deps), options)) ?? Network.create(networkDeps(deps), options, { name });
}

async function initNetwork(deps: SetupDeps, { jid, password, server, ca, name = hostname() }: InitOptions): Promise<SetupResult> {
  if (jid === undefined) return resultOf(await loadOrCreateNetwork(deps, name));
  const account = parseJid(jid);
  if (isFullJid(account) || !account.includes('@')) throw new XpmnError('bad-request', 'An account is named like user@example.org.');
  if (password === undefined) throw new XpmnError('bad-request', 'An account needs its password.');
  const known = await loadAccount(deps.storage);
  const options = trustOptions(deps.config);
  const existing = await Network.load(networkDeps(deps), options);
  if (known && known.jid !== account) throw new XpmnError('already-initialised', `The media network is in the account ${known.jid} already.`);
  const network = existing ?? (await Network.create(networkDeps(deps), options, { name, account }));
  if (network.bare !== account) await network.extend(account);
  // Last: a password without a network in that account would be of no use, and a secret too many.
  await saveAccount(deps.storage, { jid: account, password, server, ca });
  return resultOf(network);
}

async function importCredentials(deps: SetupDeps, { file, password }: { readonly file: Uint8Array; readonly password: string }): Promise<SetupResult> {
  const options = trustOptions(deps.config);
  const carried = await decodeCredentials(Buffer.from(file), password, options);
  await discardUnusedNetwork(deps);
  const network = await Network.join(networkDeps(deps), options, carried);
  if (carried.password !== undefined) {
    await saveAccount(deps.storage, { jid: carried.account, password: carried.password, server: carried.server, ca: carried.ca });
  }
  return resultOf(network);
}

/**
 * A gateway that was started before it got its credentials has made a local-only network of its own. While it is alone in
 * there and has no account, nobody would miss that network: it makes room.
 *
 * @throws XpmnError `already-initialised` for any other network
 */
async function discardUnusedNetwork(deps: SetupDeps): Promise<void> {
  const existing = await Network.load(networkDeps(deps), trustOptions(deps.config));
  if (!existing) return;
  const others = devicesList(existing.lists.snapshot, existing.id)?.devices.filter(({ key }) => key !== existing.gateway.key) ?? [];
  if (!existing.isLocalOnly || others.length > 0) throw new XpmnError('already-initialised', 'This machine is part of a media network already.');
  for (const name of await deps.storage.list('')) await deps.storage.delete(name);
}

function networkDeps({ storage, clock, random }: SetupDeps): NetworkDeps {
  return { storage, clock, random, generateKey };
}

function resultOf(network: Network): SetupResult {
  return { network: network.id, jid: network.gateway.jid };
}

export const setup: Setup = { initNetwork, importCredentials };
