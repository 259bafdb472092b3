import { EventEmitter } from 'node:events';
import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Retry } from '../kernel/retry.ts';
import type { RetryOptions } from '../kernel/retry.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { XmlElement } from '../model/xml.ts';
import { CapsCache } from '../xmpp/caps.ts';
import type { CapsCacheOptions } from '../xmpp/caps.ts';
import type { DiscoInfo } from '../xmpp/disco.ts';
import { PresenceTracker } from '../xmpp/presence.ts';
import type { Presence } from '../xmpp/presence.ts';
import type { PeerDirectory, PeerPresence } from './peer-directory.ts';

export interface DirectoryLimits extends CapsCacheOptions {
  /** Resources that are remembered. */
  readonly resources: number;
  /** Pauses between questions to one device. */
  readonly questions: RetryOptions;
}

export interface PresenceDirectoryDeps {
  readonly device: Device;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  readonly clock: Clock;
  /** Whether an account can have devices that we have to do with. */
  mayConcernUs(account: Jid): boolean;
}

interface Events {
  changed: [];
  /** The server says that it is gone. */
  gone: [jid: Jid];
}

/**
 * The devices that are there, by presence; what they offer is asked once for each hash of capabilities, and of who does not
 * answer for as long as it is there, less and less often. Anybody may send us presence: strangers' is not looked at, so that
 * it takes no room and is told nothing.
 */
export class PresenceDirectory extends EventEmitter<Events> implements PeerDirectory {
  private readonly deps: PresenceDirectoryDeps;
  private readonly limits: DirectoryLimits;
  private readonly tracker: PresenceTracker;
  private readonly caps: CapsCache;
  private readonly known = new Map<Jid, PeerPresence>();
  private readonly questions = new Map<Jid, Retry>();

  constructor(deps: PresenceDirectoryDeps, limits: DirectoryLimits) {
    super();
    const { device } = deps;
    this.deps = deps;
    this.limits = limits;
    this.tracker = new PresenceTracker(device.jid, limits);
    this.caps = new CapsCache(limits);
    this.tracker.on('available', ({ jid }) => this.came(jid));
    this.tracker.on('unavailable', (jid) => this.went(jid));
    device.connection?.on('stanza', (stanza) => this.received(stanza));
    device.connection?.on('stateChanged', (state) => {
      if (state !== 'online') this.forget();
    });
  }

  all(): readonly PeerPresence[] {
    return [...this.known.values()];
  }

  find(jid: Jid): PeerPresence | undefined {
    return this.known.get(jid);
  }

  /** A list has changed: whoever had nothing to say to us may have now. */
  lookAgain(): void {
    for (const [jid, question] of this.questions) if (!this.known.has(jid)) question.begin();
  }

  private received(stanza: XmlElement): void {
    const from = tryJid(stanza.attrs['from']);
    if (from && this.deps.mayConcernUs(bareJid(from))) this.tracker.received(stanza);
  }

  /** Without the server nobody is seen. That says nothing of whoever is reached on a path of its own. */
  private forget(): void {
    this.tracker.clear();
    for (const jid of [...this.questions.keys()]) this.leave(jid);
    if (this.known.size === 0) return;
    this.known.clear();
    this.emit('changed');
  }

  private came(jid: Jid): void {
    const { device: { connection }, tasks, clock, log } = this.deps;
    if (!connection) return;
    const failed = (error: unknown): void => log.debug('a device does not say what it can do', { jid, error });
    const question = this.questions.get(jid) ?? new Retry({ clock, tasks, failed }, this.limits.questions, async (signal) => {
      const presence = this.tracker.get(jid);
      if (presence) this.learnt(presence, await this.caps.infoOf(connection.channel, jid, presence.caps, { signal }));
    });
    this.questions.set(jid, question);
    question.begin();
  }

  private learnt(presence: Presence, info: DiscoInfo): void {
    // It may have gone, or said something newer, while it was asked.
    if (this.tracker.get(presence.jid) !== presence) return;
    const { jid } = presence;
    this.known.set(jid, { jid, name: info.identities[0]?.name, features: new Set(info.features) });
    this.emit('changed');
  }

  private leave(jid: Jid): void {
    this.questions.get(jid)?.stop();
    this.questions.delete(jid);
  }

  private went(jid: Jid): void {
    this.leave(jid);
    this.known.delete(jid);
    this.emit('gone', jid);
    this.emit('changed');
  }
}
