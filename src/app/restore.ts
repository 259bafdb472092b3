import { hostname } from 'node:os';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../xpmn/kernel/tasks.ts';
import { decodeBackup } from '../xpmn/trust/backup-file.ts';
import type { Backup } from '../xpmn/trust/backup-file.ts';
import { localBareJid } from '../xpmn/trust/names.ts';
import { Network } from '../xpmn/trust/network.ts';
import type { TrustOptions } from '../xpmn/trust/options.ts';
import { networkOf } from '../xpmn/trust/restore.ts';
import { compareLists, readList, slotOf } from '../xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../xpmn/trust/signed-list.ts';
import { readAccountLists } from './account-check.ts';
import type { StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import type { RestoreOptions, SetupChange, SetupDeps } from './setup-api.ts';
import { becoming, refuseReplacement } from './take-over.ts';

/**
 * Reads the backup, and what its account knows better: with the newest lists, nothing that was added since is cut off. An
 * account that keeps them back, or shows old ones, makes it as if it had not been asked.
 */
export async function prepareRestore(deps: SetupDeps, { file, password, login, name = hostname(), check = true, replace = false }: RestoreOptions, { signal }: { readonly signal: AbortSignal }): Promise<SetupChange> {
  const options = trustOptions(deps.config);
  const backup = await decodeBackup(Buffer.from(file), password, options);
  await refuseReplacement(deps, replace);
  const account = accountOf(backup, login);
  const published = check && isInAccount(backup) ? await readAccountLists(deps, required(account, backup), networkOf(backup), { signal }) : undefined;
  throwIfAborted(signal);
  return async () => {
    const lists = [...backup.lists, ...(published ?? []).map(({ element }) => element)];
    const network = await becoming(deps, { replace, account }, (staged) => Network.restore(staged, options, { ...backup, lists, name }));
    return {
      network: network.id, jid: network.gateway.jid,
      isChecked: published !== undefined,
      ...(published && { learnt: newerThan(backup, published, options) }),
      ...(account === undefined && isInAccount(backup) && { needsPassword: backup.account }),
    };
  };
}

function isInAccount(backup: Backup): boolean {
  return backup.account !== localBareJid(networkOf(backup));
}

function accountOf(backup: Backup, login = backup.password): StoredAccount | undefined {
  const { account: jid, server, ca } = backup;
  return login === undefined || !isInAccount(backup) ? undefined : { jid, password: login, server, ca };
}

function required(account: StoredAccount | undefined, { account: jid }: Backup): StoredAccount {
  if (!account) throw new XpmnError('login-failed', `The password of the account ${jid} is not in the backup.`, { details: { step: 'login', needsPassword: jid } });
  return account;
}

/** How many of the lists are news to whoever knows the backup. */
function newerThan({ lists }: Backup, published: readonly VerifiedList[], options: TrustOptions): number {
  const known = lists.map((element) => readList(element, options));
  return published.filter((list) => !known.some((held) => slotOf(held) === slotOf(list) && compareLists(held, list) >= 0)).length;
}
