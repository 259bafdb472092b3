import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { child, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ByteRange, MediaEntity, RangeRequest } from '../ports/media-source.ts';

export interface TransferRequest {
  readonly uid: string;
  readonly range: RangeRequest | undefined;
  /** Only if the entity still has this tag; for resuming. */
  readonly ifMatch: string | undefined;
}

export interface TransferAnswer {
  readonly entity: MediaEntity;
  readonly range: ByteRange | undefined;
  /** The out-of-band stream that carries the bytes; undefined if there are none. */
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
 * Understands the `<transfer>` wrapper, and the bare `<oob/>` of peers that know no other.
 *
 * @throws XpmnError `malformed`
 */
export function parseTransferAnswer(element: XmlElement, asked: RangeRequest | undefined): TransferAnswer {
  const oob = element.name === 'oob' ? element : (child(element, 'oob', NS.outOfBand) ?? child(element, 'oob', NS.outOfBandAlias));
  const streamId = oob?.attrs['id'];
  if (!oob || streamId === undefined) throw new XpmnError('malformed', 'The device answered with something that is no transfer.');
  const type = element.attrs['type'] ?? oob.attrs['type'] ?? 'application/octet-stream';
  const length = position(oob, 'size');
  if (element.name === 'oob') return { ...bare(length, asked), entity: { size: wholeSize(length, asked), type, etag: '' }, streamId };
  const [size, from, to] = ['size', 'from', 'to'].map((name) => position(element, name));
  const range = from !== undefined && to !== undefined ? { from, to } : undefined;
  if (range && (range.to < range.from || (size !== undefined && range.to >= size))) {
    throw new XpmnError('malformed', 'The device answered with a range that makes no sense.');
  }
  return { entity: { size, type, etag: element.attrs['etag'] ?? '' }, range, streamId };
}

function bare(length: number | undefined, asked: RangeRequest | undefined): { range: ByteRange | undefined } {
  const from = asked && 'from' in asked ? asked.from : 0;
  return { range: length ? { from, to: from + length - 1 } : undefined };
}

/** A bare answer tells the length of what it sends: that is the whole only if the whole was asked for, or a tail. */
function wholeSize(length: number | undefined, asked: RangeRequest | undefined): number | undefined {
  if (length === undefined || (asked && 'last' in asked)) return undefined;
  if (!asked) return length;
  return asked.to === undefined ? asked.from + length : undefined;
}

function position(element: XmlElement, name: string): number | undefined {
  const text = element.attrs[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new XpmnError('bad-request', `The ${name} of a transfer is a number of bytes.`);
  return Number(text);
}
