import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { propertySet } from '../fakes/evented-device.ts';
import { RendererDevice } from '../fakes/renderer-device.ts';

type Service = Parameters<RendererDevice['everything']>[0];

interface Subscription {
  readonly service: Service;
  readonly callback: string;
  seq: number;
}

const TYPE = 'urn:schemas-upnp-org:device:MediaRenderer:1';

/** The scripted renderer over real HTTP on loopback, with subscriptions that it can lose. */
export class RendererOnLoopback {
  readonly device: RendererDevice;
  /** By SID. */
  readonly subscriptions = new Map<string, Subscription>();
  private sids = 0;
  private server!: Server;
  private port = 0;

  private constructor(clock: Clock) {
    this.device = new RendererDevice(clock);
  }

  static async start(clock: Clock): Promise<RendererOnLoopback> {
    const renderer = new RendererOnLoopback(clock);
    renderer.device.onEvent = (service, LastChange) => renderer.tell(service, LastChange);
    await renderer.open();
    return renderer;
  }

  /** NOTIFY as it is sent to the LAN. */
  announcement(nts: 'alive' | 'byebye'): string {
    const where = nts === 'alive' ? `LOCATION: http://127.0.0.1:${this.port}/desc.xml\r\n` : '';
    return `NOTIFY * HTTP/1.1\r\nNT: ${TYPE}\r\nNTS: ssdp:${nts}\r\nUSN: ${this.device.udn}::${TYPE}\r\n${where}\r\n`;
  }

  /** Its port is there again, and knows of no subscription. */
  async open(): Promise<void> {
    this.server = createServer((request, response) => void this.handle(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** All at once, and without a word. */
  async vanish(): Promise<void> {
    this.subscriptions.clear();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async close(): Promise<void> {
    this.device.stopAll();
    if (this.server.listening) await this.vanish();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
    const isSubscription = method === 'SUBSCRIBE' || method === 'UNSUBSCRIBE';
    if (isSubscription && !this.device.defects.hangs) return this.subscribe(method, path, headers, response);
    const answer = this.device.handle({ method, path, headers: headers as Record<string, string>, body });
    if (!answer.silent) response.writeHead(answer.status ?? 200).end(answer.body);
  }

  private subscribe(method: string, path: string, { sid, callback }: IncomingMessage['headers'], response: ServerResponse): void {
    if (sid !== undefined) {
      const isKnown = method === 'UNSUBSCRIBE' ? this.subscriptions.delete(String(sid)) : this.subscriptions.has(String(sid));
      response.writeHead(isKnown ? 200 : 412, isKnown ? { SID: String(sid), TIMEOUT: 'Second-1800' } : {}).end();
      return;
    }
    this.sids += 1;
    const [service, name] = [path.split('/')[1] as Service, `uuid:sid-${this.sids}`];
    const subscription: Subscription = { service, callback: /^<(.+?)>/.exec(String(callback))?.[1] ?? '', seq: 0 };
    this.subscriptions.set(name, subscription);
    response.writeHead(200, { SID: name, TIMEOUT: 'Second-1800' }).end();
    response.once('close', () => this.notify(name, subscription, this.device.everything(service)));
  }

  private tell(service: Service, lastChange: string): void {
    if (!this.device.defects.hangs) for (const [sid, one] of this.subscriptions) if (one.service === service) this.notify(sid, one, lastChange);
  }

  private notify(sid: string, subscription: Subscription, LastChange: string): void {
    const headers = { 'CONTENT-TYPE': 'text/xml', 'NT': 'upnp:event', 'NTS': 'upnp:propchange', 'SID': sid, 'SEQ': String(subscription.seq) };
    subscription.seq += 1;
    httpRequest(subscription.callback, { method: 'NOTIFY', headers, agent: false }, (answer) => answer.resume()).on('error', () => undefined).end(propertySet({ LastChange }));
  }
}
