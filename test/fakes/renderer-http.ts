import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { propertySet } from './evented-device.ts';
import type { RendererDevice } from './renderer-device.ts';

type Service = 'AVTransport' | 'RenderingControl';

/** A RendererDevice over real HTTP on loopback, with its events. */
export class RendererOnHttp {
  readonly device: RendererDevice;
  private readonly subscribers = new Map<string, { readonly service: Service; readonly callback: string; seq: number }>();
  private server: Server | undefined;
  private port = 0;
  private sids = 0;

  constructor(device: RendererDevice) {
    this.device = device;
    device.onEvent = (service, text) => {
      for (const [sid, one] of this.subscribers) if (one.service === service) void this.notify(sid, text);
    };
  }

  get location(): string {
    return `http://127.0.0.1:${this.port}/desc.xml`;
  }

  get subscriptions(): number {
    return this.subscribers.size;
  }

  /** The port is kept for the next time. */
  async start(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Without a word to anybody: it knows no subscriber afterwards. */
  async stop(): Promise<void> {
    this.subscribers.clear();
    this.server?.closeAllConnections();
    const closed = this.server && once(this.server, 'close');
    this.server?.close();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const method = request.method ?? '';
    if (method === 'SUBSCRIBE' || method === 'UNSUBSCRIBE') return this.subscribe(request, response, path.split('/')[1] as Service);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const answer = this.device.handle({ method, path, headers, body });
    if (answer.silent) return;
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'text/xml; charset="utf-8"' }).end(answer.body ?? '');
  }

  private subscribe({ method, headers }: IncomingMessage, response: ServerResponse, service: Service): void {
    const sid = String(headers.sid);
    if (method === 'UNSUBSCRIBE') response.writeHead(this.subscribers.delete(sid) ? 200 : 412).end();
    else if (headers.sid !== undefined) response.writeHead(this.subscribers.has(sid) ? 200 : 412, { SID: sid, TIMEOUT: 'Second-300' }).end();
    else {
      const made = `uuid:${(this.sids += 1)}`;
      this.subscribers.set(made, { service, callback: /<([^>]+)>/.exec(String(headers.callback))?.[1] ?? '', seq: 0 });
      response.writeHead(200, { SID: made, TIMEOUT: 'Second-300' }).end(() => void this.notify(made, this.device.everything(service)));
    }
  }

  private notify(sid: string, lastChange: string): Promise<void> {
    const one = this.subscribers.get(sid);
    if (!one) return Promise.resolve();
    const body = propertySet({ LastChange: lastChange });
    const headers = { 'NT': 'upnp:event', 'NTS': 'upnp:propchange', 'SID': sid, 'SEQ': String(one.seq), 'Content-Type': 'text/xml', 'Content-Length': Buffer.byteLength(body) };
    one.seq += 1;
    return new Promise((resolve) => {
      const request = httpRequest(one.callback, { method: 'NOTIFY', headers, agent: false }, (response) => response.resume().on('end', resolve));
      request.on('error', () => resolve()).end(body);
    });
  }
}
