/*
 * UPnP MediaRenderers, many in one process: enough of them for a control point, and they say what happens to them, a line of
 * JSON each: `{"renderer", "event", "at", …}`, `at` in ms of the system's monotonic clock, that of `process.hrtime` everywhere.
 * Whoever stands before one of them speaks on stdin: `{"renderer": 0, "volume": 37}`, `mute`, `state`.
 *
 *   node renderers.mjs ADDRESS PORT COUNT NAME
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Renderer } from './renderer.mjs';
import { SERVICES, answer, description, fault, readCall, scpd, serviceType } from './renderer-services.mjs';

const [address, port, count, name] = process.argv.slice(2);
const GROUP = '239.255.255.250';
const DEVICE = 'urn:schemas-upnp-org:device:MediaRenderer:1';
const XML = { 'Content-Type': 'text/xml; charset="utf-8"' };
const LONGEST = 65_536;

/** The same name gives the same devices. */
const udn = (index) => `uuid:${createHash('md5').update(`${name} ${index}`).digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
const say = (line) => process.stdout.write(`${JSON.stringify({ ...line, at: Number(process.hrtime.bigint()) / 1e6 })}\n`);
const renderers = Array.from({ length: Number(count) }, (_, index) => new Renderer((what) => say({ renderer: index, ...what })));

createServer(async (request, response) => {
  const [, index, file, what] = request.url.split('/');
  const renderer = renderers[Number(index)];
  const service = file?.replace(/\.xml$/, '');
  if (renderer && file === 'root.xml') return send(response, 200, description({ name: `${name} ${Number(index) + 1}`, udn: udn(index), deviceType: DEVICE, path: `/${index}` }));
  if (!renderer || !SERVICES.includes(service)) return void response.writeHead(404).end();
  if (what === undefined) return send(response, 200, scpd(service));
  if (what === 'event') return renderer.publishers[service].handle(request, response);
  let body = '';
  for await (const chunk of request) if ((body += chunk).length > LONGEST) return void request.destroy();
  control(renderer, service, readCall(service, request.headers.soapaction, body), response);
}).listen(Number(port), address, () => say({ event: 'ready' }));

function control(renderer, service, call, response) {
  if (!call) return send(response, 500, fault(401, 'Invalid Action'));
  try {
    send(response, 200, answer(service, call.action, renderer.call(call.action, call.given)));
  } catch (code) {
    if (typeof code !== 'number') throw code;
    send(response, 500, fault(code, 'not now'));
  }
}

function send(response, status, text) {
  response.writeHead(status, { ...XML, 'EXT': '', 'Content-Length': Buffer.byteLength(text) }).end(text);
}

const TARGETS = ['upnp:rootdevice', DEVICE, ...SERVICES.map(serviceType)];
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.bind(1900, GROUP, () => socket.addMembership(GROUP, address));
const sender = createSocket('udp4');
sender.bind(0, address);
socket.on('message', (message, from) => {
  const wanted = String(message).startsWith('M-SEARCH') ? /^st: *(\S+) *$/im.exec(String(message))?.[1] : undefined;
  // To a search for everything, what the devices are is enough.
  const target = wanted === 'ssdp:all' ? DEVICE : wanted;
  if (!TARGETS.includes(target)) return;
  for (const index of renderers.keys()) {
    const lines = ['HTTP/1.1 200 OK', 'EXT:', 'CACHE-CONTROL: max-age=1800', `LOCATION: http://${address}:${port}/${index}/root.xml`, `ST: ${target}`, `USN: ${udn(index)}::${target}`, '', ''];
    sender.send(lines.join('\r\n'), from.port, from.address);
  }
});

createInterface(process.stdin).on('line', (line) => {
  const { renderer, ...change } = JSON.parse(line);
  renderers[renderer].touched(change);
});
