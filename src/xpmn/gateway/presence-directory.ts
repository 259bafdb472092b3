import { EventEmitter } from 'node:events';
import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { sleep } from '../kernel/tasks.ts';
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
  /** Times that a device is asked what it can do, and milliseconds between, longer each time. */
  readonly questions: number;
  readonly questionInterval: number;
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
 * The devices that are there, by presence; what they offer is asked once for each hash of capabilities. Anybody may send us
 * presence: strangers' is not looked at, so that it takes no room and is told nothing.
 */
export class PresenceDirectory extends EventEmitter<Events> implements PeerDirectory {
  private readonly deps: PresenceDirectoryDeps;
  private readonly limits: DirectoryLimits;
  private readonly tracker: PresenceTracker;
  private readonly caps: CapsCache;
  private readonly known = new Map<Jid, PeerPresence>();

  constructor(deps: PresenceDirectoryDeps, limits: DirectoryLimits) {
    super();
    const { device } = deps;
    this.deps = deps;
    this.limits = limits;
    this.tracker = new PresenceTracker(device.jid, limits);
    this.caps = new CapsCache(limits);
    this.tracker.on('available', (presence) => this.came(presence));
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

  private received(stanza: XmlElement): void {
    const from = tryJid(stanza.attrs['from']);
    if (from && this.deps.mayConcernUs(bareJid(from))) this.tracker.received(stanza);
  }

  /** Without the server nobody is seen. That says nothing of whoever is reached on a path of its own. */
  private forget(): void {
    this.tracker.clear();
    if (this.known.size === 0) return;
    this.known.clear();
    this.emit('changed');
  }

  private came(presence: Presence): void {
    const { device: { connection }, tasks, clock, log } = this.deps;
    if (!connection) return;
    tasks.run(async (signal) => {
      for (let attempt = 1; this.tracker.get(presence.jid) === presence; attempt += 1) {
        try {
          this.learnt(presence, await this.caps.infoOf(connection.channel, presence.jid, presence.caps, { signal }));
          return;
        } catch (error) {
          log.debug('a device does not say what it can do', { jid: presence.jid, error });
          if (attempt === this.limits.questions) return;
          await sleep(clock, this.limits.questionInterval * attempt, signal);
        }
      }
    });
  }

  private learnt(presence: Presence, info: DiscoInfo): void {
    // It may have gone, or said something newer, while it was asked.
    if (this.tracker.get(presence.jid) !== presence) return;
    const { jid } = presence;
    this.known.set(jid, { jid, name: info.identities[0]?.name, features: new Set(info.features) });
    this.emit('changed');
  }

  private went(jid: Jid): void {
    this.known.delete(jid);
    this.emit('gone', jid);
    this.emit('changed');
  }
}
