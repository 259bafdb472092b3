import assert from 'node:assert/strict';
import { once } from 'node:events';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { DeviceSource, MediaDevice } from '../../src/xpmn/ports/media-device.ts';

/** A device source that has not started, and the legacy device that it will find. */
export interface DeviceSourceRig {
  readonly source: DeviceSource;
  readonly description: MediaDevice['description'];
  /** Comes; one that is there shows itself once more. */
  appear(): Promise<void>;
  /** Goes away in order, for a moment that is within the hysteresis; the rest of it may have to pass (`elapse`). */
  vanish(): Promise<void>;
  /** Lets the time of hysteresis pass. */
  elapse(): Promise<void>;
  /** Rejects unless the legacy device answers to what this one is asked or told. */
  use(device: MediaDevice): Promise<void>;
  close(): Promise<void>;
}

const signal = AbortSignal.timeout(600_000);

/** The contract of DeviceSource in ports/media-device.ts; that of libraries is in media-library.suite.ts, that of players in media-player.suite.ts. */
export function describeDeviceSource(name: string, setup: () => Promise<DeviceSourceRig>): void {
  describe(`device source: ${name}`, () => {
    let rig: DeviceSourceRig;
    let appeared: MediaDevice[];
    let gone: string[];

    beforeEach(async () => {
      rig = await setup();
      appeared = [];
      gone = [];
      rig.source.on('deviceAppeared', (device) => {
        if (device.description.id === rig.description.id) appeared.push(device);
      });
      rig.source.on('deviceGone', (id) => {
        if (id === rig.description.id) gone.push(id);
      });
    });

    afterEach(async () => {
      await rig.source.stop();
      await rig.close();
    });

    const found = async (): Promise<MediaDevice> => {
      await rig.source.start({ signal });
      assert.deepEqual(rig.source.devices(), []);
      const seen = appearance(rig);
      await rig.appear();
      return seen;
    };

    it('refuses to start when aborted', async () => {
      await assert.rejects(rig.source.start({ signal: AbortSignal.abort(new XpmnError('aborted', 'Never mind.')) }), { code: 'aborted' });
    });

    it('finds a device that comes later, once', async () => {
      const device = await found();
      await rig.appear();
      assert.deepEqual(appeared, [device]);
      assert.deepEqual(device.description, rig.description);
      assert.deepEqual(rig.source.devices(), [device]);
      const isServer = rig.description.kind === 'media-server';
      assert.deepEqual([device.library !== undefined, device.player !== undefined], [isServer, !isServer]);
      await rig.use(device);
    });

    it('finds a device that was there before', async () => {
      await rig.appear();
      const seen = appearance(rig);
      await rig.source.start({ signal });
      await seen;
    });

    it('says once that a device is gone, and finds it again', async () => {
      await found();
      const left = departure(rig);
      await rig.vanish();
      await rig.elapse();
      await left;
      assert.deepEqual(gone, [rig.description.id]);
      assert.deepEqual(rig.source.devices(), []);
      const seen = appearance(rig);
      await rig.appear();
      await seen;
      assert.equal(appeared.length, 2);
    });

    it('keeps a device that comes back within the hysteresis', async () => {
      const device = await found();
      await rig.vanish();
      await rig.appear();
      await rig.elapse();
      await rig.use(device);
      assert.deepEqual([appeared.length, gone.length], [1, 0]);
      assert.deepEqual(rig.source.devices(), [device]);
    });

    it('says nothing after it was stopped', async () => {
      await found();
      await rig.source.stop();
      await rig.source.stop();
      await rig.vanish();
      await rig.appear();
      await rig.elapse();
      assert.deepEqual([appeared.length, gone.length], [1, 0]);
    });
  });
}

async function appearance(rig: DeviceSourceRig): Promise<MediaDevice> {
  for (;;) {
    const [device] = (await once(rig.source as never, 'deviceAppeared')) as [MediaDevice];
    if (device.description.id === rig.description.id) return device;
  }
}

async function departure(rig: DeviceSourceRig): Promise<void> {
  for (;;) {
    const [id] = (await once(rig.source as never, 'deviceGone')) as [string];
    if (id === rig.description.id) return;
  }
}
