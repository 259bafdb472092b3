import http from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { MediaReference } from '../model/media-uri.ts';
import type { MediaEntity, RangeRequest } from '../ports/media-source.ts';
import type { RemoteTransfer } from '../profiles/transfer-controller.ts';
import { ifNoneMatchHits, ifRangeHolds, parseRange } from './http-range.ts';
import { writeFailure, writeMediaHead } from './http-answer.ts';
import { MediaTickets } from './media-tickets.ts';
import type { Ticket, TicketOptions } from './media-tickets.ts';
import { ResponseSink } from './response-sink.ts';
import { ResumingTransfer } from './resuming-transfer.ts';
import type { ResumeOptions } from './resuming-transfer.ts';

export interface MediaPortOptions extends TicketOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Requests in progress at one time, in all and for one item. */
  readonly requests: number;
  readonly requestsPerItem: number;
  /** Milliseconds for the headers of a request. */
  readonly headersTimeout: number;
  /** Milliseconds a player's connection is kept between requests. */
  readonly keepAliveTimeout: number;
  /** Milliseconds that what is known of an entity answers HEAD and conditions without asking its device. */
  readonly entityLifetime: number;
  readonly resume: ResumeOptions;
}

/** Begins a transfer of an item, on whatever device it lies. */
export type OpenItem = (
  reference: MediaReference,
  request: { readonly range: RangeRequest | undefined; readonly ifMatch: string | undefined },
  options: { readonly signal: AbortSignal },
) => Promise<RemoteTransfer>;

export interface MediaPortDeps {
  readonly openItem: OpenItem;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The local media port: items of the media network as plain HTTP, for any player. */
export class MediaPort {
  private readonly deps: MediaPortDeps;
  private readonly options: MediaPortOptions;
  private readonly tickets: MediaTickets;
  private readonly entities = new Map<string, { entity: MediaEntity; until: number }>();
  private readonly busy = new Map<string, number>();
  private server: Server | undefined;
  private total = 0;

  constructor(deps: MediaPortDeps, options: MediaPortOptions) {
    this.deps = deps;
    this.options = options;
    this.tickets = new MediaTickets(deps, options);
  }

  /** @throws XpmnError `bad-configuration` if the address can't be had */
  async start(): Promise<void> {
    const { headersTimeout, keepAliveTimeout } = this.options;
    const server = http.createServer({ noDelay: true, headersTimeout, keepAliveTimeout, requestTimeout: headersTimeout }, (request, response) => {
      this.serve(request, response).catch((error: unknown) => this.failed(response, asXpmnError(error)));
    });
    // A paused film holds its connection for hours: only reading a request has a time limit.
    server.timeout = 0;
    server.maxConnections = this.options.requests * 2;
    server.listen({ host: this.options.host, port: this.options.port });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new XpmnError('bad-configuration', `The media port ${this.options.host}:${this.options.port} can't be opened.`, { cause: error });
    }
    // A connection that can't be accepted, for want of descriptors, is no reason to end.
    server.on('error', (error) => this.deps.log.warn('the media port failed', { error: error.message }));
    this.server = server;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  get address(): { readonly host: string; readonly port: number } | undefined {
    const address = this.server?.address() as AddressInfo | null | undefined;
    return address ? { host: address.address, port: address.port } : undefined;
  }

  /** A URL for an item that any player on this machine can open; asks the item's device what it is. */
  async issue(reference: MediaReference, { signal }: { readonly signal: AbortSignal }): Promise<{ url: string; expires: number; entity: MediaEntity }> {
    const { address } = this;
    if (!address) throw new XpmnError('not-running', 'The media port is not open.');
    const entity = await this.ask(reference, signal);
    const ticket = this.tickets.issue(reference, entity.type);
    this.remember(ticket, entity);
    return { url: `http://${formatAuthority(address)}${ticket.path}`, expires: this.tickets.expiry, entity };
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ticket = this.tickets.atPath(request.url ?? '');
    if (!ticket) {
      writeFailure(response, new XpmnError('not-found', 'There is no such item.'));
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
      return;
    }
    const gone = goneSignal(response);
    const answer = request.method === 'HEAD' ? this.head : this.get;
    await this.limited(ticket, () => answer.call(this, ticket, request, response, gone));
  }

