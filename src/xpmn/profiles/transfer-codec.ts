import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';

const POSITION = /^\d{1,15}$/;

export interface TransferRequest {
  readonly uid: string;
  readonly range: RangeRequest | undefined;
  /** Only if the entity still has this tag; for resuming. */
  readonly ifMatch: string | undefined;
}

export interface TransferAnswer {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  /** The out-of-band stream that carries the bytes; without any, its end. */
  readonly streamId: string;
}

export function formatTransferRequest({ uid, range, ifMatch }: TransferRequest): XmlElement {
  const positions = range === undefined ? {} : 'last' in range ? { last: range.last } : { from: range.from, to: range.to };
  return xml('transfer', NS.mediaServer, { uid, ...positions, 'if-match': ifMatch });
}

/** @throws XpmnError `bad-request`: no uid, no numbers, `to` before `from`, or `last` with either */
export function parseTransferRequest(element: XmlElement): TransferRequest {
  const { uid } = element.attrs;
  if (!uid) throw new XpmnError('bad-request', 'A transfer needs a uid.');
  const [from, to, last] = ['from', 'to', 'last'].map((name) => position(element, name));
  if (last !== undefined && (from !== undefined || to !== undefined)) {
    throw new XpmnError('bad-request', 'A suffix and a position do not go together.');
  }
  if (to !== undefined && to < (from ?? 0)) throw new XpmnError('bad-request', 'The range ends before it begins.');
  const range = last !== undefined ? { last } : from === undefined && to === undefined ? undefined : { from: from ?? 0, to };
  return { uid, range, ifMatch: element.attrs['if-match'] };
}

export function formatTransferAnswer(uid: string, { entity, range, streamId }: TransferAnswer): XmlElement {
  const length = range ? range.to - range.from + 1 : entity.size === undefined ? undefined : 0;
  return xml(
    'transfer',
    NS.mediaServer,
    { uid, from: range?.from, to: range?.to, size: entity.size, type: entity.type, etag: entity.etag },
    xml('oob', NS.outOfBand, { id: streamId, size: length, type: entity.type }),
  );
}

/**
 * Understands the `<transfer>` wrapper, and the bare `<oob/>` of peers that know no other. What it says of the entity ends
 * up in the answer to a player: nothing that is not a type or a tag gets so far.
 *
 * @throws XpmnError `malformed`, also for another range than was asked for
 */
export function parseTransferAnswer(element: XmlElement, asked: RangeRequest | undefined): TransferAnswer {
  const isBare = isOob(element);
  const isWrapper = element.name === 'transfer' && element.ns === NS.mediaServer;
  const oob = isBare ? element : isWrapper ? elements(element).find(isOob) : undefined;
  const streamId = oob?.attrs['id'];
  if (!oob || !streamId) throw malformed('something that is no transfer');
  const [length, told, from, to] = [bytesIn(oob, 'size'), ...['size', 'from', 'to'].map((name) => (isBare ? undefined : bytesIn(element, name)))];
  const range = from !== undefined && to !== undefined ? { from, to } : rangeOf(length, asked);
  const size = told ?? (isBare ? wholeSize(length, asked) : undefined);
  if (!isPossible(range, size, length) || !isAnswer(range, size, asked)) throw malformed('a range that was not asked for, or makes no sense');
  const type = typeIn(element.attrs['type'] ?? oob.attrs['type']);
  return { entity: { size, type, etag: isBare ? '' : tagIn(element.attrs['etag']) }, range, streamId };
}

function isOob({ name, ns }: XmlElement): boolean {
  return name === 'oob' && (ns === NS.outOfBand || ns === NS.outOfBandAlias);
}

/** An answer that does not say the range tells the length of what it sends. */
function rangeOf(length: number | undefined, asked: RangeRequest | undefined): ByteRange | undefined {
  const from = asked && 'from' in asked ? asked.from : 0;
  return length ? { from, to: from + length - 1 } : undefined;
}

/** That length is the whole only if the whole was asked for, or a tail from a known place. */
function wholeSize(length: number | undefined, asked: RangeRequest | undefined): number | undefined {
  if (length === undefined || (asked && 'last' in asked)) return undefined;
  if (!asked) return length;
  return asked.to === undefined ? asked.from + length : undefined;
}

function isPossible(range: ByteRange | undefined, size: number | undefined, length: number | undefined): boolean {
  if (!range) return !length && !size;
  return range.to >= range.from && (size === undefined || range.to < size) && (length === undefined || length === range.to - range.from + 1);
}

/** Whether it is what was asked for, as far as can be told. */
function isAnswer(range: ByteRange | undefined, size: number | undefined, asked: RangeRequest | undefined): boolean {
  const from = asked && 'from' in asked ? asked.from : 0;
  const to = asked && 'to' in asked ? (asked.to ?? Infinity) : Infinity;
  if (!range) return size === 0 || (from === 0 && !(asked && 'last' in asked));
  if (asked && 'last' in asked) return size === undefined || (range.from === Math.max(0, size - asked.last) && range.to === size - 1);
  return range.from === from && (size === undefined ? range.to <= to : range.to === Math.min(to, size - 1));
}

/** SECURITY: a header must not be able to say more than a type; whatever else is claimed is bytes. */
function typeIn(text: string | undefined): string {
  const type = text?.split(';')[0]?.trim().toLowerCase() ?? '';
  return /^[a-z0-9.+_-]{1,63}\/[a-z0-9.+_-]{1,63}$/.test(type) ? type : 'application/octet-stream';
}

/** A tag that could not stand between quotes in a header is none: then nothing is ever resumed. */
function tagIn(text = ''): string {
  return /^[\x21\x23-\x7e]{1,256}$/.test(text) ? text : '';
}

function malformed(what: string): XpmnError {
  return new XpmnError('malformed', `The device answered with ${what}.`);
}

function bytesIn(element: XmlElement, name: string): number | undefined {
  const text = element.attrs[name];
  if (text === undefined) return undefined;
  if (!POSITION.test(text)) throw malformed('something that is no number of bytes');
  return Number(text);
}

/** @throws XpmnError `bad-request` */
function position(element: XmlElement, name: string): number | undefined {
  const text = element.attrs[name];
  if (text === undefined) return undefined;
  if (!POSITION.test(text)) throw new XpmnError('bad-request', `The ${name} of a transfer is a number of bytes.`);
  return Number(text);
}
