import type { KeyName } from '../model/identity.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { LIST_NODES } from '../trust/list-nodes.ts';
import type { TrustOptions } from '../trust/options.ts';
import { readList } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { fetchItems } from '../xmpp/pep.ts';

export interface PublishedListsOptions {
  /** Items that are looked at, of each node. */
  readonly pepItems: number;
  readonly trust: TrustOptions;
}

/**
 * The lists of `network` that lie on the own account: those that hold, whatever they lie there as. That all of them are
 * there, or that they are the newest, only the server says.
 * @throws XpmnError as the server says
 */
export async function publishedLists(channel: StanzaChannel, network: KeyName, { pepItems, trust }: PublishedListsOptions, { signal }: { readonly signal: AbortSignal }): Promise<VerifiedList[]> {
  const lists: VerifiedList[] = [];
  for (const node of LIST_NODES) {
    const items = await fetchItems(channel, undefined, node, { signal });
    for (const { payload } of items.slice(0, pepItems)) {
      try {
        if (payload) lists.push(readList(payload, trust));
      } catch {
        // Something void lies there: it counts for nothing, and keeps the rest from nothing.
      }
    }
  }
  return lists.filter((list) => list.network === network);
}
