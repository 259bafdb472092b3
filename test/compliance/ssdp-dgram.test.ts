import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import type { networkInterfaces } from 'node:os';
import { createSsdpSocket } from '../../src/upnp/dgram-ssdp-socket.ts';
import { SSDP_IPV4 } from '../../src/upnp/ssdp.ts';
import type { SsdpInterface } from '../../src/upnp/ssdp-socket.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { settings } from '../support/settings.ts';
import { describeSsdpSocket } from './ssdp.suite.ts';
import type { SsdpRig } from './ssdp.suite.ts';

const DEVICE = '127.0.0.9';

// two addresses of loopback stand for two interfaces: nothing leaves the machine
describeSsdpSocket('node:dgram on loopback', async () => {
  const addresses: [SsdpInterface, SsdpInterface] = [{ name: 'lo', family: 4, address: '127.0.0.1' }, { name: 'lo', family: 4, address: '127.0.0.2' }];
  let present: readonly SsdpInterface[] = addresses;
  const clock = new FakeClock();
  const device: SsdpRig['device'] = new EventEmitter();
  const listener = createSocket({ type: 'udp4', reuseAddr: true }).bind({ address: SSDP_IPV4, port: 0, exclusive: true });
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.addMembership(SSDP_IPV4, '127.0.0.1');
  listener.on('message', (data, from) => device.emit('heard', data.toString(), from.address, from.port));
  const sender = createSocket('udp4').bind(0, DEVICE);
  await once(sender, 'listening');
  sender.setMulticastInterface(DEVICE);
  const send = (data: string, to: number, address: string): Promise<void> => new Promise((resolve) => sender.send(data, to, address, () => resolve()));
  const before = openSockets();
  const listInterfaces = (): ReturnType<typeof networkInterfaces> => ({
    lo: present.map(({ address }) => ({ address, netmask: '255.0.0.0', family: 'IPv4' as const, mac: '00:00:00:00:00:00', internal: true, cidr: null })),
  });
  const { ssdp } = settings.upnp;
  return {
    socket: createSsdpSocket({ clock, log: silentLogger, listInterfaces }, { ...ssdp, port, interfaces: ['lo'] }),
    addresses,
    setAddresses: (wanted) => (present = wanted),
    look: () => clock.advance(ssdp.interfaceInterval),
    device,
    multicast: (data) => send(data, port, SSDP_IPV4),
    unicast: send,
    leftovers: () => openSockets() - before + clock.pending,
    close: async () => {
      listener.close();
      sender.close();
    },
  };
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'UDPWrap' || resource === 'UDPWRAP').length;
}
