import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { withDeadline } from '../../src/xpmn/kernel/tasks.ts';
import { checkTarget } from '../../src/upnp/http-requester.ts';
import type { HttpRequest, HttpResponse, Requester } from '../../src/upnp/requester.ts';
import type { Answer, Received } from '../compliance/requester.suite.ts';

export interface FakeRequesterOptions {
  readonly bodyBytes: number;
  readonly redirects: number;
  readonly timeout: number;
}

/** A device behind a function: no socket. */
export class FakeRequester implements Requester {
  answer: (received: Received) => Answer;
  private readonly clock: Clock;
  private readonly options: FakeRequesterOptions;

  constructor(clock: Clock, options: FakeRequesterOptions, answer: (received: Received) => Answer = () => ({ status: 404 })) {
    this.clock = clock;
    this.options = options;
    this.answer = answer;
  }

  request(request: HttpRequest, { signal }: { readonly signal: AbortSignal }): Promise<HttpResponse> {
    return withDeadline({ clock: this.clock, signal, delay: this.options.timeout, what: 'The request to a device' }, () => this.follow(request));
  }

  close(): void {
    this.answer = () => ({ silent: true });
  }

  private async follow(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request;
    for (let turn = 0; turn <= this.options.redirects; turn += 1) {
      checkTarget(url, request.allowedHosts);
      const length = request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) };
      const said = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
      const received = { method: request.method, path: url.pathname + url.search, headers: { host: url.host, ...length, ...Object.fromEntries(said) }, body: request.body ?? '' };
      const { status = 200, headers = {}, body = '', cut, silent } = this.answer(received);
      if (silent) return new Promise(() => undefined);
      if (cut) throw new XpmnError('truncated', 'A device\'s answer ends too early.');
      if (Buffer.byteLength(body) > this.options.bodyBytes) throw new XpmnError('too-large', 'A device\'s answer is too large.');
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      if (request.method !== 'GET' || lower.location === undefined) return { status, headers: lower, body: Buffer.from(body as string), url };
      url = new URL(lower.location, url);
    }
    throw new XpmnError('not-allowed', 'The device redirects without end.');
  }
}
