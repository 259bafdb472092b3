import type { ServerResponse } from 'node:http';
import type { XpmnError } from '../kernel/errors.ts';
import type { ByteRange, MediaEntity } from '../ports/media-source.ts';
import type { FeedProfile } from '../ports/player-feed.ts';
import { quoteEtag } from './http-range.ts';

/** How an answer is to look for the player that asked. */
export interface AnswerStyle extends Pick<FeedProfile, 'length' | 'keepAlive'> {
  /** What the type is called there. */
  readonly type: string;
  /** Further headers, as DLNA players ask for them. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The head for an entity, or a range of it. A plain GET is always 200 and a length always given where it is known, unless
 * the player can't bear it: some renderers refuse anything else. None is ever made up.
 */
export function writeMediaHead(response: ServerResponse, entity: MediaEntity, range: ByteRange | undefined, isPartial: boolean, style: AnswerStyle): void {
  const length = range ? range.to - range.from + 1 : entity.size === undefined ? undefined : 0;
  const tellsLength = length !== undefined && (isPartial || style.length === 'exact');
  if (!tellsLength && style.length === 'close') response.useChunkedEncodingByDefault = false;
  if (!style.keepAlive) response.shouldKeepAlive = false;
  // Set apart from the others: so it can be asked for when the answer breaks off.
  if (tellsLength) response.setHeader('Content-Length', length);
  response.writeHead(isPartial ? 206 : 200, {
    'Content-Type': style.type,
    ...(isPartial && range ? { 'Content-Range': `bytes ${range.from}-${range.to}/${entity.size ?? '*'}` } : {}),
    ...(entity.size === undefined ? {} : { 'Accept-Ranges': 'bytes' }),
    ...(entity.etag === '' ? {} : { ETag: quoteEtag(entity.etag) }),
    ...style.headers,
    'Cache-Control': 'private, no-transform',
    'X-Content-Type-Options': 'nosniff',
  });
}

/** Names the code of a failure: there are many more of them than statuses that players understand. */
export const ERROR_HEADER = 'Xpmn-Error';

/** An error page is never media: no body, no detail, a status that players understand. */
export function writeFailure(response: ServerResponse, error: XpmnError): void {
  if (response.headersSent || response.destroyed) {
    breakOff(response);
    return;
  }
  // An answer may have been begun, and found impossible.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const status = statusOf(error);
  const { size } = error.details;
  response.writeHead(status, {
    'Content-Length': 0,
    [ERROR_HEADER]: error.code,
    ...(error.code === 'range-not-satisfiable' && size !== undefined ? { 'Content-Range': `bytes */${String(size)}` } : {}),
    ...(status === 503 ? { 'Retry-After': '2' } : {}),
    'Cache-Control': 'no-store',
  });
  response.end();
}

/** No player mistakes it for the end: where neither a length nor chunks would tell, the connection is reset. */
function breakOff(response: ServerResponse): void {
  const tells = response.hasHeader('content-length') || response.chunkedEncoding;
  if (!tells) response.socket?.resetAndDestroy();
  response.destroy();
}

function statusOf(error: XpmnError): number {
  switch (error.code) {
    case 'range-not-satisfiable':
      return 416;
    case 'not-found':
      return 404;
    case 'not-allowed':
    case 'not-trusted':
      return 403;
    case 'not-acceptable':
      return 406;
    case 'resource-limit':
      return 503;
    default:
      return error.family === 'unreachable' ? 504 : 502;
  }
}
