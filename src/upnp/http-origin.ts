import type { Clock, Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortable, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { Lease, MediaEntity, MediaSource, OpenMedia, RangeRequest } from '../xpmn/ports/media-source.ts';
import { contentLength, sizeOfUnsatisfied } from './http-head.ts';
import type { HttpHead } from './http-head.ts';
import { checkContent, checkStatus, entityOf, isEmptyAnyway, placeOf } from './origin-answer.ts';
import type { OriginConnection } from './origin-connection.ts';
import { OriginExchange, abortWith } from './origin-exchange.ts';
import type { OriginPool } from './origin-pool.ts';
import type { OriginRequest } from './origin-port.ts';

export interface HttpOriginOptions {
  readonly redirects: number;
  /** Milliseconds for connecting and the head. */
  readonly answerTimeout: number;
  /** Milliseconds without a byte while we are ready to read. */
  readonly stallTimeout: number;
  readonly headBytes: number;
}

interface Answer {
  readonly head: HttpHead;
  readonly exchange: OriginExchange;
  readonly connection: OriginConnection;
}

/** The bytes of an item on a media server, over plain HTTP. Nothing is asked for before it is opened. */
export function createHttpOrigin(deps: { readonly pool: OriginPool; readonly clock: Clock }, options: HttpOriginOptions, origin: OriginRequest): MediaSource {
  async function ask(method: 'GET' | 'HEAD', range: RangeRequest | undefined, signal: AbortSignal): Promise<Answer> {
    let { url } = origin;
    for (let hops = 0; ; hops += 1) {
      const answer = await askOnce(method, url, range, signal);
      if (!REDIRECTS.includes(answer.head.status)) return answer;
      answer.connection.destroy();
      url = allowed(targetOf(answer.head, url), origin.allowedHosts);
      if (hops >= options.redirects) throw new XpmnError('origin-broken', 'The media server redirects in circles.');
    }
  }

  async function askOnce(method: 'GET' | 'HEAD', url: URL, range: RangeRequest | undefined, signal: AbortSignal): Promise<Answer> {
    throwIfAborted(signal);
    const { connection, reused } = deps.pool.take(url);
    const exchange = new OriginExchange(connection, options.headBytes);
    const release = abortWith(exchange, signal);
    const timer = deps.clock.after(options.answerTimeout, () => exchange.destroy(new XpmnError('origin-unreachable', 'The media server does not answer.')));
    try {
      return { head: await exchange.ask(requestText(method, url, range)), exchange, connection };
    } catch (error) {
      // A kept connection may have been closed by the origin in the meantime: that alone is worth a second try.
      if (reused && exchange.wasDead && !signal.aborted) return await askOnce(method, url, range, signal);
      throw error;
    } finally {
      timer.cancel();
      release();
    }
  }

  async function probe({ signal }: { readonly signal: AbortSignal }): Promise<MediaEntity> {
    const answer = await ask('HEAD', undefined, signal);
    answer.exchange.finishWithoutBody();
    answer.connection.destroy();
    const size = contentLength(answer.head);
    if (answer.head.status === 405 || answer.head.status === 501 || (answer.head.status === 200 && size === undefined)) {
      // COMPAT(origins without HEAD, or that tell no length there): the first byte tells the same.
      const opened = await open({ range: { from: 0, to: 0 }, signal });
      opened.close();
      return opened.entity;
    }
    checkStatus(answer.head);
    checkContent(answer.head, origin);
    return entityOf(origin, answer.head, size);
  }

  async function open({ range, signal }: { readonly range?: RangeRequest | undefined; readonly signal: AbortSignal }): Promise<OpenMedia> {
    // The whole is asked for as a range, too: a chunked answer tells its size only so.
    let answer = await ask('GET', range ?? { from: 0 }, signal);
    if (answer.head.status === 416 && !range && sizeOfUnsatisfied(answer.head.headers['content-range']) !== 0) {
      answer.connection.destroy();
      answer = await ask('GET', undefined, signal);
    }
    try {
      return openAnswer(answer, range);
    } catch (error) {
      answer.connection.destroy();
      if (isEmptyAnyway(error, range)) return emptyMedia(entityOf(origin, answer.head, 0));
      throw error;
    }
  }

  function openAnswer({ head, exchange, connection }: Answer, asked: RangeRequest | undefined): OpenMedia {
    checkStatus(head);
    checkContent(head, origin);
    const { size, bodyFrom, range } = placeOf(head, asked);
    return {
      entity: entityOf(origin, head, size),
      range,
      close: () => exchange.abandon(),
      async read(lease, { signal }) {
        const portion = { skip: (range?.from ?? 0) - bodyFrom, length: range ? range.to - range.from + 1 : size };
        await withWatchdog(exchange, deps.clock, options.stallTimeout, (watched) => exchange.read(watched(lease), portion), signal);
        if (exchange.reusable) deps.pool.give(connection);
        else connection.destroy();
      },
    };
  }

  return { open, probe };
}

/**
 * Fails a read that is starved: time counts only while the origin owes us bytes, never while the receiver keeps us
 * waiting (a paused film is not a fault).
 */
async function withWatchdog(
  exchange: OriginExchange,
  clock: Clock,
  delay: number,
  work: (watched: (lease: Lease) => Lease) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let timer: Timer | undefined;
  let over = false;
  const starved = (): void => exchange.destroy(new XpmnError('origin-unreachable', 'The media server stopped sending.'));
  const feed = (): void => {
    timer?.cancel();
    if (!over) timer = clock.after(delay, starved);
  };
  const watched = (lease: Lease): Lease => ({
    buffer: () => lease.buffer(),
    filled(count) {
      const wait = lease.filled(count);
      if (wait) timer?.cancel();
      return wait?.then(feed);
    },
  });
  exchange.onProgress = feed;
  const release = abortWith(exchange, signal);
  feed();
  try {
    await abortable(work(watched), signal);
  } finally {
    over = true;
    exchange.onProgress = () => undefined;
    timer?.cancel();
    release();
  }
}

function requestText(method: string, url: URL, range: RangeRequest | undefined): string {
  const header = range === undefined ? '' : 'last' in range ? `Range: bytes=-${range.last}\r\n` : `Range: bytes=${range.from}-${range.to ?? ''}\r\n`;
  // The address as Host, never a name of ours: minidlna answers 404 to names.
  return `${method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n${header}Accept-Encoding: identity\r\nUser-Agent: xpmn-gateway UPnP/1.0 DLNADOC/1.50\r\n\r\n`;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

function targetOf(head: HttpHead, base: URL): URL {
  const { location } = head.headers;
  if (location === undefined || !URL.canParse(location, base.href)) throw new XpmnError('origin-broken', 'The media server redirects to nowhere.');
  return new URL(location, base.href);
}

/** SECURITY: a redirect must not lead the gateway to other machines of the LAN, or to itself. */
function allowed(url: URL, hosts: readonly string[]): URL {
  if (url.protocol !== 'http:' || !hosts.includes(url.hostname)) throw new XpmnError('not-allowed', 'The media server points to another host.');
  return url;
}

function emptyMedia(entity: MediaEntity): OpenMedia {
  return { entity, range: undefined, read: () => Promise.resolve(), close: () => undefined };
}
