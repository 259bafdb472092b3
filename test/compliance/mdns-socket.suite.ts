import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import type { Link } from '../../src/xpmn/model/link-addresses.ts';
import type { MdnsPacket, MdnsSocket } from '../../src/xpmn/serverless/mdns/mdns-socket.ts';
import { settle } from '../support/fake-clock.ts';

/** A machine on one of the links. */
export interface Neighbour extends EventEmitter<{ heard: [data: string, address: string, port: number] }> {
  multicast(data: string): Promise<void>;
  /** To this machine alone, at the port of multicast DNS. */
  unicast(data: string): Promise<void>;
}

/** A socket that has not started, on a machine whose links the test sets. */
export interface MdnsSocketRig {
  readonly socket: MdnsSocket;
  /** Links that the test may give the machine; their networks differ. */
  readonly links: readonly [Link, Link];
  /** The machine's links from now on; seen at the next look (`look`). */
  setLinks(links: readonly Link[]): void;
  look(): Promise<void>;
  neighbour(link: Link): Neighbour;
  /** Sockets and timers that are still open. */
  leftovers(): number;
  close(): Promise<void>;
}

/** The contract of xpmn/serverless/mdns/mdns-socket.ts. */
export function describeMdnsSocket(name: string, setup: () => Promise<MdnsSocketRig>): void {
  describe(`socket of multicast DNS: ${name}`, () => {
    let rig: MdnsSocketRig;
    let packets: MdnsPacket[];
    let said: (readonly Link[])[];
    let waiting: ((packet: MdnsPacket) => void) | undefined;

    beforeEach(async () => {
      rig = await setup();
      [packets, said, waiting] = [[], [], undefined];
    });

    afterEach(async () => {
      await rig.socket.close();
      await rig.close();
    });

    const start = (): Promise<void> => rig.socket.start({
      packet: (packet) => {
        packets.push(packet);
        waiting?.(packet);
      },
      links: (links) => said.push(links),
    });
    const packet = (text: string): Promise<MdnsPacket> =>
      new Promise((resolve) => (waiting = (one) => (one.data.toString() === text ? resolve(one) : undefined)));
    const texts = (): string[] => packets.map(({ data }) => data.toString());

    it('starts without any network, and says so by silence', async () => {
      rig.setLinks([]);
      await start();
      assert.deepEqual(said, []);
      await rig.socket.multicast(rig.links[0].name, Buffer.from('nobody'));
    });

    it('says which links there are, once', async () => {
      await start();
      await rig.look();
      await rig.look();
      assert.deepEqual(said, [rig.links]);
    });

    it('sends out of the one link, from its address and the port of multicast DNS', async () => {
      await start();
      for (const link of rig.links) {
        const heard = once(rig.neighbour(link), 'heard');
        const own = packet(`on ${link.name}`);
        await rig.socket.multicast(link.name, Buffer.from(`on ${link.name}`));
        const [data, address, port] = await heard;
        const { port: back } = await own;
        assert.deepEqual([data, address, port], [`on ${link.name}`, link.addresses[0]?.address, back]);
      }
    });

    it('hears what is multicast, by which link, and from whom', async () => {
      await start();
      for (const link of rig.links) {
        const heard = packet(`from ${link.name}`);
        await rig.neighbour(link).multicast(`from ${link.name}`);
        const { link: by, address, port } = await heard;
        assert.deepEqual([by, address !== '', port > 0], [link.name, true, true]);
      }
      await settle();
      assert.deepEqual(texts(), rig.links.map(({ name: by }) => `from ${by}`));
    });

    it('answers one asker, from the port that was asked', async () => {
      await start();
      const neighbour = rig.neighbour(rig.links[0]);
      const asked = packet('?');
      await neighbour.multicast('?');
      const { link, address, port } = await asked;
      const heard = once(neighbour, 'heard');
      await rig.socket.unicast(link, Buffer.from('!'), address, port);
      assert.equal((await heard)[0], '!');
    });

    it('takes nothing that is not for the group', async () => {
      await start();
      const neighbour = rig.neighbour(rig.links[0]);
      await neighbour.unicast('for another responder');
      const heard = packet('for all');
      await neighbour.multicast('for all');
      await heard;
      assert.deepEqual(texts(), ['for all']);
    });

    it('follows the links', async () => {
      const [first, second] = rig.links;
      const moved: Link = { ...first, addresses: [...first.addresses, { address: '192.0.2.99', prefix: 24 }] };
      rig.setLinks([]);
      await start();
      for (const links of [[first], [first, second], [moved, second], [second]]) {
        rig.setLinks(links);
        await rig.look();
        assert.deepEqual(said.at(-1), links);
      }
      const heard = packet('still there');
      await rig.neighbour(second).multicast('still there');
      await heard;
      rig.setLinks([]);
      await rig.look();
      assert.deepEqual(said, [[first], [first, second], [moved, second], [second], []]);
    });

    it('uses a link whose address became another one', async () => {
      const [first, second] = rig.links;
      const moved: Link = { ...first, addresses: second.addresses };
      rig.setLinks([first]);
      await start();
      rig.setLinks([moved]);
      await rig.look();
      const heard = Promise.race([first, second].map((link) => once(rig.neighbour(link), 'heard')));
      await rig.socket.multicast(first.name, Buffer.from('moved'));
      assert.deepEqual((await heard).slice(0, 2), ['moved', second.addresses[0]?.address]);
    });

    it('sends nothing over a link that went away, and does not mind what can\'t be sent', async () => {
      await start();
      rig.setLinks([rig.links[1]]);
      await rig.look();
      let sent = 0;
      rig.neighbour(rig.links[0]).on('heard', () => (sent += 1));
      await rig.socket.multicast(rig.links[0].name, Buffer.from('gone'));
      await rig.socket.unicast(rig.links[0].name, Buffer.from('gone'), '192.0.2.1', 1);
      await rig.socket.multicast(rig.links[1].name, Buffer.alloc(70_000));
      const heard = once(rig.neighbour(rig.links[1]), 'heard');
      await rig.socket.multicast(rig.links[1].name, Buffer.from('there'));
      await heard;
      await settle();
      assert.equal(sent, 0);
    });

    it('is closed when it is closed, also twice, also before it started', async () => {
      await start();
      await rig.socket.close();
      await rig.socket.close();
      await settle();
      assert.equal(rig.leftovers(), 0);
      const heard = once(rig.neighbour(rig.links[0]), 'heard');
      await rig.neighbour(rig.links[0]).multicast('anybody?');
      await heard;
      await rig.socket.multicast(rig.links[0].name, Buffer.from('no'));
      rig.setLinks([]);
      await rig.look();
      assert.deepEqual([texts(), said.length], [[], 1]);
      const other = await setup();
      await other.socket.close();
      await settle();
      assert.equal(other.leftovers(), 0);
      await other.close();
    });
  });
}
