import { XpmnError } from '../xpmn/kernel/errors.ts';
import { encodeBackup } from '../xpmn/trust/backup-file.ts';
import { Network } from '../xpmn/trust/network.ts';
import { loadAccount } from './account-store.ts';
import type { StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { BackupFile } from './gateway-api.ts';
import type { BackupOptions, SealedBackup, SetupDeps } from './setup-api.ts';
import { networkDeps } from './take-over.ts';

/**
 * All that makes another machine the management device, in a file under a password; the account's only while it is known here.
 * @throws XpmnError as `Network.exportBackup`, `encodeBackup`
 */
export async function sealBackup(network: Network, account: StoredAccount | undefined, { password }: BackupOptions, deps: Pick<SetupDeps, 'random' | 'config'>): Promise<BackupFile> {
  const login = { password: account?.password, server: account?.server, ca: account?.ca };
  const file = await encodeBackup({ ...network.exportBackup(), ...login }, password, deps, trustOptions(deps.config));
  return { file, needsPassword: login.password === undefined && !network.isLocalOnly };
}

/** The same of the state as it lies there, where no gateway works on it. */
export async function prepareBackup(deps: SetupDeps, options: BackupOptions): Promise<() => Promise<SealedBackup>> {
  const network = await Network.load(networkDeps(deps), trustOptions(deps.config));
  if (!network) throw new XpmnError('not-initialised', 'There is no media network here to make a backup of.');
  const { file, needsPassword } = await sealBackup(network, await loadAccount(deps.storage), options, deps);
  return () => Promise.resolve({ file: file.toString('base64'), needsPassword });
}
