import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import { sleep } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { ButtonState } from '../pairing/button-state.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { PairingState, PairingWindow } from '../trust/pairing-window.ts';

export interface PairingSideDeps {
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly pairing: PairingWindow;
  readonly button: ButtonWindow;
  readonly controller: Device;
}

/** Ends the streams of those that are being paired with what let them in. */
export class PairingSide {
  private readonly deps: PairingSideDeps;
  private readonly options: { readonly stopTimeout: number };

  /** `stopTimeout`: milliseconds in which whoever is refused is told why. */
  constructor(deps: PairingSideDeps, options: { readonly stopTimeout: number }) {
    this.deps = deps;
    this.options = options;
  }

  start(): void {
    this.deps.pairing.on('changed', this.onChanged);
    this.deps.button.on('changed', this.onChanged);
  }

  stop(): void {
    this.deps.pairing.off('changed', this.onChanged);
    this.deps.button.off('changed', this.onChanged);
  }

  /** While nobody is being added, whoever has proven a PIN of before has nothing to say; what its stream takes up is given back. */
  private readonly onChanged = (window: PairingState | ButtonState): void => {
    if (window.state === 'closed' && window.why === 'refused') this.deps.tasks.run((signal) => this.endRefused(signal));
    else if (window.state === 'closed' || window.state === 'open') this.deps.controller.endPairing();
  };

  /** Whoever knew the PIN, and could not be added all the same, is told why first. */
  private async endRefused(signal: AbortSignal): Promise<void> {
    const { clock, pairing, controller } = this.deps;
    await sleep(clock, this.options.stopTimeout, signal);
    if (pairing.state.state === 'closed') controller.endPairing();
  }
}
