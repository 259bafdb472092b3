import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { PairingPin, PinAttempt } from '../../src/xpmn/ports/pairing-pin.ts';
import { MemoryDisk, MemoryStorage } from '../support/memory-storage.ts';

export interface FakePinOptions {
  /** Survives the FakePin: another one on it knows what was burnt. */
  readonly disk?: MemoryDisk;
  /** How many may be burnt before there are none any more. */
  readonly attempts?: number;
}

/** One PIN in a window that stays open, with what was done to it. One attempt at a time, burnt on a disk. */
export class FakePin implements PairingPin {
  readonly pin: string;
  readonly disk: MemoryDisk;
  /** For whom attempts began. */
  readonly begun: Jid[] = [];
  /** Calls of `burn`, also of those that failed. */
  burning = 0;
  /** What `done` was told, in order. */
  readonly ended: boolean[] = [];
  /** No window is open. */
  isClosed = false;
  /** The window closes before anything is proven. */
  isOver = false;
  /** Calls of `lost`. */
  lost = 0;
  /** Burning waits for it, if it is there. */
  hold: Promise<void> | undefined;
  /** Called when an attempt begins, and when one starts and has finished to burn. */
  onBegin: () => void = () => undefined;
  onBurning: () => void = () => undefined;
  onBurnt: () => void = () => undefined;
  private readonly storage: MemoryStorage;
  private readonly attempts: number;

  constructor(pin: string, { disk = new MemoryDisk(), attempts = 1_000_000 }: FakePinOptions = {}) {
    this.pin = pin;
    this.disk = disk;
    this.storage = new MemoryStorage(disk);
    this.attempts = attempts;
  }

  /** Attempts that are counted on the disk. */
  get burnt(): number {
    return Number(this.disk.documents.get('burnt') ?? 0);
  }

  /** Attempts that have begun and not ended. */
  get open(): number {
    return this.begun.length - this.ended.length;
  }

  begin(peer: Jid): PinAttempt | undefined {
    if (this.isClosed || this.open > 0 || this.burnt >= this.attempts) return undefined;
    this.begun.push(peer);
    this.onBegin();
    return {
      pin: this.pin,
      burn: async () => {
        this.burning += 1;
        this.onBurning();
        await this.hold;
        await this.storage.put('burnt', Buffer.from(String(this.burnt + 1)));
        this.onBurnt();
      },
      done: (proven) => {
        this.ended.push(proven);
        if (proven && this.isOver) throw new XpmnError('not-allowed', 'The pairing window was closed.');
      },
      lost: () => void (this.lost += 1),
    };
  }
}
