import { XpmnError } from '../xpmn/kernel/errors.ts';
import { parseJid } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { CarriedAccount } from '../xpmn/pairing/pairing-codec.ts';
import type { Storage } from '../xpmn/ports/storage.ts';

/** How this installation logs in. A secret: it lies in the state directory, readable by its owner alone. */
export interface StoredAccount {
  /** Bare JID. */
  readonly jid: Jid;
  /** Undefined once it was forgotten: certificates let the devices in. */
  readonly password?: string | undefined;
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust for the server. */
  readonly ca?: string | undefined;
}

/** One whose password is known, since its owner has just given it. */
export type OpenAccount = StoredAccount & { readonly password: string };

const DOCUMENT = 'account';

/** @throws XpmnError `storage-failed` */
export async function loadAccount(storage: Storage): Promise<StoredAccount | undefined> {
  const document = await storage.get(DOCUMENT);
  if (!document) return undefined;
  try {
    const { jid, password, server, ca } = JSON.parse(document.toString('utf8')) as StoredAccount;
    return { jid: parseJid(jid), password: password === undefined ? undefined : String(password), server, ca };
  } catch (error) {
    throw new XpmnError('storage-failed', 'The stored account can\'t be read.', { cause: error });
  }
}

export function saveAccount(storage: Storage, account: StoredAccount): Promise<void> {
  return storage.put(DOCUMENT, Buffer.from(JSON.stringify({ version: 1, ...account })));
}

/**
 * Keeps what another gateway has told about the account that the network is in, or has done for this one; false where that is no
 * way in: then nothing has changed. @throws XpmnError `storage-failed`
 */
export async function keepCarried(storage: Storage, jid: Jid, { password, isLetIn, server, ca }: CarriedAccount): Promise<boolean> {
  if (password === undefined && !isLetIn) return false;
  await saveAccount(storage, { jid, password, server, ca });
  return true;
}

/** From here on the disk has the account without its password; the other document is gone, as far as a file system says so. @throws XpmnError `storage-failed` */
export async function forgetPassword(storage: Storage): Promise<void> {
  const { password, ...account } = (await loadAccount(storage)) ?? {};
  if (password !== undefined) await saveAccount(storage, account as StoredAccount);
}
