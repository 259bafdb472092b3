import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { Link } from '../../../src/xpmn/model/link-addresses.ts';
import { createMdnsSocket } from '../../../src/xpmn/serverless/mdns/dgram-mdns-socket.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

describe('the socket of multicast DNS', () => {
  it('looks at the interfaces again when they could not be read, and keeps what it has meanwhile', async () => {
    const clock = new FakeClock();
    let [isFailing, looks] = [true, 0];
    const said: (readonly Link[])[] = [];
    const listInterfaces = () => {
      looks += 1;
      if (isFailing) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return { lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4' as const, mac: '', internal: true, cidr: '127.0.0.1/8' }] };
    };
    const socket = createMdnsSocket({ clock, log: silentLogger, listInterfaces }, { ...settings.mdns, port: 0, interfaces: ['lo'] });
    await socket.start({ packet: () => undefined, links: (links) => said.push(links) });
    assert.deepEqual([looks, said], [1, []]);
    const look = async (): Promise<void> => {
      const before = looks;
      await clock.advance(settings.mdns.interfaceInterval);
      assert.equal(looks, before + 1);
    };
    await look();
    isFailing = false;
    await look();
    assert.deepEqual(said.map((links) => links.map(({ name }) => name)), [['lo']]);
    isFailing = true;
    await look();
    await look();
    assert.equal(said.length, 1, 'it is still there');
    await socket.close();
    assert.equal(clock.pending, 0);
  });
});
