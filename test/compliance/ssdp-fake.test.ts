import { EventEmitter } from 'node:events';
import type { SsdpInterface } from '../../src/upnp/ssdp-socket.ts';
import { FakeSsdpSocket } from '../fakes/fake-ssdp.ts';
import { describeSsdpSocket } from './ssdp.suite.ts';
import type { SsdpRig } from './ssdp.suite.ts';

describeSsdpSocket('in memory', async () => {
  const addresses: [SsdpInterface, SsdpInterface] = [{ name: 'eth0', family: 4, address: '192.0.2.50' }, { name: 'eth1', family: 4, address: '198.51.100.50' }];
  const socket = new FakeSsdpSocket(addresses);
  const device: SsdpRig['device'] = new EventEmitter();
  socket.on('sent', (data, on) => device.emit('heard', data.toString(), on.address, 40_000));
  let next: readonly SsdpInterface[] = addresses;
  return {
    socket,
    addresses,
    setAddresses: (wanted) => {
      next = wanted;
      if (!socket.open) socket.setInterfaces(wanted);
    },
    look: async () => socket.setInterfaces(next),
    device,
    async multicast(data) {
      device.emit('heard', data, '192.0.2.1', 1900);
      socket.hear(data, '192.0.2.1');
    },
    async unicast(data) {
      socket.hear(data, '192.0.2.1', 1900);
    },
    leftovers: () => (socket.open ? 1 : 0),
    close: async () => undefined,
  };
});
