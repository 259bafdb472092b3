import type { ServerResponse } from 'node:http';
import type { XpmnError } from '../kernel/errors.ts';
import type { ByteRange, MediaEntity } from '../ports/media-source.ts';
import { quoteEtag } from './http-range.ts';

/**
 * The head for an entity, or a range of it. A plain GET is always 200 and a length always given where it is known: some
 * renderers refuse anything else.
 */
export function writeMediaHead(response: ServerResponse, entity: MediaEntity, range: ByteRange | undefined, isPartial: boolean): void {
  const length = range ? range.to - range.from + 1 : entity.size === undefined ? undefined : 0;
  response.writeHead(isPartial ? 206 : 200, {
    'Content-Type': entity.type,
    ...(length === undefined ? {} : { 'Content-Length': length }),
    ...(isPartial && range ? { 'Content-Range': `bytes ${range.from}-${range.to}/${entity.size ?? '*'}` } : {}),
    ...(entity.size === undefined ? {} : { 'Accept-Ranges': 'bytes' }),
    ...(entity.etag === '' ? {} : { ETag: quoteEtag(entity.etag) }),
    'Cache-Control': 'private, no-transform',
    'X-Content-Type-Options': 'nosniff',
  });
}

/** Names the code of a failure: there are many more of them than statuses that players understand. */
export const ERROR_HEADER = 'Xpmn-Error';

/** An error page is never media: no body, no detail, a status that players understand. */
export function writeFailure(response: ServerResponse, error: XpmnError): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
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

function statusOf(error: XpmnError): number {
  switch (error.code) {
    case 'range-not-satisfiable':
      return 416;
    case 'not-found':
      return 404;
    case 'not-allowed':
    case 'not-trusted':
      return 403;
    case 'resource-limit':
      return 503;
    default:
      return error.family === 'unreachable' ? 504 : 502;
  }
}
