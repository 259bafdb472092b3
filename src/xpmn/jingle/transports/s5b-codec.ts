/**
 * `<transport xmlns='urn:xmpp:jingle:transports:s5b:1'/>` ⇄ data.
 *
 * @spec XEP-0260 v1.0.3 §2.2, §2.3, §2.4
 * @spec XEP-0065 v1.8.2 §5.3.2
 */
import { createHash } from 'node:crypto';
import { XpmnError } from '../../kernel/errors.ts';
import type { Jid } from '../../model/jid.ts';
import { childrenNamed, elements, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';

export const NS_S5B = 'urn:xmpp:jingle:transports:s5b:1';

/** §2.2: the upper half of a priority. */
export const TYPE_PREFERENCE = { direct: 126, assisted: 120, tunnel: 110, proxy: 10 } as const;
export type CandidateType = keyof typeof TYPE_PREFERENCE;

export interface Candidate {
  readonly cid: string;
  readonly host: string;
  readonly port: number;
  readonly jid: string;
  readonly priority: number;
  readonly type: CandidateType;
}

/** What either side describes. */
export interface S5bTransport {
  readonly sid: string;
  /** DST.ADDR of its author's candidates, as the author computed it. */
  readonly dstaddr: string | undefined;
  readonly candidates: readonly Candidate[];
}

export type S5bInfo =
  | { readonly kind: 'candidate-used' | 'activated'; readonly sid: string; readonly cid: string }
  | { readonly kind: 'candidate-error' | 'proxy-error'; readonly sid: string }
  | { readonly kind: 'candidates'; readonly sid: string; readonly candidates: readonly Candidate[] };

const MAX_NAME = 128;
const MAX_PRIORITY = 2 ** 32 - 1;
const DEFAULT_PORT = 1080;
const INFO_KINDS: readonly string[] = ['candidate-used', 'candidate-error', 'activated', 'proxy-error'];

export function priorityOf(type: CandidateType, localPreference: number): number {
  return 65536 * TYPE_PREFERENCE[type] + localPreference;
}

/** DST.ADDR of the candidates that `offerer` offered: the offerer comes first, whoever began the session. */
export function destinationOf(sid: string, offerer: Jid, other: Jid): string {
  return createHash('sha1').update(sid + offerer + other).digest('hex');
}

export function formatTransport({ sid, dstaddr, candidates }: S5bTransport): XmlElement {
  return xml('transport', NS_S5B, { sid, dstaddr, mode: 'tcp' }, candidates.map((candidate) => xml('candidate', NS_S5B, { ...candidate })));
}

/** @throws XpmnError `malformed` */
export function parseTransport(element: XmlElement): S5bTransport {
  const sid = sidOf(element);
  // Only streams run in this transport here; RFC 1928's UDP is another thing altogether.
  if ((element.attrs['mode'] ?? 'tcp') !== 'tcp') throw malformed('Only TCP bytestreams are understood.');
  const { dstaddr } = element.attrs;
  if (dstaddr !== undefined && !/^[0-9a-f]{40}$/i.test(dstaddr)) throw malformed('dstaddr is not a SHA-1 hash.');
  return { sid, dstaddr, candidates: parseCandidates(element) };
}

export function formatInfo(info: S5bInfo): XmlElement {
  if (info.kind === 'candidates') return xml('transport', NS_S5B, { sid: info.sid }, info.candidates.map((candidate) => xml('candidate', NS_S5B, { ...candidate })));
  return xml('transport', NS_S5B, { sid: info.sid }, xml(info.kind, NS_S5B, 'cid' in info ? { cid: info.cid } : {}));
}

/** @throws XpmnError `malformed` */
export function parseInfo(element: XmlElement): S5bInfo {
  const sid = sidOf(element);
  const parts = elements(element).filter(({ ns }) => ns === NS_S5B);
  const verdicts = parts.filter(({ name }) => INFO_KINDS.includes(name));
  const [verdict] = verdicts;
  if (!verdict) {
    const candidates = parseCandidates(element);
    if (candidates.length === 0) throw malformed('The transport information says nothing.');
    return { kind: 'candidates', sid, candidates };
  }
  // §2.2: exactly one of these, and no candidate beside it.
  if (parts.length !== 1) throw malformed('The transport information says more than one thing.');
  const kind = verdict.name as 'candidate-used' | 'activated' | 'candidate-error' | 'proxy-error';
  if (kind === 'candidate-error' || kind === 'proxy-error') return { kind, sid };
  return { kind, sid, cid: nameIn(verdict, 'cid') };
}

/** Candidates that make sense; others are left out, as a foreign peer's one odd address is no reason to fail. */
function parseCandidates(element: XmlElement): Candidate[] {
  const candidates = childrenNamed(element, 'candidate', NS_S5B).map(parseCandidate).filter((candidate) => candidate !== undefined);
  // §2.2: a cid must be unique within its party's candidates; a repeated one would make candidate-used ambiguous.
  if (new Set(candidates.map(({ cid }) => cid)).size !== candidates.length) throw malformed('Two candidates have one id.');
  return candidates;
}

function parseCandidate({ attrs }: XmlElement): Candidate | undefined {
  const { cid, host, jid = '', type = 'direct' } = attrs;
  const port = number(attrs['port'] ?? String(DEFAULT_PORT), 65535);
  const priority = number(attrs['priority'] ?? '', MAX_PRIORITY);
  if (!isName(cid) || host === undefined || !Object.hasOwn(TYPE_PREFERENCE, type)) return undefined;
  return port && priority ? { cid, host, port, jid, priority, type: type as CandidateType } : undefined;
}

/** 1 … max in plain decimal, or undefined. */
function number(text: string, max: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= max ? value : undefined;
}

function sidOf(element: XmlElement): string {
  if (element.name !== 'transport' || element.ns !== NS_S5B) throw malformed('That is no SOCKS5 bytestreams transport.');
  return nameIn(element, 'sid');
}

function nameIn(element: XmlElement, attribute: string): string {
  const value = element.attrs[attribute];
  if (!isName(value)) throw malformed(`<${element.name}/> has no usable ${attribute}.`);
  return value;
}

function isName(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value.length <= MAX_NAME;
}

function malformed(message: string): XpmnError {
  return new XpmnError('malformed', message);
}
