import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { escapeText } from '../../src/xpmn/model/xml.ts';
import { serveBytes } from '../support/serve-bytes.ts';
import { SsdpAnnouncer } from './ssdp-announcer.ts';
import type { SsdpDefects, SsdpNews } from './ssdp-announcer.ts';

/** An object of the fake's library; the root has the id `0`. */
export interface FakeObject {
  readonly id: string;
  readonly parent: string;
  readonly kind: 'item' | 'container';
  readonly title: string;
  /** Path and query on the fake; its resource. */
  readonly path?: string;
  /** What lies there; without it the path only looks like one. */
  readonly media?: { readonly type: string; readonly content: Buffer };
  /** Inserted as it is, among the object's elements. */
  readonly raw?: string;
}

/** What real servers do wrong, one switch each; may be changed while it runs. */
export interface Defects extends SsdpDefects {
  /** Descriptions answered 500 before the first good one. */
  descriptionFailures?: number;
  bareAmpersandInDescription?: boolean;
  embedded?: boolean;
  urlBase?: string;
  modelName?: string;
  /** Status and body instead of every SOAP answer. */
  soapAnswer?: { readonly status: number; readonly body: string };
  faultWith200?: boolean;
  wrongNamespace?: boolean;
  unescapedResult?: boolean;
  doubleEscapedResult?: boolean;
  /** Titles go into the DIDL without escaping. */
  rawTitles?: boolean;
  /** Objects of one Browse at most. */
  mostReturned?: number;
  ignoresPaging?: boolean;
  /** Instead of the true TotalMatches. */
  totalMatches?: number;
  hidesRoot?: boolean;
  /** Ids whose presence in a listing breaks its XML beyond repair of the whole. */
  broken?: readonly string[];
  /** Ids whose presence in a listing makes it an action error 501. */
  poison?: readonly string[];
  /** Every connection is closed after one answer that promised to keep it. */
  closesConnections?: boolean;
  noByebye?: boolean;
}

const TYPE = 'urn:schemas-upnp-org:device:MediaServer:1';
const SERVICE = 'urn:schemas-upnp-org:service:ContentDirectory:1';

/** A MediaServer on loopback: real HTTP, real SSDP on a port of the test's choice. */
export class FakeMediaServer {
  readonly defects: Defects;
  objects: readonly FakeObject[];
  readonly udn: string;
  /** SOAP requests served. */
  requests = 0;
  /** Connections opened. */
  connections = 0;
  private readonly announcer: SsdpAnnouncer;
  private http: Server | undefined;
  private port = 0;

  constructor(objects: readonly FakeObject[], options: { readonly ssdpPort: number; readonly defects?: Defects; readonly udn?: string }) {
    this.objects = objects;
    this.defects = options.defects ?? {};
    this.udn = options.udn ?? `uuid:${randomUUID()}`;
    this.announcer = new SsdpAnnouncer({ port: options.ssdpPort, udn: this.udn, type: TYPE, location: () => this.location, defects: this.defects });
  }

  get location(): string {
    return `http://127.0.0.1:${this.port}/desc/root.xml`;
  }

  /** Opens everything, and announces itself. */
  async start(): Promise<void> {
    this.http = createServer((request, response) => void this.answer(request, response));
    this.http.on('connection', () => (this.connections += 1));
    this.http.listen(this.port, '127.0.0.1');
    await once(this.http, 'listening');
    this.port = (this.http.address() as AddressInfo).port;
    await this.announcer.start();
    await this.announce('ssdp:alive');
  }

  /** Ends; says byebye, unless it is one of those that don't. The port is kept for the next `start`. */
  async stop(): Promise<void> {
    if (this.defects.noByebye !== true) await this.announce('ssdp:byebye');
    this.announcer.close();
    this.http?.closeAllConnections();
    const closed = this.http && once(this.http, 'close');
    this.http?.close();
    await closed;
  }

  announce(nts: SsdpNews): Promise<void> {
    return this.announcer.announce(nts);
  }

