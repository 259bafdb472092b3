import { keepNewest } from '../kernel/keep-newest.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatEvent } from '../xmpp/pubsub-codec.ts';
import { message } from '../xmpp/stanza.ts';
import type { Notification, PubsubService } from './service.ts';

export interface OutboxOptions {
  /** Items of one node whose changes may wait for a subscriber that is slow, or for its word that they have come; of more, the oldest are forgotten. */
  readonly waitingItems: number;
}

export interface OutboxDeps {
  readonly service: PubsubService<XmlElement>;
  readonly tasks: TaskGroup;
  readonly log: Logger;
}

/** What has happened to a node while something of it was on its way. */
interface Missed {
  isDeleted: boolean;
  readonly ids: Set<string>;
}

/**
 * Events for one subscriber, one at a time for each node. What happens while it takes nothing is not queued: it is told
 * then how the items are that have changed.
 */
export class Outbox {
  private readonly channel: StanzaChannel;
  private readonly deps: OutboxDeps;
  private readonly options: OutboxOptions;
  /** By node, while an event of it is on its way. */
  private readonly missed = new Map<string, Missed>();
  /** By node: items that were told of, and are not known to have come. */
  private underWay = new Map<string, Set<string>>();

  constructor(channel: StanzaChannel, deps: OutboxDeps, options: OutboxOptions) {
    this.channel = channel;
    this.deps = deps;
    this.options = options;
  }

  /** `event`: the notification as it is written. */
  tell({ node, published, retracted, isDeleted }: Notification<XmlElement>, event: XmlElement): void {
    const ids = [...published.map((item) => item.id), ...retracted];
    const underWay = this.underWay.get(node) ?? new Set();
    this.underWay.set(node, underWay);
    this.note(underWay, ids);
    const missed = this.missed.get(node);
    if (!missed) return this.begin(node, event);
    if (isDeleted) {
      missed.isDeleted = true;
      missed.ids.clear();
    }
    this.note(missed.ids, ids);
  }

  /** What was told up to now, as items by node; once. What waits to be told is among it, and is not told here any more. */
  takeUnderWay(): ReadonlyMap<string, ReadonlySet<string>> {
    const taken = this.underWay;
    this.underWay = new Map();
    for (const { ids } of this.missed.values()) ids.clear();
    return taken;
  }

  private note(known: Set<string>, ids: readonly string[]): void {
    for (const id of ids) {
      known.delete(id);
      known.add(id);
    }
    keepNewest(known, this.options.waitingItems);
  }

  private begin(node: string, event: XmlElement): void {
    const missed = { isDeleted: false, ids: new Set<string>() };
    this.missed.set(node, missed);
    this.deps.tasks.run(async () => {
      try {
        for (let next: XmlElement | undefined = event; next; next = this.next(node, missed)) await this.channel.send(next);
      } catch (error) {
        this.deps.log.debug('a notification could not be sent', { peer: this.channel.peer?.jid, error });
      } finally {
        this.missed.delete(node);
      }
    });
  }

  private next(node: string, missed: Missed): XmlElement | undefined {
    if (missed.isDeleted) {
      missed.isDeleted = false;
      return eventMessage({ to: [], node, published: [], retracted: [], isDeleted: true });
    }
    const { peer } = this.channel;
    if (missed.ids.size === 0 || !peer) return undefined;
    const notification = this.deps.service.current(node, missed.ids, peer);
    missed.ids.clear();
    return notification && eventMessage(notification);
  }
}

/** The message of a notification. A headline: what can't be delivered now is not kept for later. */
export function eventMessage({ node, published, retracted, isDeleted }: Notification<XmlElement>): XmlElement {
  return message({ type: 'headline' }, formatEvent({ node, published, retracted, cleared: isDeleted ? 'delete' : undefined }));
}
