import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { createEventSubscriber } from '../../src/upnp/gena-subscriber.ts';
import type { EventSubscription } from '../../src/upnp/gena.ts';
import { createHttpRequester } from '../../src/upnp/http-requester.ts';
import type { Requester } from '../../src/upnp/requester.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { EventedDevice } from '../fakes/evented-device.ts';
import { settings } from '../support/settings.ts';

/**
 * Event subscriptions as a process, to be run inside a network namespace. One JSON a line: states and events by name, what devices
 * answered, and answers to the lines of stdin: `subscribe NAME URL [SCOPE]`, `renew NAME`, `close NAME`, `device INTERFACE` (begins to be one, at its link-local address)
 * and `change VALUE`. Its one argument: settings of `gena`, as JSON. Ends with its stdin.
 */
const { gena, requester: requesterOptions } = settings.upnp;
const signal = new AbortController().signal;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const requester = createHttpRequester({ clock: systemClock }, requesterOptions);
const watched: Requester = {
  close: () => requester.close(),
  request: async (request, options) => {
    const response = await requester.request(request, options);
    const { SID: sid } = request.headers ?? {};
    say({ asked: request.method === 'SUBSCRIBE' && sid !== undefined ? 'renewal' : request.method, status: response.status, timeout: response.headers.timeout });
    return response;
  },
};
const log = { ...silentLogger, debug: (message: string, fields?: object) => say({ log: message, ...fields }) };
const subscriber = createEventSubscriber({ requester: watched, clock: systemClock, random: systemRandom, log }, { ...gena, ...(JSON.parse(process.argv[2] ?? '{}') as object) });
const subscriptions = new Map<string, EventSubscription>();
let device: EventedDevice | undefined;

// timers of the clock keep no process alive: stdin does
createInterface({ input: process.stdin })
  .on('line', (line) => void obey(line.split(' ')).catch((error: unknown) => say({ failed: String(error) })))
  .on('close', () => void subscriber.close().then(() => requester.close()).then(() => device?.close()));
say({ started: true });

async function obey([command, name = '', url = '', scope]: string[]): Promise<void> {
  if (command === 'subscribe') {
    const eventUrl = new URL(url);
    const service = { eventUrl, allowedHosts: [eventUrl.hostname], scope };
    subscriptions.set(name, subscriber.subscribe(() => service, {
      event: (properties) => say({ name, event: Object.fromEntries(properties) }),
      state: (state) => say({ name, state }),
    }));
  }
  if (command === 'renew') subscriptions.get(name)?.renewNow();
  if (command === 'close') {
    await subscriptions.get(name)?.close({ signal });
    say({ name, closed: true });
  }
  if (command === 'device') {
    const address = networkInterfaces()[name]?.find((one) => one.address.startsWith('fe80:'))?.address ?? '';
    device = await EventedDevice.start(address, name);
    say({ device: device.service.eventUrl.href });
  }
  if (command === 'change') await device?.change({ Volume: name });
}
