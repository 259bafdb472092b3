import type { ButtonState } from '../xpmn/pairing/button-state.ts';
import type { ButtonWindow } from '../xpmn/pairing/button-window.ts';
import type { PairingState, PairingWindow } from '../xpmn/trust/pairing-window.ts';
import type { ButtonControl, PairingControl } from './gateway-api.ts';
import { PairingDesk } from './pairing-desk.ts';

export interface PairingControls {
  readonly pairing: PairingControl;
  readonly button: ButtonControl;
}

export interface PairingControlDeps {
  /** Presses the button. */
  press(): Promise<void>;
  /** Throws while nobody could be added anyway: then no PIN is shown for nothing. */
  assertMayAdd(): void;
}

/** Both ways to add a device on this side. One at a time: whichever is begun ends the other. */
export function pairingControls(window: PairingWindow, button: ButtonWindow, { press, assertMayAdd }: PairingControlDeps): PairingControls {
  const [pin, pressed] = [new PairingDesk<PairingState>(window), new PairingDesk<ButtonState>(button)];
  return {
    pairing: {
      open: async (wanted) => {
        assertMayAdd();
        button.close();
        await window.open({ pin: wanted });
        return pin.view;
      },
      close: () => pin.close(),
      wait: (after, signal) => pin.wait(after, signal),
    },
    button: {
      press: async () => {
        assertMayAdd();
        window.close();
        await press();
        return pressed.view;
      },
      close: () => pressed.close(),
      wait: (after, signal) => pressed.wait(after, signal),
      target: () => button.target(),
      failed: () => button.callFailed(),
    },
  };
}
