import { abortReason, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { PairingState, PairingWindow } from '../xpmn/trust/pairing-window.ts';

/** What a user sees of a pairing; `revision` grows with every change. */
export type PairingView = PairingState & { readonly revision: number };

/** The pairing window, as those see it who wait for what happens in it. */
export class PairingDesk {
  private readonly window: PairingWindow;
  private readonly assertMayAdd: () => void;
  private revision = 0;

  /** `assertMayAdd` throws while nobody could be added anyway: then no PIN is shown for nothing. */
  constructor(window: PairingWindow, assertMayAdd: () => void = () => undefined) {
    this.window = window;
    this.assertMayAdd = assertMayAdd;
    // As many as wait.
    window.setMaxListeners(0);
    window.on('changed', () => (this.revision += 1));
  }

  get view(): PairingView {
    return { ...this.window.state, revision: this.revision };
  }

  async open(pin: string | undefined): Promise<PairingView> {
    this.assertMayAdd();
    await this.window.open({ pin });
    return this.view;
  }

  close(): PairingView {
    this.window.close();
    return this.view;
  }

  /** The state as soon as it is newer than `after`. */
  wait(after: number, signal: AbortSignal): Promise<PairingView> {
    if (this.revision > after) return Promise.resolve(this.view);
    return new Promise((resolve, reject) => {
      throwIfAborted(signal);
      const stop = (): void => {
        this.window.off('changed', onChanged);
        signal.removeEventListener('abort', onAbort);
      };
      const onChanged = (): void => (stop(), resolve(this.view));
      const onAbort = (): void => (stop(), reject(abortReason(signal)));
      this.window.on('changed', onChanged);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
