import { EventEmitter } from 'node:events';
import { bareJid, isFullJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { childText, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import { formatCaps, parseCaps } from './caps.ts';
import type { Caps } from './caps.ts';
import { NS_CLIENT, presence } from './stanza.ts';

/** Devices never take messages that are meant for a person: their priority is negative (RFC 6121 §8.5.2.1.1). */
const PRIORITY = '-1';

/** Without caps: somebody who is only looking. */
export function availablePresence(caps: Caps | undefined, { to }: { readonly to?: Jid } = {}): XmlElement {
  return presence({ to }, xml('priority', NS_CLIENT, {}, PRIORITY), ...(caps ? [formatCaps(caps)] : []));
}

export function unavailablePresence({ to }: { readonly to?: Jid } = {}): XmlElement {
  return presence({ type: 'unavailable', to });
}

/** Asks for, grants, refuses or ends the right to see presence (RFC 6121 §3). */
export function subscriptionPresence(type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed', to: Jid): XmlElement {
  return presence({ type, to: bareJid(to) });
}

/** Somebody's resource that is there. */
export interface Presence {
  readonly jid: Jid;
  readonly caps: Caps | undefined;
  readonly priority: number;
}

export interface PresenceEvents {
  /** A resource came, or says something new of itself. */
  available: [presence: Presence];
  unavailable: [jid: Jid];
  /** A contact asks to see us, or grants or refuses. `from` is a bare JID. */
  subscription: [type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed', from: Jid];
}

export interface PresenceTrackerOptions {
  /** Resources known at one time; more are not taken up. */
  readonly resources: number;
}

/**
 * Who is there, as the server says: the account's other resources and its contacts'. A server can lie about it; nothing
 * but where to look for a device rests on it.
 *
 * @spec RFC 6121 §4
 */
export class PresenceTracker extends EventEmitter<PresenceEvents> {
  private readonly own: Jid;
  private readonly options: PresenceTrackerOptions;
  private readonly there = new Map<Jid, Presence>();

  /** `own` is the full JID of this device, which is not tracked. */
  constructor(own: Jid, options: PresenceTrackerOptions) {
    super();
    this.own = own;
    this.options = options;
  }

  /** Takes a presence stanza of the server. */
  received(stanza: XmlElement): void {
    const from = tryJid(stanza.attrs['from']);
    if (stanza.name !== 'presence' || from === undefined || from === this.own) return;
    const { type } = stanza.attrs;
    if (type === undefined) this.came(from, stanza);
    else if (type === 'unavailable' || type === 'error') this.went(from);
    else if (type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed') {
      this.emit('subscription', type, bareJid(from));
    }
  }

  /** Resources of an account that are there. */
  of(account: Jid): Presence[] {
    const bare = bareJid(account);
    return [...this.there.values()].filter(({ jid }) => bareJid(jid) === bare);
  }

  /** The resource, if it is there. */
  get(jid: Jid): Presence | undefined {
    return this.there.get(jid);
  }

  /** The connection is lost: nobody is known to be there, and nobody to be gone. There is no event. */
  clear(): void {
    this.there.clear();
  }

  private came(jid: Jid, stanza: XmlElement): void {
    // Only resources are there; a bare JID says nothing of any device.
    if (!isFullJid(jid) || (!this.there.has(jid) && this.there.size >= this.options.resources)) return;
    const said = Number(childText(stanza, 'priority', NS_CLIENT) ?? '0');
    const priority = Number.isInteger(said) && said >= -128 && said <= 127 ? said : 0;
    const now: Presence = { jid, caps: parseCaps(stanza), priority };
    this.there.set(jid, now);
    this.emit('available', now);
  }

  /** From a bare JID (an error of a remote server, mostly) all its resources are gone. */
  private went(from: Jid): void {
    if (isFullJid(from)) this.leave(from);
    else for (const { jid } of this.of(from)) this.leave(jid);
  }

  private leave(jid: Jid): void {
    if (this.there.delete(jid)) this.emit('unavailable', jid);
  }
}
