import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { child, childrenNamed, childText, elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/** A directory query as it is understood so far: the children of a container, or one object by id. */
export interface DirectoryQuery {
  /** `nothing`: an attribute that no object has. */
  readonly match: { readonly attr: 'directory' | 'id'; readonly value: string } | { readonly attr: 'nothing' };
  /** Children wanted at most. */
  readonly max: number;
  /** Where to start: a position, or after the child with that id. */
  readonly start: { readonly index: number } | { readonly after: string };
}

/** What came back of a page, besides the children themselves (XEP-0059 §2). */
export interface ResultSet {
  readonly first: string | undefined;
  readonly last: string | undefined;
  /** Position of the first; undefined if it is not told, or there is none. */
  readonly index: number | undefined;
  readonly count: number | undefined;
}

/** What a search compares with (WIRE: `<match op/>`). */
const OPS: readonly string[] = ['eq', 'ne', 'contains', 'prefix', 'gt', 'lt', 'ge', 'le', 'exists'];

/** Attributes that objects can have. */
const ATTRS: readonly string[] = [
  'id', 'parent', 'type', 'directory', 'ancestor', 'title', 'artist', 'album', 'album-artist', 'track', 'disc', 'genre', 'release-date', 'date',
  'duration', 'size', 'mime-type', 'name', 'width', 'height', 'bitrate', 'channels', 'sample-rate', 'language', 'latitude', 'longitude', 'tag',
  'season', 'episode', 'show', 'thumbnail', 'cover-album', 'poster', 'uri', 'seekable', 'count',
];

/** The parts of a query that are understood; `fields` may be ignored, for more than was asked harms nobody. */
const PARTS: Readonly<Record<string, string>> = { match: NS.mediaServer, fields: NS.mediaServer, set: NS.rsm };

export function formatDirectoryQuery(query: { readonly match: { readonly attr: 'directory' | 'id'; readonly value: string } } & DirectoryQuery): XmlElement {
  const start = 'index' in query.start ? xml('index', NS.rsm, {}, String(query.start.index)) : xml('after', NS.rsm, {}, query.start.after);
  return xml(
    'query',
    NS.mediaServer,
    {},
    xml('match', NS.mediaServer, { attr: query.match.attr, value: query.match.value }),
    xml('set', NS.rsm, {}, xml('max', NS.rsm, {}, String(query.max)), start),
  );
}

/**
 * @spec XEP-0059 v1.0 §2; MediaServer Directory
 * @throws XpmnError `bad-request` for a query that makes no sense, `not-supported` for one that is not offered
 */
export function parseDirectoryQuery(query: XmlElement, limits: { readonly defaultMax: number; readonly max: number }): DirectoryQuery {
  const set = child(query, 'set', NS.rsm);
  const max = Math.min(set ? (numberIn(set, 'max') ?? limits.defaultMax) : limits.defaultMax, limits.max);
  const after = set && childText(set, 'after', NS.rsm);
  if (set && child(set, 'before', NS.rsm)) throw unsupported('Paging backwards is not offered.');
  const start = after === undefined ? { index: (set && numberIn(set, 'index')) ?? 0 } : { after };
  return { match: matchIn(query), max, start };
}

function matchIn(query: XmlElement): DirectoryQuery['match'] {
  if (elements(query).some(({ name, ns }) => !Object.hasOwn(PARTS, name) || PARTS[name] !== ns)) throw unsupported('This kind of query is not offered.');
  const { monitor = 'false', order, depth = '1' } = query.attrs;
  if (monitor !== 'false' && monitor !== '0') throw unsupported('Monitoring a query is not offered.');
  if (order !== undefined) throw unsupported('Sorting is not offered.');
  if (depth !== '1') throw unsupported('Only depth 1 is offered.');
  const matches = childrenNamed(query, 'match', NS.mediaServer).map(readMatch);
  const [match] = matches;
  if (!match) throw new XpmnError('bad-request', 'A query needs a match.');
  if (matches.length > 1) throw unsupported('Only one match is offered.');
  const { attr, op, value } = match;
  // Unknown attributes: nothing is found; but everything lacks them, and so is unequal.
  if (!ATTRS.includes(attr) && op !== 'ne') return { attr: 'nothing' };
  if (op !== 'eq' || (attr !== 'directory' && attr !== 'id')) {
    throw unsupported('Only the listing of a container, or one object by its id, is offered.');
  }
  return { attr, value };
}

function readMatch({ attrs }: XmlElement): { attr: string; op: string; value: string } {
  const { attr, op = 'eq', value = op === 'exists' ? '' : undefined } = attrs;
  if (attr === undefined || value === undefined) throw new XpmnError('bad-request', 'A match needs an attribute and a value.');
  if (!OPS.includes(op)) throw new XpmnError('bad-request', 'There is no such comparison.');
  return { attr, op, value };
}

function unsupported(message: string): XpmnError {
  return new XpmnError('not-supported', message);
}

export function formatResultSet(set: ResultSet): XmlElement {
  return xml(
    'set',
    NS.rsm,
    {},
    set.first !== undefined && xml('first', NS.rsm, { index: set.index }, set.first),
    set.last !== undefined && xml('last', NS.rsm, {}, set.last),
    set.count !== undefined && xml('count', NS.rsm, {}, String(set.count)),
  );
}

export function parseResultSet(result: XmlElement): ResultSet {
  const set = child(result, 'set', NS.rsm);
  const first = set && child(set, 'first', NS.rsm);
  const index = first?.attrs['index'];
  return {
    first: first && childText(set, 'first', NS.rsm),
    last: set && childText(set, 'last', NS.rsm),
    index: asNumber(index),
    count: set && asNumber(childText(set, 'count', NS.rsm)),
  };
}

/** @throws XpmnError `bad-request` for something that is no number */
function numberIn(set: XmlElement, name: string): number | undefined {
  const text = childText(set, name, NS.rsm);
  const number = asNumber(text);
  if (text !== undefined && number === undefined) throw new XpmnError('bad-request', `The ${name} of a result set is a number.`);
  return number;
}

function asNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
