import { EventEmitter } from 'node:events';
import type { DeviceSource, DeviceSourceEvents, MediaDevice } from '../../src/xpmn/ports/media-device.ts';

/** A legacy side whose devices appear and go as the test says. */
export class MemoryDevices extends EventEmitter<DeviceSourceEvents> implements DeviceSource {
  private readonly there = new Map<string, MediaDevice>();

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  devices(): readonly MediaDevice[] {
    return [...this.there.values()];
  }

  appear(device: MediaDevice): void {
    this.there.set(device.description.id, device);
    this.emit('deviceAppeared', device);
  }

  vanish(id: string): void {
    if (this.there.delete(id)) this.emit('deviceGone', id);
  }
}
