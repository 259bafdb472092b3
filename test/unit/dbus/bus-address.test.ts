import assert from 'node:assert/strict';
import { busAddress } from '../../../src/dbus/bus-address.ts';

describe('a bus by its name', () => {
  it('is where the environment says, or where systemd puts it', () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/tmp/mine', DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/tmp/all' };
    assert.deepEqual(['session', 'system'].map((name) => busAddress(name, env, 7)), ['unix:path=/tmp/mine', 'unix:path=/tmp/all']);
    assert.deepEqual(['session', 'system'].map((name) => busAddress(name, {}, 7)), ['unix:path=/run/user/7/bus', 'unix:path=/run/dbus/system_bus_socket']);
    assert.equal(busAddress('session', { DBUS_SESSION_BUS_ADDRESS: '' }, 7), 'unix:path=/run/user/7/bus');
  });

  it('is itself, where it is an address', () => assert.equal(busAddress('unix:path=/x', {}, 7), 'unix:path=/x'));
});
