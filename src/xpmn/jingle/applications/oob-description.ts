/**
 * `<description/>` of an out-of-band session, with `<flow/>`: what its author accepts as a receiver.
 *
 * @spec XEP-0265 v0.1 §3
 */
import { XpmnError } from '../../kernel/errors.ts';
import { NS } from '../../model/namespaces.ts';
import { child, xml, type XmlElement } from '../../model/xml.ts';
import { MAX_CREDIT } from './oob-credit.ts';
import { MAX_HEADER } from './oob-frames.ts';

export const FLOW_NS = 'urn:xmpp:xpmn:oob-flow:0';

/** What one side accepts: bytes of credit per new stream, bytes per chunk, streams at a time. */
export interface FlowTerms {
  readonly window: number;
  readonly maxChunk: number;
  readonly maxStreams: number;
}

/** Where an attribute is missing. A window nobody states is kept small. */
const MISSING: FlowTerms = { window: 65_536, maxChunk: 65_536, maxStreams: 64 };
const NUMBER = /^[0-9]{1,10}$/;

export function describeFlow(namespace: string, terms: FlowTerms): XmlElement {
  const flow = { 'window': terms.window, 'max-chunk': terms.maxChunk, 'max-streams': terms.maxStreams };
  return xml('description', namespace, {}, xml('flow', FLOW_NS, flow));
}

/** The author's terms, or undefined if it has none: then there is no flow control. @throws XpmnError `malformed` */
export function parseFlow(description: XmlElement): FlowTerms | undefined {
  const known = description.ns === NS.outOfBand || description.ns === NS.outOfBandAlias;
  if (description.name !== 'description' || !known) throw new XpmnError('malformed', 'That does not describe out-of-band streams.');
  const flow = child(description, 'flow', FLOW_NS);
  if (!flow) return undefined;
  return {
    window: read(flow, 'window', MISSING.window, 1),
    // A smaller chunk could not carry one line of credit.
    maxChunk: read(flow, 'max-chunk', MISSING.maxChunk, MAX_HEADER),
    maxStreams: read(flow, 'max-streams', MISSING.maxStreams, 1),
  };
}

function read(flow: XmlElement, name: string, missing: number, least: number): number {
  const text = flow.attrs[name];
  if (text === undefined) return missing;
  const value = NUMBER.test(text) ? Number(text) : -1;
  if (value < least || value > MAX_CREDIT) throw new XpmnError('malformed', `The ${name} of out-of-band streams makes no sense.`);
  return value;
}
