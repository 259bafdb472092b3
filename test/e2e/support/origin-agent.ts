import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { contentOf } from './content.ts';
import type { Trouble } from './fake-origin.ts';

/**
 * A UPnP media server that does to its files what the test says; a process of its own, as it lives in another network
 * namespace. Prints `ready`, then a line for each request of a file. Arguments: address, port, UDN, files as JSON.
 */
const [address = '', portText = '', udn = '', filesText = ''] = process.argv.slice(2);
const port = Number(portText);
const files = JSON.parse(filesText) as Readonly<Record<string, { readonly size: number; readonly trouble: Trouble }>>;
/** Files that have broken off once. */
const broken = new Set<string>();
const ONCE: readonly Trouble[] = ['breaks-once', 'changes', 'grows'];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const GROUP = '239.255.255.250';
const DEVICE = 'urn:schemas-upnp-org:device:MediaServer:1';
const SERVICE = 'urn:schemas-upnp-org:service:ContentDirectory:1';
const base = `http://${address}:${port}`;

function serveFile(name: string, request: IncomingMessage, response: ServerResponse): void {
  const file = files[name];
  say(`${request.method} ${name} ${request.headers.range ?? ''}`);
  if (!file || file.trouble === 'not-found') return void response.writeHead(404, { 'Content-Length': 0 }).end();
  if (file.trouble === 'error') return void response.writeHead(500, { 'Content-Length': 4 }).end('oops');
  if (file.trouble === 'page') return void response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': 12 }).end('<b>sorry</b>');
  const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const first = Number(from);
  const isNew = (file.trouble === 'changes' || file.trouble === 'grows') && broken.has(name);
  const size = file.trouble === 'grows' && isNew ? file.size + 1 : file.size;
  const last = Math.min(size - 1, to === '' ? size - 1 : Number(to));
  const headers = { 'Content-Type': 'video/mp4', 'Content-Range': `bytes ${first}-${last}/${size}`, 'Content-Length': last - first + 1 };
  if (request.method === 'HEAD') return void response.writeHead(200, { ...headers, 'Content-Length': size }).end();
  const whole = contentOf(isNew ? `new ${name}` : name, first, last);
  if (file.trouble === 'long') {
    // Past what Node would let a response say.
    const head = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`).join('');
    return void request.socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 206 Partial Content\r\n${head}\r\n`), whole, Buffer.from('and more and more'.repeat(1000))]));
  }
  response.writeHead(206, headers);
  const half = Math.floor(size / 2);
  const failsNow = file.trouble === 'short' || file.trouble === 'stalls' || (ONCE.includes(file.trouble) && !broken.has(name));
  if (!failsNow || last < half) return void response.end(whole);
  broken.add(name);
  response.write(whole.subarray(0, Math.max(0, half - first)), () => {
    // What was written is on its way before the connection goes.
    if (file.trouble !== 'stalls') setTimeout(() => request.socket.destroy(), 200);
  });
}

function describe(response: ServerResponse): void {
  xml(response, `<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><device><deviceType>${DEVICE}</deviceType>` +
    `<friendlyName>Trouble</friendlyName><manufacturer>None</manufacturer><modelName>Fake</modelName><UDN>${udn}</UDN><serviceList><service><serviceType>${SERVICE}</serviceType>` +
    '<serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId><SCPDURL>/scpd</SCPDURL><controlURL>/control</controlURL><eventSubURL>/events</eventSubURL></service></serviceList></device></root>');
}

function browse(body: string, response: ServerResponse): void {
  const metadata = body.includes('BrowseMetadata');
  const start = Number(/<StartingIndex>(\d+)</.exec(body)?.[1] ?? 0);
  const items = Object.entries(files).map(([name, { size }]) =>
    `<item id="i-${name}" parentID="0" restricted="1"><dc:title>${name}</dc:title><upnp:class>object.item.videoItem</upnp:class>` +
    `<res protocolInfo="http-get:*:video/mp4:*" size="${size}">${base}/files/${name}</res></item>`);
  const id = /<ObjectID>([^<]*)</.exec(body)?.[1] ?? '';
  const shown = metadata
    ? (id === '0' ? ['<container id="0" parentID="-1" restricted="1"><dc:title>root</dc:title><upnp:class>object.container</upnp:class></container>'] : items.filter((item) => item.includes(`id="${id}"`)))
    : items.slice(start);
  const didl = `<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">${shown.join('')}</DIDL-Lite>`;
  const escaped = didl.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  xml(response, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:BrowseResponse xmlns:u="${SERVICE}"><Result>${escaped}</Result>` +
    `<NumberReturned>${shown.length}</NumberReturned><TotalMatches>${metadata ? 1 : items.length}</TotalMatches><UpdateID>1</UpdateID></u:BrowseResponse></s:Body></s:Envelope>`);
}

function xml(response: ServerResponse, text: string): void {
  const body = `<?xml version="1.0"?>${text}`;
  response.writeHead(200, { 'Content-Type': 'text/xml; charset="utf-8"', 'Content-Length': Buffer.byteLength(body) }).end(body);
}

const ssdp = createSocket({ type: 'udp4', reuseAddr: true });
ssdp.on('message', (message, from) => {
  const text = String(message);
  if (!text.startsWith('M-SEARCH')) return;
  const lines = ['HTTP/1.1 200 OK', 'EXT:', 'CACHE-CONTROL: max-age=1800', `LOCATION: ${base}/description`, `ST: ${DEVICE}`, `USN: ${udn}::${DEVICE}`];
  ssdp.send(`${lines.join('\r\n')}\r\n\r\n`, from.port, from.address);
});
ssdp.bind(1900, () => {
  ssdp.addMembership(GROUP, address);
  createServer((request, response) => {
    const path = request.url ?? '';
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (path.startsWith('/files/')) serveFile(path.slice('/files/'.length), request, response);
      else if (path === '/description') describe(response);
      else browse(body, response);
    });
  }).listen(port, address, () => {
    const lines = ['NOTIFY * HTTP/1.1', `HOST: ${GROUP}:1900`, `NT: ${DEVICE}`, 'NTS: ssdp:alive', `USN: ${udn}::${DEVICE}`, 'CACHE-CONTROL: max-age=1800', `LOCATION: ${base}/description`];
    ssdp.send(`${lines.join('\r\n')}\r\n\r\n`, 1900, GROUP);
    say('ready');
  });
});
