import { volumeFromDevice, volumeToDevice } from '../mapping/rendering-control.ts';
import type { VolumeRange } from '../mapping/rendering-control.ts';

interface Sent {
  readonly volume: number;
  /** The device's number. */
  value: number;
  readonly at: number;
}

const REMEMBERED = 8;

/**
 * What a device says of its volume after we have set it: our own words, later, or rounded. What was set is then what it is, so that 42
 * stays 42 on a device that has 25 steps, or says 41.
 */
export class VolumeEcho {
  /** Milliseconds within which it may say what it had before. */
  readonly window: number;
  private sent: readonly Sent[] = [];

  constructor(window: number) {
    this.window = window;
  }

  /** 0 to 100 in, the device's number out. */
  set(volume: number, range: VolumeRange, now: number): number {
    const value = volumeToDevice(volume, range);
    this.sent = [...this.sent, { volume, value, at: now }].slice(-REMEMBERED);
    return value;
  }

  /** It was refused: that was not set. */
  takeBack(): void {
    this.sent = this.sent.slice(0, -1);
  }

  /** 0 to 100 of what the device says; undefined for an echo of something that we have replaced since. */
  heard(value: number, range: VolumeRange, now: number): number | undefined {
    const last = this.sent.at(-1);
    if (!last) return volumeFromDevice(value, range);
    const isRecent = now - last.at <= this.window;
    if (value === last.value || (isRecent && Math.abs(value - last.value) === 1)) {
      last.value = value;
      return last.volume;
    }
    if (isRecent && this.sent.some((one) => one.value === value && now - one.at <= 2 * this.window)) return undefined;
    this.sent = [];
    return volumeFromDevice(value, range);
  }
}
