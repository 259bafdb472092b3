import type { KeyName } from '../xpmn/model/identity.ts';
import { bareJid } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import { ListStore } from '../xpmn/trust/list-store.ts';
import { localBareJid } from '../xpmn/trust/names.ts';
import { NetworkDocuments } from '../xpmn/trust/network-documents.ts';
import { devicesList, isRemoved } from '../xpmn/trust/snapshot.ts';
import { trustOptions } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';

/** What this installation is now. */
export interface Standing {
  readonly network: KeyName;
  /** Bare JID that the network is in; undefined while it is local-only. */
  readonly account: Jid | undefined;
  /** Whether the user key is here. */
  readonly isManagement: boolean;
  /** Whether it is, under a password. */
  readonly hasKeyPassword: boolean;
  /** Whether the network lists this machine still; false once it knows that it was removed. */
  readonly isMember: boolean;
  /** Other machines that the network lists. */
  readonly machines: number;
}

/** Only reads, so that a gateway may work on the state meanwhile; undefined where there is nothing yet. @throws XpmnError `storage-failed` */
export async function readStanding(deps: SetupDeps): Promise<Standing | undefined> {
  const documents = new NetworkDocuments(deps.storage);
  const record = await documents.load();
  if (!record) return undefined;
  const { network, device } = record;
  const lists = await ListStore.open(deps, trustOptions(deps.config), network);
  const bare = bareJid(device.jid);
  const listed = devicesList(lists.snapshot, network)?.devices ?? [];
  const userKey = await documents.loadUserKey();
  return {
    network,
    account: bare === localBareJid(network) ? undefined : bare,
    isManagement: userKey !== undefined,
    hasKeyPassword: userKey !== undefined && 'sealed' in userKey,
    isMember: !isRemoved(lists.snapshot, network, 'devices', device.key) && listed.some(({ key }) => key === device.key),
    machines: listed.filter(({ key }) => key !== device.key).length,
  };
}
