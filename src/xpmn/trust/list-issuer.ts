import type { KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { keyNameOf } from './keys.ts';
import type { ListType } from './list-document.ts';
import type { ListStore } from './list-store.ts';
import type { TrustOptions } from './options.ts';
import { followingList } from './reissue.ts';
import type { ListChange } from './reissue.ts';
import { issueList, slotOf } from './signed-list.ts';
import type { VerifiedList } from './signed-list.ts';

/** How often a list is made anew because another one came in between. */
const ATTEMPTS = 3;

/** Signs the lists of my network and gives them to the store, like everybody else's. */
export class ListIssuer {
  private readonly deps: { readonly lists: ListStore; readonly clock: Clock };
  private readonly options: TrustOptions;
  private readonly network: KeyName;

  constructor(deps: { readonly lists: ListStore; readonly clock: Clock }, options: TrustOptions, network: KeyName) {
    this.deps = deps;
    this.options = options;
    this.network = network;
  }

  /**
   * Issues the list that follows the newest one; `change` sees that one, and may be asked again.
   * @throws XpmnError `too-large`, `not-acceptable` (it would be void), `conflict`, `storage-failed`
   */
  async issue(type: ListType, key: KeyObject, change: (previous: VerifiedList | undefined) => ListChange): Promise<VerifiedList> {
    const kind = { type, network: this.network };
    const slot = slotOf({ ...kind, signer: keyNameOf(key) });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { lists, removed } = this.deps.lists.snapshot;
      const previous = lists.find((list) => slotOf(list) === slot);
      const removedEver = removed.find((memory) => slotOf(memory) === slot)?.keys ?? new Set();
      const content = followingList(kind, previous, removedEver, change(previous), this.deps.clock.now(), this.options);
      const outcome = await this.deps.lists.offer(issueList(content, key, this.options).element);
      if (outcome.outcome === 'accepted') return outcome.list;
      if (outcome.outcome === 'void') throw new XpmnError('not-acceptable', `The list would be void: ${outcome.reason}.`, { details: { reason: outcome.reason } });
    }
    throw new XpmnError('conflict', 'Somebody else with the same key changes the list at the same time.');
  }
}