  /** A datagram of the test's own making, from the fake's address. */
  send(lines: readonly string[]): Promise<void> {
    return this.announcer.send(lines);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const media = this.objects.find(({ path }) => path !== undefined && path === request.url)?.media;
    if (media) return serveBytes(media.content, { type: media.type })(request, response);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { status, text } = request.method === 'POST' ? this.soap(body) : this.get(request.url ?? '');
    response.writeHead(status, { 'Content-Type': 'text/xml; charset="utf-8"', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
    if (this.defects.closesConnections === true) response.once('finish', () => setImmediate(() => request.socket.destroy()));
  }

  private get(path: string): { status: number; text: string } {
    if (path !== '/desc/root.xml') return { status: 404, text: '<html>Not found</html>' };
    if ((this.defects.descriptionFailures ?? 0) > 0) {
      this.defects.descriptionFailures = (this.defects.descriptionFailures ?? 0) - 1;
      return { status: 500, text: '' };
    }
    const name = this.defects.bareAmpersandInDescription === true ? 'Romeo & Juliet' : 'Romeo &amp; Juliet';
    const base = this.defects.urlBase === undefined ? '' : `<URLBase>${this.defects.urlBase}</URLBase>`;
    const device = (type: string, udn: string, inner: string): string =>
      `<device><deviceType>${type}</deviceType><friendlyName>${name}</friendlyName><manufacturer>Verona</manufacturer>` +
      `<modelName>${this.defects.modelName ?? 'Fake'}</modelName><UDN>${udn}</UDN>${inner}</device>`;
    const service =
      `<serviceList><service><serviceType>${SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId>` +
      '<SCPDURL>cds.xml</SCPDURL><controlURL>ctl/cds</controlURL><eventSubURL>evt/cds</eventSubURL></service></serviceList>';
    const server = device(TYPE, this.udn.replace('uuid:', 'UUID:'), service);
    const root = this.defects.embedded === true
      ? device('urn:example:device:Box:1', `uuid:${randomUUID()}`, `<deviceList>${server}</deviceList>`) : server;
    return { status: 200, text: `<?xml version="1.0"?><!-- made in Verona --><root xmlns="urn:schemas-upnp-org:device-1-0">${base}${root}</root>\0` };
  }

  private soap(body: string): { status: number; text: string } {
    this.requests += 1;
    if (this.defects.soapAnswer) return { status: this.defects.soapAnswer.status, text: this.defects.soapAnswer.body };
    const arg = (name: string): string => unescape(new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '');
    const id = arg('ObjectID');
    const self = this.objects.find((object) => object.id === id);
    if ((!self && id !== '0') || (id === '0' && this.defects.hidesRoot === true && arg('BrowseFlag') === 'BrowseMetadata')) return this.fault(701);
    const metadata = arg('BrowseFlag') === 'BrowseMetadata';
    const children = this.objects.filter(({ parent }) => parent === id);
    const all = metadata ? [self ?? { id: '0', parent: '-1', kind: 'container' as const, title: 'Root & all' }] : children;
    const start = this.defects.ignoresPaging === true ? 0 : Number(arg('StartingIndex'));
    const count = this.defects.ignoresPaging === true ? all.length : Math.min(Number(arg('RequestedCount')) || all.length, this.defects.mostReturned ?? Infinity);
    const page = metadata ? all : all.slice(start, start + count);
    if (page.some((object) => this.defects.poison?.includes(object.id) === true)) return this.fault(501);
    const objects = page.map((object) => this.didl(object)).join('');
    const didl = `<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">${objects}</DIDL-Lite>`;
    const escaped = this.defects.unescapedResult === true ? didl : escapeText(this.defects.doubleEscapedResult === true ? escapeText(didl) : didl);
    const total = this.defects.totalMatches ?? all.length;
    const inner = `<Result>${escaped}</Result><NumberReturned>${page.length}</NumberReturned><TotalMatches>${total}</TotalMatches><UpdateID>1</UpdateID>`;
    const ns = this.defects.wrongNamespace === true ? 'urn:schemas-upnp-org:service:Wrong:9' : SERVICE;
    return { status: 200, text: envelope(`<u:BrowseResponse xmlns:u="${ns}">${inner}</u:BrowseResponse>`) };
  }

  private didl(object: FakeObject): string {
    const title = this.defects.rawTitles === true ? object.title : escapeText(object.title);
    const head = `<${object.kind} id="${escapeText(object.id)}" parentID="${escapeText(object.parent)}" restricted="1">`;
    const { type, size } = object.media ? { type: object.media.type, size: object.media.content.length } : { type: 'video/mp4', size: 1000 };
    const itemClass = type.startsWith('audio/') ? 'object.item.audioItem' : 'object.item.videoItem';
    const upnpClass = object.kind === 'container' ? 'object.container.storageFolder' : itemClass;
    const res = object.path === undefined ? '' :
      `<res protocolInfo="http-get:*:${type}:*" size="${size}" duration="0:01:02.500">http://127.0.0.1:${this.port}${escapeText(object.path)}</res>`;
    const broken = this.defects.broken?.includes(object.id) === true ? '<b></i>' : '';
    return `${head}<dc:title>${title}</dc:title><upnp:class>${upnpClass}</upnp:class>${broken}${object.raw ?? ''}${res}</${object.kind}>`;
  }

  private fault(code: number): { status: number; text: string } {
    const detail = `<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode></UPnPError></detail>`;
    const text = envelope(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>${detail}</s:Fault>`);
    return { status: this.defects.faultWith200 === true ? 200 : 500, text };
  }
}

function envelope(body: string): string {
  return `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
