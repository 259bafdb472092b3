import { EventEmitter } from 'node:events';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Retry } from '../kernel/retry.ts';
import type { RetryOptions } from '../kernel/retry.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { DiscoInfo } from '../xmpp/disco.ts';
import type { PeerDirectory, PeerPresence } from './peer-directory.ts';

/** A device that is announced on the link. */
export interface Neighbour {
  readonly jid: Jid;
  /** All that it announces, addresses too, as one text: whoever says something else is asked again. */
  readonly said: string;
}

/** What a device has said of itself, and how long that holds. */
export interface Answer {
  readonly info: DiscoInfo;
  /** Aborts when the stream is gone on which it was said. */
  readonly closed: AbortSignal;
}

export interface NeighbourhoodDeps {
  /** Says when somebody came, went, or says something else. */
  readonly link: Pick<EventEmitter<{ changed: [] }>, 'on' | 'off'>;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** Who is announced now and may be of my network, but for this process. */
  neighbours(): readonly Neighbour[];
  /** Asks a device what it is, on a secured stream over the link. @throws XpmnError could not reach; `not-trusted` */
  ask(jid: Jid, signal: AbortSignal): Promise<Answer>;
}

/** A device that is announced, and asked. */
interface Asked {
  readonly jid: Jid;
  /** What it announced when it was last asked. */
  said: string;
  readonly question: Retry;
  /** Of the stream on which it has answered. */
  closed: AbortSignal | undefined;
  readonly onClosed: () => void;
}

/**
 * The devices of the network that are on the local link. An announcement proves nothing: a device counts as there when it
 * has proven itself on a secured stream, and has said what it can do. When that stream ends it has to do so again:
 * announcements outlive those who die without a word. Whoever is announced and does not answer is asked for as long as it
 * is, less and less often.
 */
export class Neighbourhood extends EventEmitter<{ changed: [] }> implements PeerDirectory {
  private readonly deps: NeighbourhoodDeps;
  private readonly options: RetryOptions;
  private readonly known = new Map<Jid, PeerPresence>();
  private readonly asked = new Map<Jid, Asked>();

  /** `options`: the pauses between questions to one device. */
  constructor(deps: NeighbourhoodDeps, options: RetryOptions) {
    super();
    this.deps = deps;
    this.options = options;
  }

  start(): void {
    this.deps.link.on('changed', this.look);
    this.look();
  }

  stop(): void {
    this.deps.link.off('changed', this.look);
    for (const one of this.asked.values()) leave(one);
    this.asked.clear();
  }

  all(): readonly PeerPresence[] {
    return [...this.known.values()];
  }

  find(jid: Jid): PeerPresence | undefined {
    return this.known.get(jid);
  }

  /** A list has changed: who is announced may be one of us now, or no more; and whoever had nothing to say to us may have now. */
  lookAgain(): void {
    this.look();
    for (const { jid, question } of this.asked.values()) if (!this.known.has(jid)) question.begin();
  }

  private readonly look = (): void => {
    const there = new Map(this.deps.neighbours().map((neighbour) => [neighbour.jid, neighbour]));
    for (const one of [...this.asked.values()]) if (!there.has(one.jid)) this.went(one);
    for (const { jid, said } of there.values()) {
      const before = this.asked.get(jid);
      if (before && before.said === said) continue;
      const one = before ?? this.meet(jid, said);
      one.said = said;
      one.question.begin();
    }
  };

  private meet(jid: Jid, said: string): Asked {
    const { clock, tasks, log } = this.deps;
    const failed = (error: unknown): void => {
      log.debug('a device on the link does not say what it can do', { jid, error });
      this.forget(jid);
    };
    const question = new Retry({ clock, tasks, failed }, this.options, async (signal) => this.learnt(one, await this.deps.ask(jid, signal)));
    const one: Asked = { jid, said, question, closed: undefined, onClosed: () => question.begin() };
    this.asked.set(jid, one);
    return one;
  }

  private learnt(one: Asked, { info: { identities, features }, closed }: Answer): void {
    const { jid } = one;
    if (this.asked.get(jid) !== one) return;
    this.known.set(jid, { jid, name: identities[0]?.name, features: new Set(features) });
    this.emit('changed');
    // Asked again on the same stream, it is heard once all the same.
    if (one.closed !== closed) {
      one.closed?.removeEventListener('abort', one.onClosed);
      one.closed = closed;
      closed.addEventListener('abort', one.onClosed, { once: true });
    }
    if (closed.aborted) one.onClosed();
  }

  private went(one: Asked): void {
    this.asked.delete(one.jid);
    leave(one);
    this.forget(one.jid);
  }

  private forget(jid: Jid): void {
    if (this.known.delete(jid)) this.emit('changed');
  }
}

function leave({ question, closed, onClosed }: Asked): void {
  question.stop();
  closed?.removeEventListener('abort', onClosed);
}

/** Several directories as one; what the first of them knows counts. */
export class Directories extends EventEmitter<{ changed: [] }> implements PeerDirectory {
  private readonly parts: readonly PeerDirectory[];

  constructor(...parts: readonly PeerDirectory[]) {
    super();
    this.parts = parts;
    for (const part of parts) part.on('changed', () => this.emit('changed'));
  }

  all(): readonly PeerPresence[] {
    const known = new Map<Jid, PeerPresence>();
    for (const part of this.parts) for (const presence of part.all()) if (!known.has(presence.jid)) known.set(presence.jid, presence);
    return [...known.values()];
  }

  find(jid: Jid): PeerPresence | undefined {
    for (const part of this.parts) {
      const found = part.find(jid);
      if (found) return found;
    }
    return undefined;
  }
}
