import { EventEmitter } from 'node:events';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { sleep } from '../kernel/tasks.ts';
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

export interface NeighbourhoodOptions {
  /** Times that a device is asked what it can do, and milliseconds between, longer each time. */
  readonly questions: number;
  readonly questionInterval: number;
}

/**
 * The devices of the network that are on the local link. An announcement proves nothing: a device counts as there when it
 * has proven itself on a secured stream, and has said what it can do. When that stream ends it has to do so again:
 * announcements outlive those who die without a word.
 */
export class Neighbourhood extends EventEmitter<{ changed: [] }> implements PeerDirectory {
  private readonly deps: NeighbourhoodDeps;
  private readonly options: NeighbourhoodOptions;
  private readonly known = new Map<Jid, PeerPresence>();
  /** Who has been asked, or is being asked, and what it announced then. */
  private readonly asked = new Map<Jid, Neighbour>();
  private isOver = false;

  constructor(deps: NeighbourhoodDeps, options: NeighbourhoodOptions) {
    super();
    this.deps = deps;
    this.options = options;
  }

  start(): void {
    this.deps.link.on('changed', this.lookAgain);
    this.lookAgain();
  }

  stop(): void {
    this.isOver = true;
    this.deps.link.off('changed', this.lookAgain);
  }

  all(): readonly PeerPresence[] {
    return [...this.known.values()];
  }

  find(jid: Jid): PeerPresence | undefined {
    return this.known.get(jid);
  }

  /** Also when a list changes: who is announced may be one of us now, or no more. */
  readonly lookAgain = (): void => {
    const there = new Map(this.deps.neighbours().map((neighbour) => [neighbour.jid, neighbour]));
    for (const jid of [...this.asked.keys()]) if (!there.has(jid)) this.went(jid);
    for (const neighbour of there.values()) {
      const before = this.asked.get(neighbour.jid);
      if (before && before.said === neighbour.said) continue;
      this.asked.set(neighbour.jid, neighbour);
      this.deps.tasks.run((signal) => this.question(neighbour, signal));
    }
  };

  /** Whoever was there before, and is still announced, is asked for as long as it is; less and less often. */
  private async question(neighbour: Neighbour, signal: AbortSignal, attempts = this.options.questions): Promise<void> {
    const { clock, log } = this.deps;
    for (let attempt = 1; this.asked.get(neighbour.jid) === neighbour; attempt += 1) {
      try {
        this.learnt(neighbour, await this.deps.ask(neighbour.jid, signal));
        return;
      } catch (error) {
        log.debug('a device on the link does not say what it can do', { jid: neighbour.jid, error });
        if (this.asked.get(neighbour.jid) === neighbour) this.forget(neighbour.jid);
        if (attempt === attempts) return;
        await sleep(clock, this.options.questionInterval * attempt, signal);
      }
    }
  }

  private learnt(neighbour: Neighbour, { info: { identities, features }, closed }: Answer): void {
    const { jid } = neighbour;
    if (this.asked.get(jid) !== neighbour) return;
    this.known.set(jid, { jid, name: identities[0]?.name, features: new Set(features) });
    this.emit('changed');
    if (closed.aborted) this.doubt(neighbour);
    else closed.addEventListener('abort', () => this.doubt(neighbour), { once: true });
  }

  private doubt(neighbour: Neighbour): void {
    if (this.isOver || this.asked.get(neighbour.jid) !== neighbour) return;
    this.deps.tasks.run((signal) => this.question(neighbour, signal, Infinity));
  }

  private went(jid: Jid): void {
    this.asked.delete(jid);
    this.forget(jid);
  }

  private forget(jid: Jid): void {
    if (this.known.delete(jid)) this.emit('changed');
  }
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
