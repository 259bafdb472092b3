import assert from 'node:assert/strict';
import { createSsdpSocket } from '../../../src/upnp/dgram-ssdp-socket.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

describe('the socket of SSDP', () => {
  it('looks at the interfaces again when they could not be read, and keeps what it has meanwhile', async () => {
    const clock = new FakeClock();
    const { ssdp } = settings.upnp;
    let [isFailing, looks] = [true, 0];
    const up: string[] = [];
    const listInterfaces = () => {
      looks += 1;
      if (isFailing) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return { lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4' as const, mac: '', internal: true, cidr: '127.0.0.1/8' }] };
    };
    const socket = createSsdpSocket({ clock, log: silentLogger, listInterfaces }, { ...ssdp, port: 0, interfaces: ['lo'] });
    await socket.start({ datagram: () => undefined, interfaceUp: ({ name }) => up.push(name) });
    assert.deepEqual([looks, up], [1, []]);
    const look = async (): Promise<void> => {
      const before = looks;
      await clock.advance(ssdp.interfaceInterval);
      assert.equal(looks, before + 1);
    };
    await look();
    isFailing = false;
    await look();
    assert.deepEqual(up, ['lo']);
    isFailing = true;
    await look();
    await look();
    assert.deepEqual([up.length, socket.interfaces().length], [1, 1], 'it is still there');
    await socket.close();
    assert.equal(clock.pending, 0);
  });
});
