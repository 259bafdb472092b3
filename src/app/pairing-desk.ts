import type { EventEmitter } from 'node:events';
import { abortReason, throwIfAborted } from '../xpmn/kernel/tasks.ts';
import type { ButtonState } from '../xpmn/pairing/button-state.ts';
import type { PairingState } from '../xpmn/trust/pairing-window.ts';

/** What a user sees of a pairing by PIN; `revision` grows with every change. */
export type PairingView = PairingState & { readonly revision: number };

/** The same of one by a button. */
export type ButtonView = ButtonState & { readonly revision: number };

/** What happens somewhere, as those see it who wait for it. */
type Watched<State> = EventEmitter<{ changed: [state: State] }> & { readonly state: State };

/** A pairing, for the commands that open it and wait for what happens in it. */
export class PairingDesk<State extends object> {
  private readonly window: Watched<State> & { close(): void };
  private revision = 0;

  constructor(window: Watched<State> & { close(): void }) {
    this.window = window;
    // As many as wait.
    window.setMaxListeners(0);
    window.on('changed', () => (this.revision += 1));
  }

  get view(): State & { readonly revision: number } {
    return { ...this.window.state, revision: this.revision };
  }

  close(): State & { readonly revision: number } {
    this.window.close();
    return this.view;
  }

  /** The state as soon as it is newer than `after`. */
  wait(after: number, signal: AbortSignal): Promise<State & { readonly revision: number }> {
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
