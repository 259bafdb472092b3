import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { ServerlessEndpoint } from './endpoint.ts';

/** The devices of this process on the local link: all behind one port, told apart by whom a stream is for. */
export class ServerlessEndpoints {
  private readonly byJid = new Map<Jid, ServerlessEndpoint>();
  private gateway: ServerlessEndpoint | undefined;

  /** `isGateway`: it answers where nobody is named. */
  add(endpoint: ServerlessEndpoint, { isGateway }: { readonly isGateway: boolean }): void {
    this.byJid.set(endpoint.local, endpoint);
    if (isGateway) this.gateway = endpoint;
  }

  remove(endpoint: ServerlessEndpoint): void {
    if (this.byJid.get(endpoint.local) === endpoint) this.byJid.delete(endpoint.local);
    if (this.gateway === endpoint) this.gateway = undefined;
  }

  /** Whom a stream to `to` reaches. The account's own name stands for its gateway, as does no name. */
  find(to: Jid | undefined): ServerlessEndpoint | undefined {
    const { gateway } = this;
    if (to === undefined || (gateway && to === bareJid(gateway.local))) return gateway;
    return this.byJid.get(to);
  }
}
