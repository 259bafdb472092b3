import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortReason, withDeadline } from '../xpmn/kernel/tasks.ts';
import type { HttpRequest, HttpResponse, Requester } from './requester.ts';

export interface RequesterOptions {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** Milliseconds for the whole request, redirects included. */
  readonly timeout: number;
  readonly redirects: number;
  /** Connections to one device at once. */
  readonly connectionsPerHost: number;
  readonly connections: number;
  /** Milliseconds that an idle connection is kept. */
  readonly idleTimeout: number;
  readonly userAgent: string;
}

export function createHttpRequester(deps: { readonly clock: Clock }, options: RequesterOptions): Requester {
  return new HttpRequester(deps, options);
}

class HttpRequester implements Requester {
  private readonly clock: Clock;
  private readonly options: RequesterOptions;
  private readonly agent: Agent;

  constructor({ clock }: { readonly clock: Clock }, options: RequesterOptions) {
    this.clock = clock;
    this.options = options;
    this.agent = new Agent({
      keepAlive: true, timeout: options.idleTimeout,
      maxSockets: options.connectionsPerHost, maxTotalSockets: options.connections, maxFreeSockets: options.connectionsPerHost,
    });
  }

  request(request: HttpRequest, { signal }: { readonly signal: AbortSignal }): Promise<HttpResponse> {
    const { clock, options: { timeout: delay } } = this;
    return withDeadline({ clock, signal, delay, what: 'The request to a device' }, (limited) => this.follow(request, limited));
  }

  close(): void {
    this.agent.destroy();
  }

  private async follow(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    let { url } = request;
    for (let redirects = 0; redirects <= this.options.redirects; redirects += 1) {
      checkTarget(url, request.allowedHosts);
      const response = await this.once({ ...request, url }, signal);
      const target = request.method === 'GET' ? redirectTarget(response) : undefined;
      if (!target) return response;
      url = target;
    }
    throw new XpmnError('not-allowed', 'The device redirects without end.');
  }

  /** One exchange; a second one if a kept connection was closed by the device meanwhile. */
  private async once(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const first = new Exchange(request, signal, this.options, request.idempotent ? this.agent : false);
    try {
      return await first.response;
    } catch (error) {
      if (!first.foundDeadConnection || signal.aborted) throw error;
      return await new Exchange(request, signal, this.options, false).response;
    }
  }
}

/** SECURITY: what a device says is followed to allowed hosts over plain HTTP only (PROTOCOL §7). @throws XpmnError `not-allowed` */
export function checkTarget(url: URL, allowedHosts: readonly string[]): void {
  if (url.protocol !== 'http:' || url.username !== '' || url.password !== '' || !allowedHosts.includes(url.hostname)) {
    throw new XpmnError('not-allowed', 'A device names a URL on another host, or one that is not HTTP.');
  }
}

function redirectTarget({ status, headers, url }: HttpResponse): URL | undefined {
  const location = headers.location;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  if (!URL.canParse(location, url.href)) throw new XpmnError('protocol-violation', 'The device redirects to nowhere.');
  return new URL(location, url);
}

/** One request and its response on one connection. */
class Exchange {
  readonly response: Promise<HttpResponse>;
  /** The connection had been used before, and ended before anything came back. */
  foundDeadConnection = false;

  constructor(request: HttpRequest, signal: AbortSignal, options: RequesterOptions, agent: Agent | false) {
    this.response = new Promise((resolve, reject) => {
      const message = send(request, options, agent);
      const onAbort = (): void => {
        message.destroy();
        reject(abortReason(signal));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      message.once('close', () => signal.removeEventListener('abort', onAbort));
      let answered = false;
      message.on('error', (error: NodeJS.ErrnoException) => {
        this.foundDeadConnection = message.reusedSocket && !answered && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(failure(error, answered));
      });
      message.once('response', (incoming) => {
        answered = true;
        readBody(incoming, options.bodyBytes).then(
          (body) => resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body, url: request.url }),
          (error: Error) => {
            message.destroy();
            reject(error);
          },
        );
      });
      message.end(request.body);
    });
  }
}

function send(request: HttpRequest, options: RequesterOptions, agent: Agent | false): ClientRequest {
  const { url, scope, body } = request;
  const address = url.hostname.replace(/^\[|\]$/g, '');
  return httpRequest({
    agent,
    method: request.method,
    host: scope === undefined ? address : `${address}%${scope}`,
    port: url.port === '' ? 80 : Number(url.port),
    path: url.pathname + url.search,
    maxHeaderSize: options.headerBytes,
    // Host as the URL has it: the scope id means nothing to the device, and minidlna refuses names.
    setHost: false,
    headers: {
      'Host': url.host,
      'User-Agent': options.userAgent,
      'Accept-Encoding': 'identity',
      ...request.headers,
      ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    },
  });
}

async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) throw new XpmnError('too-large', `A device's answer is larger than ${limit} bytes.`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof XpmnError) throw error;
    throw new XpmnError('truncated', 'A device\'s answer ends too early.', { cause: error });
  }
  return Buffer.concat(parts, size);
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) if (value !== undefined) headers[name] = String(value);
  return headers;
}

/** A port without a listener, a machine that is not there. */
const NOBODY_THERE = ['ECONNREFUSED', 'EHOSTUNREACH'];

function failure(error: NodeJS.ErrnoException, answered: boolean): XpmnError {
  if (error.code?.startsWith('HPE_') === true) return new XpmnError('protocol-violation', 'A device\'s answer is not HTTP.', { cause: error });
  if (answered) return new XpmnError('truncated', 'A device\'s answer ends too early.', { cause: error });
  return new XpmnError('unreachable', 'A device does not answer.', { cause: error, details: error.code !== undefined && NOBODY_THERE.includes(error.code) ? { refused: true } : {} });
}
