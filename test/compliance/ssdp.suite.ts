import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { settle } from '../support/fake-clock.ts';
import type { SsdpDatagram, SsdpInterface, SsdpSocket } from '../../src/upnp/ssdp-socket.ts';

/** A socket that has not started, on a machine whose interfaces the test sets, and a device beside it. */
export interface SsdpRig {
  readonly socket: SsdpSocket;
  /** Addresses that the test may give the machine; each is an interface address of its own. */
  readonly addresses: readonly [SsdpInterface, SsdpInterface];
  /** The machine's interface addresses from now on; seen at the next look (`look`). */
  setAddresses(addresses: readonly SsdpInterface[]): void;
  look(): Promise<void>;
  /** The device: emits `heard` (data, source address, source port) for what is multicast, and sends. */
  readonly device: EventEmitter<{ heard: [data: string, address: string, port: number] }>;
  multicast(data: string): Promise<void>;
  unicast(data: string, port: number, address: string): Promise<void>;
  /** Sockets and timers that are still open. */
  leftovers(): number;
  close(): Promise<void>;
}

/** The contract of upnp/ssdp-socket.ts. */
export function describeSsdpSocket(name: string, setup: () => Promise<SsdpRig>): void {
  describe(`SSDP socket: ${name}`, () => {
    let rig: SsdpRig;
    let datagrams: SsdpDatagram[];
    let ups: SsdpInterface[];
    let waiting: ((datagram: SsdpDatagram) => void) | undefined;

    beforeEach(async () => {
      rig = await setup();
      [datagrams, ups, waiting] = [[], [], undefined];
    });

    afterEach(async () => {
      await rig.socket.close();
      await rig.close();
    });

    const start = (): Promise<void> => rig.socket.start({
      datagram: (datagram) => {
        datagrams.push(datagram);
        waiting?.(datagram);
      },
      interfaceUp: (on) => ups.push(on),
    });
    const datagram = (text: string): Promise<SsdpDatagram> =>
      new Promise((resolve) => (waiting = (one) => (one.data.toString() === text ? resolve(one) : undefined)));
    const build = (group: string, port: number): Buffer => Buffer.from(`to ${group} ${port}`);

    it('starts without any network', async () => {
      rig.setAddresses([]);
      await start();
      assert.deepEqual([rig.socket.interfaces(), ups], [[], []]);
    });

    it('says which interfaces can be used', async () => {
      await start();
      assert.deepEqual(rig.socket.interfaces(), rig.addresses);
      assert.deepEqual(ups, rig.addresses);
    });

    it('sends out of each interface, from its address', async () => {
      await start();
      for (const on of rig.addresses) {
        const heard = once(rig.device, 'heard');
        await rig.socket.multicast(on, build);
        const [data, address] = await heard;
        assert.match(String(data), /^to 239\.255\.255\.250 \d+$/);
        assert.equal(address, on.address);
      }
    });

    it('hears what is multicast, and who sent it', async () => {
      await start();
      const heard = datagram('NOTIFY ö');
      await rig.multicast('NOTIFY ö');
      const { data, address, port } = await heard;
      assert.equal(data.toString(), 'NOTIFY ö');
      assert.ok(address !== '' && port > 0);
    });

    it('hears answers, which come to where it asked from', async () => {
      await start();
      const asked = once(rig.device, 'heard');
      await rig.socket.multicast(rig.addresses[0], build);
      const [, address, port] = await asked;
      const answered = datagram('HTTP/1.1 200 OK');
      await rig.unicast('HTTP/1.1 200 OK', Number(port), String(address));
      await answered;
    });

    it('follows the interfaces', async () => {
      const [first, second] = rig.addresses;
      rig.setAddresses([]);
      await start();
      rig.setAddresses([first]);
      await rig.look();
      assert.deepEqual([rig.socket.interfaces(), ups], [[first], [first]]);
      rig.setAddresses([second]);
      await rig.look();
      assert.deepEqual([rig.socket.interfaces(), ups], [[second], [first, second]]);
      const heard = datagram('still there');
      await rig.multicast('still there');
      await heard;
      rig.setAddresses([]);
      await rig.look();
      assert.deepEqual(rig.socket.interfaces(), []);
    });

    it('sends nothing over an interface that went away, and does not mind', async () => {
      await start();
      rig.setAddresses([rig.addresses[1]]);
      await rig.look();
      let sent = 0;
      rig.device.on('heard', () => (sent += 1));
      await rig.socket.multicast(rig.addresses[0], build);
      const heard = once(rig.device, 'heard');
      await rig.socket.multicast(rig.addresses[1], build);
      await heard;
      assert.equal(sent, 1);
    });

    it('does not mind what can\'t be sent', async () => {
      await start();
      await rig.socket.multicast(rig.addresses[0], () => Buffer.alloc(70_000));
      await rig.socket.multicast({ name: 'nowhere', family: 6, address: 'fe80::1' }, build);
    });

    it('is closed when it is closed, also twice, also before it started', async () => {
      await start();
      await rig.socket.close();
      await rig.socket.close();
      await settle();
      assert.equal(rig.leftovers(), 0);
      const before = datagrams.length;
      const heard = once(rig.device, 'heard');
      await rig.multicast('anybody?');
      await heard;
      await rig.socket.multicast(rig.addresses[0], build);
      await rig.look();
      assert.deepEqual([datagrams.length, rig.socket.interfaces()], [before, []]);
      const other = await setup();
      await other.socket.close();
      await settle();
      assert.equal(other.leftovers(), 0);
      await other.close();
    });
  });
}
