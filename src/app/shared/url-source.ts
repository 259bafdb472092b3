import http from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import https from 'node:https';
import { checkContent, checkStatus, entityOf, isEmptyAnyway, placeOf } from '../../upnp/origin-answer.ts';
import { sizeOfUnsatisfied } from '../../upnp/http-head.ts';
import type { HttpHead } from '../../upnp/http-head.ts';
import type { Clock } from '../../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import { throwIfAborted, withDeadline } from '../../xpmn/kernel/tasks.ts';
import type { MediaEntity, MediaSource, OpenMedia, RangeRequest } from '../../xpmn/ports/media-source.ts';
import { assertMayConnect, guardedLookup } from './guarded-lookup.ts';
import type { MayConnect, Resolve } from './guarded-lookup.ts';
import { OpenBody } from './open-body.ts';

export interface UrlSourceOptions {
  readonly redirects: number;
  /** Milliseconds for connecting and the head. */
  readonly answerTimeout: number;
  /** Milliseconds without a byte while we are ready to read. */
  readonly stallTimeout: number;
}

export interface UrlSourceDeps {
  readonly clock: Clock;
  /** Asked for every address that a connection is made to. */
  readonly mayConnect: MayConnect;
  readonly resolve?: Resolve | undefined;
  /** Certificates of the authorities that count instead of the system's, PEM. */
  readonly ca?: readonly string[] | undefined;
}

interface Answer {
  readonly head: HttpHead;
  readonly message: IncomingMessage;
}

/** A resource of the web, `http:` or `https:`. One connection a request: what comes from there is fetched once, as a rule. */
export function createUrlSource(deps: UrlSourceDeps, options: UrlSourceOptions, origin: { readonly url: URL; readonly type?: string | undefined }): MediaSource {
  async function ask(range: RangeRequest | undefined, signal: AbortSignal): Promise<Answer> {
    let { url } = origin;
    for (let hops = 0; ; hops += 1) {
      const answer = await askOnce(url, range, signal);
      const { status, headers: { location } } = answer.head;
      if (!REDIRECTS.includes(status)) return answer;
      answer.message.destroy();
      if (location === undefined || !URL.canParse(location, url.href)) throw new XpmnError('origin-broken', 'The web server redirects to nowhere.');
      url = new URL(location, url);
      if (hops >= options.redirects) throw new XpmnError('origin-broken', 'The web server redirects in circles.');
    }
  }

  function askOnce(url: URL, range: RangeRequest | undefined, signal: AbortSignal): Promise<Answer> {
    return withDeadline({ clock: deps.clock, signal, delay: options.answerTimeout, what: 'The web server\'s answer' }, (until) => exchange(url, range, until)).catch((error: unknown) => {
      throwIfAborted(signal);
      throw failure(error);
    });
  }

  function exchange(url: URL, range: RangeRequest | undefined, signal: AbortSignal): Promise<Answer> {
    const client = clientFor(url);
    assertMayConnect(url, deps.mayConnect);
    const { ca, mayConnect, resolve } = deps;
    const how: RequestOptions & { ca?: string[] } = { agent: false, lookup: guardedLookup(mayConnect, resolve), headers: { ...rangeHeader(range), 'Accept-Encoding': 'identity', 'User-Agent': 'xpmn-gateway' } };
    if (ca) how.ca = [...ca];
    return new Promise((done, reject) => {
      const request = client.request(url, how, (message) => done({ head: headOf(message), message }));
      const leave = (): void => void request.destroy(asXpmnError(signal.reason, 'aborted'));
      signal.addEventListener('abort', leave, { once: true });
      request.once('close', () => signal.removeEventListener('abort', leave));
      request.on('error', reject);
      request.end();
    });
  }

  /** The first byte tells all that HEAD does, which some servers refuse, some do not know, and some radio stations never answer. */
  async function probe({ signal }: { readonly signal: AbortSignal }): Promise<MediaEntity> {
    const opened = await open({ range: { from: 0, to: 0 }, signal }).catch((error: unknown) => {
      if (asXpmnError(error).code === 'range-not-satisfiable' && asXpmnError(error).details['size'] === undefined) return open({ signal });
      throw error;
    });
    opened.close();
    return opened.entity;
  }

  async function open({ range, signal }: { readonly range?: RangeRequest | undefined; readonly signal: AbortSignal }): Promise<OpenMedia> {
    // The whole is asked for as a range, too: a chunked answer tells its size only so.
    let answer = await ask(range ?? { from: 0 }, signal);
    if (answer.head.status === 416 && !range && sizeOfUnsatisfied(answer.head.headers['content-range']) !== 0) {
      answer.message.destroy();
      answer = await ask(undefined, signal);
    }
    try {
      return opened(answer, range);
    } catch (error) {
      answer.message.destroy();
      if (isEmptyAnyway(error, range)) return { entity: entityOf(origin, answer.head, 0), range: undefined, read: () => Promise.resolve(), close: () => undefined };
      throw error;
    }
  }

  function opened({ head, message }: Answer, asked: RangeRequest | undefined): OpenMedia {
    checkStatus(head);
    checkContent(head, origin);
    const { size, bodyFrom, range } = placeOf(head, asked);
    const portion = { skip: (range?.from ?? 0) - bodyFrom, length: range ? range.to - range.from + 1 : size };
    return new OpenBody(message, { entity: entityOf(origin, head, size), range, portion }, { clock: deps.clock, stallTimeout: options.stallTimeout });
  }

  return { open, probe };
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

function clientFor({ protocol }: URL): typeof http | typeof https {
  if (protocol === 'http:') return http;
  if (protocol === 'https:') return https;
  throw new XpmnError('not-allowed', 'That URL is none of the web.');
}

function rangeHeader(range: RangeRequest | undefined): Record<string, string> {
  if (!range) return {};
  return { Range: 'last' in range ? `bytes=-${range.last}` : `bytes=${range.from}-${range.to ?? ''}` };
}

function headOf({ statusCode = 0, headers }: IncomingMessage): HttpHead {
  return { status: statusCode, minor: 1, headers: Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))) };
}

function failure(error: unknown): XpmnError {
  if (error instanceof XpmnError) return error.code === 'timeout' ? new XpmnError('origin-unreachable', 'The web server does not answer.', { cause: error }) : error;
  const isNonsense = String((error as NodeJS.ErrnoException).code ?? '').startsWith('HPE_');
  return isNonsense ? new XpmnError('origin-broken', 'The web server does not speak HTTP.', { cause: error }) : new XpmnError('origin-unreachable', 'The web server could not be reached.', { cause: error });
}
