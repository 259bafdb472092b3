/*
 * A UPnP media server that has one film, somewhere else on its own host: makes any HTTP server a source for a gateway.
 *
 *   node announcer.mjs ADDRESS PORT NAME UUID FILM-URL SIZE
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const [address, port, name, uuid, film, size] = process.argv.slice(2);
const GROUP = '239.255.255.250';
const TYPE = 'urn:schemas-upnp-org:device:MediaServer:1';
const SERVICE = 'urn:schemas-upnp-org:service:ContentDirectory:1';
const LOCATION = `http://${address}:${port}/root.xml`;
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const DESCRIPTION = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>${TYPE}</deviceType>
<friendlyName>${name}</friendlyName><manufacturer>bench</manufacturer><modelName>bench</modelName><UDN>uuid:${uuid}</UDN><serviceList><service>
<serviceType>${SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId><SCPDURL>/scpd.xml</SCPDURL>
<controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service></serviceList></device></root>`;

const ROOT = '<container id="0" parentID="-1" restricted="1" childCount="1"><dc:title>root</dc:title><upnp:class>object.container</upnp:class></container>';
const FILM = `<item id="film" parentID="0" restricted="1"><dc:title>film</dc:title><upnp:class>object.item.videoItem</upnp:class>
<res protocolInfo="http-get:*:video/mpeg:*" size="${size}">${film}</res></item>`;

function browse(body) {
  const argument = (key) => new RegExp(`<${key}>([^<]*)</${key}>`).exec(body)?.[1] ?? '';
  const self = argument('ObjectID') === '0' ? ROOT : FILM;
  const children = argument('ObjectID') === '0' && argument('StartingIndex') === '0' ? FILM : '';
  const objects = argument('BrowseFlag') === 'BrowseMetadata' ? self : children;
  const didl = `<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/">${objects}</DIDL-Lite>`;
  const answer = `<Result>${escape(didl)}</Result><NumberReturned>${objects === '' ? 0 : 1}</NumberReturned><TotalMatches>1</TotalMatches><UpdateID>1</UpdateID>`;
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:BrowseResponse xmlns:u="${SERVICE}">${answer}</u:BrowseResponse></s:Body></s:Envelope>`;
}

createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const text = request.method === 'POST' ? browse(body) : DESCRIPTION;
  response.writeHead(200, { 'Content-Type': 'text/xml; charset="utf-8"', 'Content-Length': Buffer.byteLength(text) }).end(text);
}).listen(Number(port), address, () => console.log('ready'));

const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.bind(1900, GROUP, () => socket.addMembership(GROUP, address));
socket.on('message', (message, from) => {
  const text = String(message);
  if (!text.startsWith('M-SEARCH') || !/^st: *(ssdp:all|.*MediaServer:1) *$/im.test(text)) return;
  const answer = ['HTTP/1.1 200 OK', 'EXT:', 'CACHE-CONTROL: max-age=1800', `LOCATION: ${LOCATION}`, `ST: ${TYPE}`, `USN: uuid:${uuid}::${TYPE}`, '', ''];
  const sender = createSocket('udp4');
  sender.bind(0, address, () => sender.send(answer.join('\r\n'), from.port, from.address, () => sender.close()));
});
