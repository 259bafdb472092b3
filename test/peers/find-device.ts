import { httpIn } from './http-in.ts';
import { run } from './process.ts';

/** A device as a plain control point finds it: none of the project's own code is in it. */
export interface FoundDevice {
  /** URL of the description. */
  readonly description: string;
  /** With `uuid:`. */
  readonly udn: string;
  /** Absolute URLs of its services, by the last word of their type without the version, e.g. `AVTransport`. */
  readonly services: Readonly<Record<string, { readonly type: string; readonly control: string; readonly event: string }>>;
}

// One search, answered within a second; in a process of its own: only so can a test search inside another network namespace.
const SCRIPT = `
  import { createSocket } from 'node:dgram';
  const [target, address] = process.argv.slice(1);
  const socket = createSocket('udp4');
  const found = new Set();
  socket.on('message', (data) => {
    const location = /^location:\\s*(\\S+)/im.exec(String(data))?.[1];
    if (location) found.add(location);
  });
  socket.bind(0, address, () => {
    socket.setMulticastInterface(address);
    const request = ['M-SEARCH * HTTP/1.1', 'HOST: 239.255.255.250:1900', 'MAN: "ssdp:discover"', 'MX: 1', 'ST: ' + target, '', ''].join('\\r\\n');
    socket.send(request, 1900, '239.255.255.250');
    setTimeout(() => {
      socket.close();
      process.stdout.write(JSON.stringify([...found]));
    }, 1200);
  });
`;

/** Searches from `address` for a device type, and gives the device of that name; undefined if it does not answer (yet). */
export async function findDevice(
  netns: string | undefined,
  { address, type, name }: { readonly address: string; readonly type: string; readonly name: string },
): Promise<FoundDevice | undefined> {
  const argv = [process.execPath, '--input-type=module', '-e', SCRIPT, type, address];
  for (const url of JSON.parse(await run(argv, { netns, timeout: 10_000 })) as string[]) {
    const found = await describeDevice(netns, url);
    if (found.name === name) return found;
  }
  return undefined;
}

/** What a description says of its first device. */
export async function describeDevice(netns: string | undefined, url: string): Promise<FoundDevice & { readonly name: string }> {
  const { body } = await httpIn(netns, url);
  const text = (name: string, within: string): string => plain(new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(within)?.[1] ?? '');
  const services: Record<string, { type: string; control: string; event: string }> = {};
  for (const [, service = ''] of body.matchAll(/<service>(.*?)<\/service>/gs)) {
    const type = text('serviceType', service);
    const absolute = (name: string): string => new URL(text(name, service), url).href;
    services[type.split(':').at(-2) ?? type] = { type, control: absolute('controlURL'), event: absolute('eventSubURL') };
  }
  return { description: url, name: text('friendlyName', body), udn: text('UDN', body), services };
}

function plain(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
