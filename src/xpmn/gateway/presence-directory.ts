import { EventEmitter } from 'node:events';
import type { Device } from '../device/device.ts';
import type { Logger } from '../kernel/log.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { CapsCache } from '../xmpp/caps.ts';
import { PresenceTracker } from '../xmpp/presence.ts';
import type { Presence } from '../xmpp/presence.ts';
import { bridgedIn } from './announcement.ts';
import type { PeerDirectory, PeerPresence } from './peer-directory.ts';

export interface DirectoryLimits {
  /** Resources, and what they can do, that are remembered. */
  readonly resources: number;
  readonly entries: number;
}

interface Events {
  changed: [];
  gone: [jid: Jid];
}

/** The devices that are there, by presence; what they offer is asked once for each hash of capabilities. */
export class PresenceDirectory extends EventEmitter<Events> implements PeerDirectory {
  private readonly device: Device;
  private readonly tasks: TaskGroup;
  private readonly log: Logger;
  private readonly tracker: PresenceTracker;
  private readonly caps: CapsCache;
  private readonly known = new Map<Jid, PeerPresence>();

  constructor({ device, tasks, log }: { readonly device: Device; readonly tasks: TaskGroup; readonly log: Logger }, limits: DirectoryLimits) {
    super();
    this.device = device;
    this.tasks = tasks;
    this.log = log;
    this.tracker = new PresenceTracker(device.jid, limits);
    this.caps = new CapsCache(limits);
    this.tracker.on('available', (presence) => this.came(presence));
    this.tracker.on('unavailable', (jid) => this.went(jid));
    device.connection?.on('stanza', (stanza) => this.tracker.received(stanza));
    device.connection?.on('stateChanged', (state) => {
      if (state !== 'online') this.tracker.clear();
    });
  }

  all(): readonly PeerPresence[] {
    return [...this.known.values()];
  }

  find(jid: Jid): PeerPresence | undefined {
    return this.known.get(jid);
  }

  private came(presence: Presence): void {
    const { connection } = this.device;
    if (!connection) return;
    this.tasks.run(async (signal) => {
      try {
        const info = await this.caps.infoOf(connection.channel, presence.jid, presence.caps, { signal });
        // It may have gone, or said something newer, while it was asked.
        if (this.tracker.get(presence.jid) !== presence) return;
        const { jid } = presence;
        this.known.set(jid, { jid, name: info.identities[0]?.name, features: new Set(info.features), bridged: bridgedIn(info.forms) });
        this.emit('changed');
      } catch (error) {
        this.log.debug('a device does not say what it can do', { jid: presence.jid, error });
      }
    });
  }

  private went(jid: Jid): void {
    this.known.delete(jid);
    this.emit('gone', jid);
    this.emit('changed');
  }
}
