import { XpmnError } from '../xpmn/kernel/errors.ts';
import { readGrant, renewHeaders, subscribeHeaders } from './gena-codec.ts';
import type { Grant } from './gena-codec.ts';
import type { EventedService } from './gena.ts';
import type { HttpRequest, HttpResponse, Requester } from './requester.ts';

interface Call {
  readonly requester: Requester;
  readonly service: EventedService;
  readonly signal: AbortSignal;
}

/** @throws XpmnError `not-acceptable` if it is refused, or as the requester does */
export async function subscribe(call: Call, callback: string, timeout: number): Promise<Grant & { readonly sid: string }> {
  const { sid, ...grant } = readGrant((await send(call, 'SUBSCRIBE', subscribeHeaders(callback, timeout))).headers);
  if (sid === undefined) throw new XpmnError('protocol-violation', 'The device takes a subscription and gives it no name.');
  return { sid, ...grant };
}

/** @throws XpmnError as `subscribe` */
export async function renew(call: Call, sid: string, timeout: number): Promise<Grant> {
  return readGrant((await send(call, 'SUBSCRIBE', renewHeaders(sid, timeout))).headers);
}

/** @throws XpmnError as `subscribe` */
export async function unsubscribe(call: Call, sid: string): Promise<void> {
  await send(call, 'UNSUBSCRIBE', { SID: sid });
}

async function send({ requester, service, signal }: Call, method: HttpRequest['method'], headers: HttpRequest['headers'] & object): Promise<HttpResponse> {
  const { eventUrl: url, allowedHosts, scope } = service;
  // Twice is not as good as once, and a connection of its own waits for no other device.
  const response = await requester.request({ method, url, allowedHosts, scope, headers, idempotent: false }, { signal });
  if (response.status === 200) return response;
  throw new XpmnError('not-acceptable', `The device answers ${method} with ${response.status}.`, { details: { status: response.status } });
}
