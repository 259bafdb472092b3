import { startBus } from '../peers/dbus.ts';
import type { Bus } from '../peers/dbus.ts';
import { mprisSourceRig } from '../support/mpris-source-rig.ts';
import { describeDeviceSource } from './media-device.suite.ts';

describe('device sources by MPRIS', () => {
  let bus: Bus;

  before(async () => {
    bus = await startBus();
  });

  after(async () => {
    await bus.stop();
  });

  describeDeviceSource('MPRIS', () => Promise.resolve(mprisSourceRig(bus)));
});
