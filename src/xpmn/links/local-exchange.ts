import { XpmnError } from '../kernel/errors.ts';
import type { Random } from '../kernel/clock.ts';
import { createInProcessPair } from '../jingle/security/in-process.ts';
import type { InProcessOptions } from '../jingle/security/in-process.ts';
import type { ListedPeer } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { ApplicationMethod, OpenApplication } from '../ports/application.ts';
import type { ByteSession, Dialer, Opened, SecuredChannel } from './dialer.ts';

/** One device of this process, as the others in it see it. */
export interface LocalEndpoint {
  /** Who it is, as the acceptance function sees it. */
  readonly identity: ListedPeer;
  readonly channelMethod: ApplicationMethod<SecuredChannel>;
  readonly bytesMethod: ApplicationMethod<ByteSession>;
  /** Another device of the process has opened something to it. */
  onChannel(peer: Jid, opened: Opened<SecuredChannel>): void;
  onBytes(peer: Jid, opened: Opened<ByteSession>): void;
}

/** Devices of one process reach each other without a server: over streams that never leave it. */
export class LocalExchange {
  private readonly random: Random;
  private readonly options: InProcessOptions;
  private readonly endpoints = new Map<Jid, LocalEndpoint>();

  constructor({ random }: { readonly random: Random }, options: InProcessOptions) {
    this.random = random;
    this.options = options;
  }

  add(endpoint: LocalEndpoint): void {
    this.endpoints.set(endpoint.identity.jid, endpoint);
  }

  remove(jid: Jid): void {
    this.endpoints.delete(jid);
  }

  has(jid: Jid): boolean {
    return this.endpoints.has(jid);
  }

  /** How `own` reaches the others. */
  dialerFor(own: LocalEndpoint): Dialer {
    return {
      reaches: (peer) => this.has(peer),
      openChannel: async (peer, { signal }) => {
        const other = this.find(peer);
        const [ours, theirs] = await this.open(own, other, ({ channelMethod }) => channelMethod, signal);
        other.onChannel(own.identity.jid, { application: theirs, path: 'in-process' });
        return { application: ours, path: 'in-process' };
      },
      upgradeChannel: () => Promise.resolve(undefined),
      waysToBytes: (peer) => [async ({ signal }) => {
        const other = this.find(peer);
        const [ours, theirs] = await this.open(own, other, ({ bytesMethod }) => bytesMethod, signal);
        other.onBytes(own.identity.jid, { application: theirs, path: 'in-process' });
        return { application: ours, path: 'in-process' };
      }],
    };
  }

  private find(peer: Jid): LocalEndpoint {
    const endpoint = this.endpoints.get(peer);
    if (!endpoint) throw new XpmnError('peer-unavailable', 'The device is not here any more.');
    return endpoint;
  }

  private async open<T extends OpenApplication>(
    own: LocalEndpoint,
    other: LocalEndpoint,
    methodOf: (endpoint: LocalEndpoint) => ApplicationMethod<T>,
    signal: AbortSignal,
  ): Promise<[T, T]> {
    const pair = createInProcessPair({ random: this.random }, { initiator: own.identity, responder: other.identity }, this.options);
    const [near, far] = [methodOf(own), methodOf(other)];
    return Promise.all([near.open(pair.initiator, far.describe(), { signal }), far.open(pair.responder, near.describe(), { signal })]);
  }
}
