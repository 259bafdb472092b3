import type { Clock } from '../kernel/clock.ts';
import { deferred, abortable } from '../kernel/tasks.ts';
import type { MediaPlayer, PlayerSnapshot } from '../ports/media-player.ts';

/** Waits until the player shows what it was told, but no longer than `delay` ms: some never do. @throws the signal's reason */
export async function shown(player: MediaPlayer, { clock, delay, signal }: { readonly clock: Clock; readonly delay: number; readonly signal: AbortSignal }, isSo: (snapshot: PlayerSnapshot) => boolean): Promise<void> {
  if (isSo(player.snapshot)) return;
  const { promise, resolve } = deferred();
  const look = (snapshot: PlayerSnapshot): void => {
    if (isSo(snapshot)) resolve();
  };
  player.on('changed', look);
  const timer = clock.after(delay, resolve);
  try {
    await abortable(promise, signal);
  } finally {
    timer.cancel();
    player.off('changed', look);
  }
}