  /** Players tell their users little: why something could not be played is found here. */
  private failed(response: ServerResponse, error: XpmnError): void {
    if (error.code !== 'aborted') this.deps.log.info('an item could not be delivered', { code: error.code, error });
    writeFailure(response, error);
  }

  private async head(ticket: Ticket, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const entity = await this.entity(ticket, signal);
    if (ifNoneMatchHits(request.headers['if-none-match'], entity.etag)) response.writeHead(304).end();
    else {
      writeMediaHead(response, entity, entity.size ? { from: 0, to: entity.size - 1 } : undefined, false);
      response.end();
    }
  }

  private async get(ticket: Ticket, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { headers } = request;
    let range = parseRange(headers.range);
    if (headers['if-range'] !== undefined || headers['if-none-match'] !== undefined) {
      const { etag } = await this.entity(ticket, signal);
      if (ifNoneMatchHits(headers['if-none-match'], etag)) {
        response.writeHead(304).end();
        return;
      }
      if (!ifRangeHolds(headers['if-range'] as string | undefined, etag)) range = undefined;
    }
    const open = (wanted: { range: RangeRequest | undefined; ifMatch: string | undefined }, abort: AbortSignal): Promise<RemoteTransfer> =>
      this.deps.openItem(ticket.reference, wanted, { signal: abort });
    const transfer = new ResumingTransfer(await open({ range, ifMatch: undefined }, signal), { clock: this.deps.clock, open }, this.options.resume);
    try {
      this.remember(ticket, transfer.entity);
      // The entity may be live, or empty: then there is no range to speak of, and the answer is a plain one.
      writeMediaHead(response, transfer.entity, transfer.range, range !== undefined && transfer.range !== undefined);
      await deliver(transfer, response, signal);
    } finally {
      transfer.cancel();
    }
  }

  /** What the item is, without its bytes; remembered, so that HEAD does not wake a device each time. */
  private async entity(ticket: Ticket, signal: AbortSignal): Promise<MediaEntity> {
    const known = this.entities.get(ticket.path);
    if (known && known.until > this.deps.clock.now()) return known.entity;
    const entity = await this.ask(ticket.reference, signal);
    this.remember(ticket, entity);
    return entity;
  }

  private async ask(reference: MediaReference, signal: AbortSignal): Promise<MediaEntity> {
    const open = (range: RangeRequest | undefined): Promise<RemoteTransfer> => this.deps.openItem(reference, { range, ifMatch: undefined }, { signal });
    const transfer = await open({ from: 0, to: 0 }).catch((error: unknown) => {
      // A live source has no size, and so no ranges.
      if (error instanceof XpmnError && error.code === 'range-not-satisfiable' && error.details['size'] === undefined) return open(undefined);
      throw error;
    });
    transfer.abort();
    return transfer.entity;
  }

  private remember(ticket: Ticket, entity: MediaEntity): void {
    this.entities.delete(ticket.path);
    this.entities.set(ticket.path, { entity, until: this.deps.clock.now() + this.options.entityLifetime });
    if (this.entities.size > this.options.tickets) this.entities.delete(this.entities.keys().next().value as string);
  }

  private async limited(ticket: Ticket, work: () => Promise<void>): Promise<void> {
    const ofItem = this.busy.get(ticket.path) ?? 0;
    if (this.total >= this.options.requests || ofItem >= this.options.requestsPerItem) {
      throw new XpmnError('resource-limit', 'Too many requests at a time.');
    }
    this.total += 1;
    this.busy.set(ticket.path, ofItem + 1);
    try {
      await work();
    } finally {
      this.total -= 1;
      const left = (this.busy.get(ticket.path) ?? 1) - 1;
      if (left > 0) this.busy.set(ticket.path, left);
      else this.busy.delete(ticket.path);
    }
  }
}

/** Resolves when the last byte was handed over, or the player has gone. A failure breaks the connection: no player mistakes it for the end. */
function deliver(transfer: ResumingTransfer, response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      transfer.cancel();
      resolve();
    };
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    transfer.receive(
      new ResponseSink(response, { consumed: (count) => transfer.consumed(count), ended: resolve, failed: reject }),
    );
  });
}

/** `host:port`, as in a URL. */
export function formatAuthority({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Aborts when the player has closed its connection before the answer was complete. */
function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('error', () => undefined);
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new XpmnError('aborted', 'The player has gone.'));
  });
  return controller.signal;
}
