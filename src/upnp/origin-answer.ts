import { createHash } from 'node:crypto';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../xpmn/ports/media-source.ts';
import { contentLength, parseContentRange, sizeOfUnsatisfied } from './http-head.ts';
import type { HttpHead } from './http-head.ts';
import type { OriginRequest } from './origin-port.ts';

/** What an origin's answer means for the file that was asked for: pure, for any way it was fetched. */

/** @throws XpmnError why there is no file in that answer */
export function checkStatus({ status, headers }: HttpHead): void {
  if (status === 200 || status === 206) return;
  if (status === 404 || status === 410) throw new XpmnError('not-found', `The server has no such file (status ${status}).`);
  if (status === 401 || status === 403) throw new XpmnError('not-allowed', `The server does not give the file to us (status ${status}).`);
  if (status === 416) {
    const size = sizeOfUnsatisfied(headers['content-range']);
    throw new XpmnError('range-not-satisfiable', 'The range lies outside of the file.', size === undefined ? {} : { details: { size } });
  }
  throw new XpmnError('origin-broken', `The server answered with status ${status}.`);
}

/** What is no media must not be delivered as such: encoded bodies, several ranges in one, error pages with status 200. */
export function checkContent({ headers }: HttpHead, origin: Pick<OriginRequest, 'type'>): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  const type = headers['content-type'] ?? '';
  const page = /^text\/html\b/i.test(type) && origin.type !== undefined && !/^text\//i.test(origin.type);
  if (encoding !== 'identity' || /^multipart\//i.test(type) || page) throw new XpmnError('origin-broken', 'The server sent something else than the file.');
}

/** Where the body lies in the file, and which range of it is to be delivered. */
export function placeOf(head: HttpHead, asked: RangeRequest | undefined): { size: number | undefined; bodyFrom: number; range: ByteRange | undefined } {
  if (head.status === 206) return partial(head, asked);
  const size = contentLength(head);
  const range = clampRange(asked, size);
  // COMPAT(origins without Range): the whole comes, and what lies before the range is thrown away.
  return { size, bodyFrom: 0, range };
}

function partial(head: HttpHead, asked: RangeRequest | undefined): { size: number | undefined; bodyFrom: number; range: ByteRange | undefined } {
  const said = parseContentRange(head.headers['content-range']);
  const wanted = said && clampRange(asked, said.size);
  const length = contentLength(head);
  const fits = said && (!wanted || (said.from === wanted.from && said.to >= wanted.to)) && (length === undefined || length === said.to - said.from + 1);
  if (!fits) throw new XpmnError('origin-broken', 'The server sent another range than was asked for.');
  return { size: said.size, bodyFrom: said.from, range: wanted ?? { from: said.from, to: said.to } };
}

/** @throws XpmnError `range-not-satisfiable` */
export function clampRange(asked: RangeRequest | undefined, size: number | undefined): ByteRange | undefined {
  if (size === undefined) {
    if (asked && ('last' in asked || asked.from > 0 || asked.to !== undefined)) throw new XpmnError('range-not-satisfiable', 'This source has no ranges.');
    return undefined;
  }
  const from = asked === undefined ? 0 : 'last' in asked ? Math.max(0, size - asked.last) : asked.from;
  const to = Math.min(size - 1, (asked && 'to' in asked ? asked.to : undefined) ?? size - 1);
  const isEmpty = asked !== undefined && 'last' in asked && asked.last === 0;
  if (size === 0 && from === 0 && !isEmpty) return undefined;
  if (from > to || isEmpty) throw new XpmnError('range-not-satisfiable', 'The range lies outside of the file.', { details: { size } });
  return { from, to };
}

/** "An empty range of an empty file succeeds": some origins answer it with 416. */
export function isEmptyAnyway(error: unknown, asked: RangeRequest | undefined): boolean {
  const fromStart = asked === undefined || 'last' in asked || asked.from === 0;
  return error instanceof XpmnError && error.code === 'range-not-satisfiable' && error.details['size'] === 0 && fromStart;
}

export function entityOf(origin: Pick<OriginRequest, 'url' | 'type' | 'date'>, head: HttpHead, size: number | undefined): MediaEntity {
  const { headers } = head;
  // minidlna sends no validators at all: then size and date, as described, have to do (what they can't tell is documented).
  const parts = [origin.url.href, size ?? '', origin.date ?? '', headers['etag'] ?? '', headers['last-modified'] ?? ''];
  const etag = createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 32);
  return { size, type: typeIn(headers['content-type']) ?? typeIn(origin.type) ?? 'application/octet-stream', etag };
}

/** SECURITY: what the origin calls its type goes on to players and peers: only what looks like one. */
function typeIn(text: string | undefined): string | undefined {
  const type = text?.split(/[;,]/)[0]?.trim().toLowerCase() ?? '';
  return /^[a-z0-9.+_-]{1,63}\/[a-z0-9.+_-]{1,63}$/.test(type) ? type : undefined;
}
