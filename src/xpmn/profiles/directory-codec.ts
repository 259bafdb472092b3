import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { child, childrenNamed, childText, elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/** A directory query as it is understood so far: the children of a container, or one object by id. */
export interface DirectoryQuery {
  readonly match: { readonly attr: 'directory' | 'id'; readonly value: string };
  /** Children wanted at most. */
  readonly max: number;
  /** Where to start: a position, or after the child with that id. */
  readonly start: { readonly index: number } | { readonly after: string };
}

/** What came back of a page, besides the children themselves (XEP-0059 §2). */
export interface ResultSet {
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly index: number;
  readonly count: number | undefined;
}

export function formatDirectoryQuery(query: DirectoryQuery): XmlElement {
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
  if (set && child(set, 'before', NS.rsm)) throw new XpmnError('not-supported', 'Paging backwards is not offered.');
  const start = after === undefined ? { index: (set && numberIn(set, 'index')) ?? 0 } : { after };
  return { match: matchIn(query), max, start };
}

function matchIn(query: XmlElement): DirectoryQuery['match'] {
  const known = ['match', 'set', 'fields'];
  if (elements(query).some((part) => !known.includes(part.name))) throw new XpmnError('not-supported', 'This kind of query is not offered.');
  if (query.attrs['monitor'] === 'true') throw new XpmnError('not-supported', 'Monitoring a query is not offered.');
  if (query.attrs['order'] !== undefined) throw new XpmnError('not-supported', 'Sorting is not offered.');
  if (!['1', undefined].includes(query.attrs['depth'])) throw new XpmnError('not-supported', 'Only depth 1 is offered.');
  const matches = childrenNamed(query, 'match', NS.mediaServer);
  const [match] = matches;
  const { attr, value, op = 'eq' } = match?.attrs ?? {};
  if (attr === undefined || value === undefined) throw new XpmnError('bad-request', 'A query needs a match.');
  if (matches.length > 1 || op !== 'eq' || (attr !== 'directory' && attr !== 'id')) {
    throw new XpmnError('not-supported', 'Only the listing of a container, or one object by its id, is offered.');
  }
  return { attr, value };
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
    index: index !== undefined && /^\d{1,9}$/.test(index) ? Number(index) : 0,
    count: set && numberIn(set, 'count'),
  };
}

/** @throws XpmnError `bad-request` for something that is no number */
function numberIn(set: XmlElement, name: string): number | undefined {
  const text = childText(set, name, NS.rsm);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new XpmnError('bad-request', `The ${name} of a result set is a number.`);
  return Number(text);
}
