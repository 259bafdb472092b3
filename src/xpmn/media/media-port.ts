import type { RequestListener } from 'node:http';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { addressScope } from '../kernel/ip-address.ts';
import { findLocalRoute } from '../kernel/local-route.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { FeedTarget } from '../ports/player-feed.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { contentFeatures } from './dlna.ts';
import { servedType } from './feed-profile.ts';
import { formatAuthority } from './http-host.ts';
import { LanListeners } from './lan-listeners.ts';
import type { LanListenersOptions } from './lan-listeners.ts';
import { MediaAnswers } from './media-answers.ts';
import type { MediaAnswersOptions } from './media-answers.ts';
import { MediaListener } from './media-listener.ts';
import type { Address, ListenerOptions } from './media-listener.ts';
import { MediaTickets } from './media-tickets.ts';
import type { TicketOptions } from './media-tickets.ts';
import { ReadAhead } from './read-ahead.ts';
import type { OpenItem, ReadAheadOptions } from './read-ahead.ts';

export interface MediaPortOptions extends TicketOptions, ListenerOptions, LanListenersOptions, MediaAnswersOptions {
  /** Where players of this machine come in. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Milliseconds that what is known of an entity answers HEAD and conditions without asking its device. */
  readonly entityLifetime: number;
  readonly readAhead: ReadAheadOptions;
}

export interface MediaPortDeps {
  readonly openItem: OpenItem;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly findRoute?: typeof findLocalRoute;
}

/** A URL for an item, and what its player will be told. */
export interface IssuedMedia {
  readonly url: string;
  /** When it would be forgotten if nobody used it, Unix ms. */
  readonly expires: number;
  readonly entity: MediaEntity;
  readonly mimeType: string;
  readonly contentFeatures: string;
  /** As `PlayerMedia.failure`. */
  readonly failure: () => XpmnError | undefined;
}

/** The local media port: items of the media network as plain HTTP, for any player of this machine, and for those of the LAN that were given one. */
export class MediaPort {
  private readonly deps: MediaPortDeps;
  private readonly options: MediaPortOptions;
  private readonly tickets: MediaTickets;
  private readonly transfers: ReadAhead;
  private readonly answers: MediaAnswers;
  private listener: MediaListener | undefined;
  private lan: LanListeners | undefined;

  constructor(deps: MediaPortDeps, options: MediaPortOptions) {
    const { clock, log } = deps;
    this.deps = deps;
    this.options = options;
    this.tickets = new MediaTickets(deps, options);
    this.transfers = new ReadAhead(deps, { ...options.readAhead, entityLifetime: options.entityLifetime, items: options.tickets });
    this.answers = new MediaAnswers({ tickets: this.tickets, transfers: this.transfers, clock, log, entity: ({ reference }, signal) => this.entity(reference, signal) }, options);
  }

  /** @throws XpmnError `bad-configuration` if the address can't be had */
  async start(): Promise<void> {
    const { host, port } = this.options;
    try {
      this.listener = await this.listen({ host, port }, undefined);
    } catch (error) {
      throw new XpmnError('bad-configuration', `The media port ${host}:${port} can't be opened.`, { cause: error });
    }
    this.lan = new LanListeners({
      clock: this.deps.clock,
      findRoute: this.deps.findRoute ?? findLocalRoute,
      open: (door, lanPort) => this.listen({ host: door, port: lanPort }, door),
      isNeeded: (door) => this.tickets.isOpen(door),
    }, this.options);
  }

  async stop(): Promise<void> {
    const { listener, lan } = this;
    this.listener = undefined;
    this.lan = undefined;
    await Promise.all([listener?.close(), lan?.close()]);
  }

  get address(): Address | undefined {
    return this.listener?.address;
  }

  /**
   * A URL for an item that `target` can open, or any player on this machine; asks the item's device what it is.
   * @throws XpmnError as the device could not be reached or refuses; `unreachable`, `resource-limit`, `bad-configuration` if a player on the
   * LAN can't be served
   */
  async issue(reference: MediaReference, { target, signal }: { readonly target?: FeedTarget | undefined; readonly signal: AbortSignal }): Promise<IssuedMedia> {
    if (!this.listener || !this.lan) throw new XpmnError('not-running', 'The media port is not open.');
    const entity = await this.ask(reference, signal);
    const { door, host, port } = await this.addressFor(target?.address, signal);
    const ticket = this.tickets.issue(reference, entity.type, { profile: target?.profile, door });
    const mimeType = servedType(entity.type, ticket.profile);
    return {
      url: `http://${formatAuthority({ host, port })}${ticket.path}`,
      expires: this.tickets.expiry,
      entity,
      mimeType,
      contentFeatures: contentFeatures({ type: mimeType, size: entity.size }),
      failure: () => ticket.failure,
    };
  }

  private listen(address: Address, door: string | undefined): Promise<MediaListener> {
    const listener: RequestListener = (request, response) => void this.answers.serve(request, response, door);
    return MediaListener.open(listener, { ...address, isShared: door !== undefined }, this.options, this.deps.log);
  }

  /** SECURITY: what is given out to players of this machine is not to be had by the others of the LAN: each has a door of its own. */
  private async addressFor(player: string | undefined, signal: AbortSignal): Promise<Address & { readonly door: string | undefined }> {
    const { listener, lan } = this;
    if (!listener || !lan) throw new XpmnError('not-running', 'The media port is not open.');
    if (player === undefined || addressScope(player) === 'loopback') return { door: undefined, ...listener.address };
    return lan.towards(player, { signal });
  }

  /** What the item is, without its bytes; remembered, so that HEAD does not wake a device each time. */
  private async entity(reference: MediaReference, signal: AbortSignal): Promise<MediaEntity> {
    return this.transfers.entities.find(reference) ?? this.ask(reference, signal);
  }

  private async ask(reference: MediaReference, signal: AbortSignal): Promise<MediaEntity> {
    const open = (range: RangeRequest | undefined): Promise<RemoteTransfer> => this.deps.openItem(reference, { range, ifMatch: undefined }, { signal });
    const transfer = await open({ from: 0, to: 0 }).catch((error: unknown) => {
      // A live source has no size, and so no ranges.
      if (error instanceof XpmnError && error.code === 'range-not-satisfiable' && error.details['size'] === undefined) return open(undefined);
      throw error;
    });
    transfer.abort();
    this.transfers.entities.note(reference, transfer.entity);
    return transfer.entity;
  }
}
