import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { MediaEntity } from '../ports/media-source.ts';
import { asksForTime, dlnaHeaders } from './dlna.ts';
import { servedType } from './feed-profile.ts';
import { writeFailure, writeMediaHead } from './http-answer.ts';
import type { AnswerStyle } from './http-answer.ts';
import { isOwnHost } from './http-host.ts';
import { ifNoneMatchHits, ifRangeHolds, parseRange } from './http-range.ts';
import type { MediaTickets, Ticket } from './media-tickets.ts';
import type { ReadAhead } from './read-ahead.ts';
import { ResponseSink } from './response-sink.ts';
import { ResumingTransfer } from './resuming-transfer.ts';
import type { ResumeOptions } from './resuming-transfer.ts';

export interface MediaAnswersOptions {
  /** Requests in progress at one time, in all and for one item. */
  readonly requests: number;
  readonly requestsPerItem: number;
  readonly resume: ResumeOptions;
}

export interface MediaAnswersDeps {
  readonly tickets: MediaTickets;
  readonly transfers: ReadAhead;
  /** What an item is, without its bytes. */
  entity(ticket: Ticket, signal: AbortSignal): Promise<MediaEntity>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What players are answered. */
export class MediaAnswers {
  private readonly deps: MediaAnswersDeps;
  private readonly options: MediaAnswersOptions;
  private readonly busy = new Map<string, number>();
  private total = 0;

  constructor(deps: MediaAnswersDeps, options: MediaAnswersOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** One request, at that door; never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse, door: string | undefined): Promise<void> {
    try {
      await this.answer(request, response, door);
    } catch (error) {
      this.failed(response, asXpmnError(error));
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse, door: string | undefined): Promise<void> {
    if (!isOwnHost(request.headers.host)) throw new XpmnError('not-allowed', 'The media port was asked by a name.');
    const ticket = this.deps.tickets.atPath(request.url ?? '', door);
    if (!ticket) {
      writeFailure(response, new XpmnError('not-found', 'There is no such item.'));
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
      return;
    }
    if (asksForTime(request.headers)) {
      writeFailure(response, new XpmnError('not-acceptable', 'Places in a file are known by bytes only.'));
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
    const entity = await this.deps.entity(ticket, signal);
    if (ifNoneMatchHits(request.headers['if-none-match'], entity.etag)) response.writeHead(304).end();
    else {
      writeMediaHead(response, entity, entity.size ? { from: 0, to: entity.size - 1 } : undefined, false, styleFor(ticket, request, entity));
      response.end();
    }
  }

  private async get(ticket: Ticket, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { headers } = request;
    let range = parseRange(headers.range);
    if (headers['if-range'] !== undefined || headers['if-none-match'] !== undefined) {
      const { etag } = await this.deps.entity(ticket, signal);
      if (ifNoneMatchHits(headers['if-none-match'], etag)) {
        response.writeHead(304).end();
        return;
      }
      if (!ifRangeHolds(headers['if-range'] as string | undefined, etag)) range = undefined;
    }
    const open: ConstructorParameters<typeof ResumingTransfer>[1]['open'] = (wanted, abort) => this.deps.transfers.open(ticket.reference, wanted, abort);
    let transfer: ResumingTransfer | undefined;
    try {
      transfer = new ResumingTransfer(await open({ range, ifMatch: undefined }, signal), { clock: this.deps.clock, open }, this.options.resume);
      this.deps.tickets.note(ticket, undefined);
      // The entity may be live, or empty: then there is no range to speak of, and the answer is a plain one.
      writeMediaHead(response, transfer.entity, transfer.range, range !== undefined && transfer.range !== undefined, styleFor(ticket, request, transfer.entity));
      await deliver(transfer, response, signal);
      if (!signal.aborted) this.deps.tickets.note(ticket, undefined);
    } catch (thrown) {
      const error = asXpmnError(thrown);
      // One of several connections says nothing of what comes over the others.
      if (!isRequestsFault(error) && this.busy.get(ticket.path) === 1) this.deps.tickets.note(ticket, error);
      throw error;
    } finally {
      transfer?.cancel();
    }
  }

  private async limited(ticket: Ticket, work: () => Promise<void>): Promise<void> {
    const ofItem = this.busy.get(ticket.path) ?? 0;
    if (this.total >= this.options.requests || ofItem >= this.options.requestsPerItem) {
      throw new XpmnError('resource-limit', 'Too many requests at a time.');
    }
    this.total += 1;
    this.busy.set(ticket.path, ofItem + 1);
    const release = this.deps.tickets.hold(ticket);
    try {
      await work();
    } finally {
      release();
      this.total -= 1;
      const left = (this.busy.get(ticket.path) ?? 1) - 1;
      if (left > 0) this.busy.set(ticket.path, left);
      else this.busy.delete(ticket.path);
    }
  }
}

/** Says nothing of whether the item can be had. */
function isRequestsFault({ code }: XpmnError): boolean {
  return code === 'aborted' || code === 'range-not-satisfiable' || code === 'resource-limit';
}

function styleFor({ profile }: Ticket, { headers }: IncomingMessage, entity: MediaEntity): AnswerStyle {
  const type = servedType(entity.type, profile);
  return { type, length: profile.length, keepAlive: profile.keepAlive, headers: dlnaHeaders(headers, { type, size: entity.size }, { always: profile.dlnaAlways }) };
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

/** Aborts when the player has closed its connection before the answer was complete. */
function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('error', () => undefined);
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new XpmnError('aborted', 'The player has gone.'));
  });
  return controller.signal;
}
