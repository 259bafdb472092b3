import { XpmnError } from '../xpmn/kernel/errors.ts';
import { encodeBackup } from '../xpmn/trust/backup-file.ts';
import { Network } from '../xpmn/trust/network.ts';
import { loadAccount } from './account-store.ts';
import type { StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { BackupOptions, SetupDeps } from './setup-api.ts';
import { networkDeps } from './take-over.ts';

/** All that makes another machine the management device, in a file under a password. @throws XpmnError as `Network.exportBackup`, `encodeBackup` */
export async function sealBackup(network: Network, account: StoredAccount | undefined, { password }: BackupOptions, deps: Pick<SetupDeps, 'random' | 'config'>): Promise<Buffer> {
  const login = { password: account?.password, server: account?.server, ca: account?.ca };
  return encodeBackup({ ...network.exportBackup(), ...login }, password, deps, trustOptions(deps.config));
}

/** The same of the state as it lies there, where no gateway works on it. */
export async function prepareBackup(deps: SetupDeps, options: BackupOptions): Promise<() => Promise<{ readonly file: string }>> {
  const network = await Network.load(networkDeps(deps), trustOptions(deps.config));
  if (!network) throw new XpmnError('not-initialised', 'There is no media network here to make a backup of.');
  const file = await sealBackup(network, await loadAccount(deps.storage), options, deps);
  return () => Promise.resolve({ file: file.toString('base64') });
}
