import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventedService } from '../../src/upnp/gena.ts';
import type { EventingDevice } from '../compliance/event-subscriber.suite.ts';

type Properties = Readonly<Record<string, string>>;
type Headers = Readonly<Record<string, string>>;

export interface DeviceSubscription {
  readonly sid: string;
  readonly callback: string;
  seq: number;
}

/** What the device was asked: method and headers. */
export interface GenaRequest {
  readonly method: string;
  readonly headers: Headers;
}

/** One evented service over real HTTP on loopback, and whatever a device may do wrong with it. */
export class EventedDevice implements EventingDevice {
  manner: EventingDevice['manner'] = 'telling';
  properties: Properties = { Volume: '42', Mute: '0', Text: '' };
  readonly requests: GenaRequest[] = [];
  readonly known = new Map<string, DeviceSubscription>();
  /** Statuses that its NOTIFYs were answered with; `0`: not at all. */
  readonly answers: number[] = [];
  /** Headers of its answers to SUBSCRIBE and renewals; undefined: as the specification has it. */
  grant: ((subscription: DeviceSubscription, isRenewal: boolean) => Headers) | undefined;
  /** Its first event comes before its answer to SUBSCRIBE. */
  isHasty = false;
  readonly address: string;
  private server!: Server;
  private port = 0;
  private sids = 0;

  private constructor(address: string) {
    this.address = address;
  }

  static async start(address = '127.0.0.1'): Promise<EventedDevice> {
    const device = new EventedDevice(address);
    await device.listen();
    return device;
  }

  get service(): EventedService {
    const host = this.address.includes(':') ? `[${this.address}]` : this.address;
    return { eventUrl: new URL(`http://${host}:${this.port}/evt?service=1`), allowedHosts: [host], scope: undefined };
  }

  get subscriptions(): number {
    return this.known.size;
  }

  /** The one it holds. */
  get subscription(): DeviceSubscription {
    const [one] = this.known.values();
    if (!one) throw new Error('the device holds no subscription');
    return one;
  }

  async change(properties: Properties): Promise<void> {
    this.properties = { ...this.properties, ...properties };
    await Promise.all([...this.known.values()].map((one) => this.notify(one, propertySet(properties))));
  }

  changeUnheard(properties: Properties): void {
    this.properties = { ...this.properties, ...properties };
    for (const one of this.known.values()) one.seq += 1;
  }

  /** Sends the next event; resolves to the status that it was answered with. */
  notify(subscription: DeviceSubscription, body: string | Buffer, headers: Headers = {}): Promise<number> {
    const { sid, callback } = subscription;
    const seq = subscription.seq;
    subscription.seq += 1;
    const usual = { 'CONTENT-TYPE': 'text/xml; charset="utf-8"', 'NT': 'upnp:event', 'NTS': 'upnp:propchange', 'SID': sid, 'SEQ': String(seq) };
    return this.send(callback, body, { ...usual, ...headers });
  }

  send(callback: string, body: string | Buffer, headers: Headers, { from = this.address, method = 'NOTIFY' } = {}): Promise<number> {
    return new Promise((resolve) => {
      const done = (status: number): void => {
        this.answers.push(status);
        resolve(status);
      };
      const request = httpRequest(callback, { method, agent: false, localAddress: from, headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) } }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      });
      request.on('error', () => done(0)).end(body);
    });
  }

  async restart(): Promise<void> {
    this.known.clear();
    await this.close();
    await this.listen();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Connections of others to it. */
  connections(): Promise<number> {
    return new Promise((resolve) => this.server.getConnections((_, count) => resolve(count)));
  }

  private async listen(): Promise<void> {
    this.server = createServer((request, response) => void this.handle(request, response));
    this.server.listen(0, this.address);
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async handle({ method = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push({ method, headers: headers as Headers });
    if (this.manner === 'dead') return;
    if (this.manner === 'refusing') response.writeHead(503).end();
    else if (method === 'UNSUBSCRIBE') response.writeHead(this.known.delete(String(headers.sid)) ? 200 : 412).end();
    else if (headers.sid === undefined) await this.subscribe(response, /^<(http:[^>]+)>$/.exec(String(headers.callback))?.[1] ?? '');
    else this.renew(response, this.known.get(String(headers.sid)));
  }

  private async subscribe(response: ServerResponse, callback: string): Promise<void> {
    this.sids += 1;
    const subscription: DeviceSubscription = { sid: `uuid:0000-${this.sids}`, callback, seq: 0 };
    this.known.set(subscription.sid, subscription);
    const first = (): Promise<unknown> => (this.manner === 'mute' ? Promise.resolve() : this.notify(subscription, propertySet(this.properties)));
    if (this.isHasty) await first();
    response.writeHead(200, this.grant?.(subscription, false) ?? { SID: subscription.sid, TIMEOUT: 'Second-1800' });
    response.end();
    if (!this.isHasty) await once(response, 'close').then(first);
  }

  private renew(response: ServerResponse, subscription: DeviceSubscription | undefined): void {
    if (subscription) response.writeHead(200, this.grant?.(subscription, true) ?? { SID: subscription.sid, TIMEOUT: 'Second-1800' }).end();
    else response.writeHead(412).end();
  }
}

export function propertySet(properties: Properties): string {
  const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const inner = Object.entries(properties).map(([name, value]) => `<e:property><${name}>${escape(value)}</${name}></e:property>`);
  return `<?xml version="1.0"?>\n<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0">${inner.join('\n')}</e:propertyset>\n`;
}
