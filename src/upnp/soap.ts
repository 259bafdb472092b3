import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../xpmn/kernel/errors.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { child, childText, elements, escapeAttr, escapeText } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import type { HttpResponse, Requester } from './requester.ts';
import { valueOf, xmlOf } from './xml-body.ts';

/** @spec UPnP-DeviceArchitecture v2.0 §3.1 */

export interface SoapEndpoint {
  readonly serviceType: string;
  readonly controlUrl: URL;
  readonly allowedHosts: readonly string[];
  /** Interface of a link-local address. */
  readonly scope: string | undefined;
}

export interface SoapCall {
  readonly action: string;
  readonly args: Readonly<Record<string, string | number>>;
  readonly idempotent: boolean;
}

const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/';

/**
 * Calls an action; the out-arguments by name. A refusal of the device is `not-found`, `not-supported`, `bad-request`,
 * `not-allowed` or `not-acceptable` (details.upnpError: its number); an answer that is none, `protocol-violation`.
 */
export async function callAction(
  { requester, limits }: { readonly requester: Requester; readonly limits: XmlLimits },
  endpoint: SoapEndpoint,
  call: SoapCall,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  const response = await requester.request(
    {
      method: 'POST',
      url: endpoint.controlUrl,
      allowedHosts: endpoint.allowedHosts,
      scope: endpoint.scope,
      idempotent: call.idempotent,
      headers: { 'Content-Type': 'text/xml; charset="utf-8"', 'SOAPACTION': `"${endpoint.serviceType}#${call.action}"` },
      body: formatCall(endpoint.serviceType, call),
    },
    { signal },
  );
  return readAnswer(response, call.action, limits);
}

export function formatCall(serviceType: string, { action, args }: Pick<SoapCall, 'action' | 'args'>): string {
  const inner = Object.entries(args).map(([name, value]) => `<${name}>${escapeText(String(value))}</${name}>`).join('');
  return (
    '<?xml version="1.0" encoding="utf-8"?>\r\n' +
    `<s:Envelope xmlns:s="${ENVELOPE}" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>` +
    `<u:${action} xmlns:u="${escapeAttr(serviceType)}">${inner}</u:${action}></s:Body></s:Envelope>\r\n`
  );
}

/**
 * Elements count by their local names: namespaces and versions in answers are wrong too often. A fault is one whatever
 * the status, and so is a response (faults with 200 and responses with 500 both exist).
 */
export function readAnswer(response: Pick<HttpResponse, 'status' | 'headers' | 'body'>, action: string, limits: XmlLimits): ReadonlyMap<string, string> {
  const { root, losses } = xmlOf(response, limits);
  const body = root && (root.name === 'Envelope' ? child(root, 'Body') : root);
  const fault = body && (body.name === 'Fault' ? body : child(body, 'Fault'));
  if (fault) throw faultOf(fault);
  const answer = body && (body.name === `${action}Response` ? body : child(body, `${action}Response`));
  if (answer) return new Map(elements(answer).map((arg) => [arg.name, valueOf(arg)]));
  if (losses.includes('too-large')) throw new XpmnError('too-large', 'A device\'s answer is too large.');
  throw statusError(response.status);
}

const FAULTS: Readonly<Record<string, ErrorCode>> = {
  401: 'not-supported', 602: 'not-supported', 402: 'bad-request', 600: 'bad-request', 601: 'bad-request', 605: 'bad-request',
  606: 'not-allowed', 701: 'not-found', 710: 'not-found', 720: 'not-acceptable',
};

/** The number may be missing, or anywhere in the fault. */
function faultOf(fault: XmlElement): XpmnError {
  const error = find(fault, 'UPnPError', 6);
  const number = /^\s*(\d{3,4})\s*$/.exec((error && childText(error, 'errorCode')) ?? '')?.[1];
  const details = number === undefined ? {} : { upnpError: Number(number) };
  return new XpmnError(FAULTS[number ?? ''] ?? 'not-acceptable', `The device refuses${number === undefined ? '' : ` (${number})`}.`, { details });
}

function find(element: XmlElement, name: string, depth: number): XmlElement | undefined {
  if (element.name === name) return element;
  if (depth === 0) return undefined;
  for (const inner of elements(element)) {
    const found = find(inner, name, depth - 1);
    if (found) return found;
  }
  return undefined;
}

function statusError(status: number): XpmnError {
  if (status === 401 || status === 403) return new XpmnError('not-allowed', 'The device does not let us in.', { details: { status } });
  if (status === 503) return new XpmnError('unreachable', 'The device is busy.', { details: { status } });
  return new XpmnError('protocol-violation', `The device answers with nothing that can be understood (HTTP ${status}).`, { details: { status } });
}
