/**
 * Finds the stream that an in-band stanza is for. One per device; the stanzas may come over any of its channels.
 *
 * @spec XEP-0047 v2.0.1 §2.1, §2.2, §2.3
 */
import { XpmnError } from '../../kernel/errors.ts';
import type { Jid } from '../../model/jid.ts';
import type { IncomingIq, IqRegistry } from '../../ports/stanza-channel.ts';
import { NS_IBB, parseData, parseOpen, parseSid } from './ibb-codec.ts';
import type { IbbData, IbbTransport } from './ibb-codec.ts';

/** What takes the stanzas of one stream. What a method throws is the error answer. */
export interface IbbRoute {
  openReceived(open: IbbTransport): void;
  /** The block is acknowledged when this resolves: holding it back holds the sender back. */
  blockReceived(data: IbbData): Promise<void> | undefined;
  closeReceived(): void;
}

export class IbbRouter {
  private readonly routes = new Map<string, IbbRoute>();

  constructor(registry: IqRegistry) {
    const handle = (name: string, work: (iq: IncomingIq) => Promise<void> | undefined): void => {
      registry.handle({ ns: NS_IBB, name, type: 'set' }, async (iq) => {
        await work(iq);
        return undefined;
      });
    };
    handle('open', ({ from, payload }) => {
      const open = parseOpen(payload);
      this.find(from, open.sid).openReceived(open);
      return undefined;
    });
    handle('data', ({ from, payload }) => {
      const data = parseData(payload);
      return this.find(from, data.sid).blockReceived(data);
    });
    handle('close', ({ from, payload }) => {
      this.find(from, parseSid(payload)).closeReceived();
      return undefined;
    });
  }

  /** Streams that are routed. */
  get size(): number {
    return this.routes.size;
  }

  /** Routes `sid` of `peer` (full JID) until the returned function is called. @throws XpmnError `conflict` if it is taken */
  add(peer: Jid, sid: string, route: IbbRoute): () => void {
    const key = keyOf(peer, sid);
    if (this.routes.has(key)) throw new XpmnError('conflict', 'That in-band stream exists already.');
    this.routes.set(key, route);
    return () => {
      if (this.routes.get(key) === route) this.routes.delete(key);
    };
  }

  /** Only the peer's own full JID finds its streams: anyone else learns nothing and changes nothing. */
  private find(from: Jid, sid: string): IbbRoute {
    const route = this.routes.get(keyOf(from, sid));
    if (!route) throw new XpmnError('not-found', 'There is no such in-band stream.');
    return route;
  }
}

function keyOf(peer: Jid, sid: string): string {
  return JSON.stringify([peer, sid]);
}
