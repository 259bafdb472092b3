import { EventEmitter } from 'node:events';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortReason } from '../../src/xpmn/kernel/tasks.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { MediaItem } from '../../src/xpmn/model/media.ts';
import type { PlaybackStatus, PlayerCommand, PlayerView, PlayingItem } from '../../src/xpmn/model/playback.ts';
import type { OpenRequest, OpenedList } from '../../src/xpmn/ports/playback-control.ts';
import type { PlayersControl } from '../../src/app/gateway-api.ts';

export function playingItem(title: string, changes: Partial<MediaItem> = {}): PlayingItem {
  return { item: { kind: 'item', id: title, parent: undefined, title, type: 'audio', uid: undefined, ...changes }, uri: undefined };
}

export function playbackStatus(changes: Partial<PlaybackStatus> = {}): PlaybackStatus {
  return {
    state: 'playing', position: 62, duration: 276, speed: 1, index: 1, count: 12, session: 's1', uri: undefined, controller: undefined, seekable: true, pausable: true, error: undefined, ...changes,
  };
}

/** One player under many names: it does what it is told at once, and is as a test says. */
export class FakePlayers implements PlayersControl {
  readonly opened: (OpenRequest & { readonly device: Jid })[] = [];
  readonly commands: PlayerCommand[] = [];
  /** What `open` and `command` fail with. */
  failure: XpmnError | undefined;
  /** What the titles are called, instead of by their places. */
  title: string | undefined;
  /** States that follow an `open`, in turn. */
  after: Partial<PlaybackStatus>[] = [{}];
  view: Omit<PlayerView, 'device'> = { revision: 1, reach: 'there', status: playbackStatus(), heard: Date.UTC(2026, 0, 1), item: playingItem('Nemo', { artist: 'Nightwish', album: 'Once' }), volume: 35, mute: false };
  private readonly events = new EventEmitter<{ changed: [] }>();
  /** How many wait for news now. */
  waiting = 0;
  /** What the last one who waits has seen. */
  waitingAfter: number | undefined;

  async open(device: Jid, request: OpenRequest): Promise<OpenedList> {
    if (this.failure) throw this.failure;
    this.opened.push({ device, ...request });
    const items = request.uris.map((uri, i) => ({ ...playingItem(this.title ?? `Title ${i + 1}`), uri }));
    const session = `s${this.opened.length + 1}`;
    const [first, ...later] = this.after.map((changes) => playbackStatus({ session, index: 0, count: items.length, position: request.position ?? 0, ...changes }));
    if (first) this.change({ status: first, item: items[0] });
    for (const status of later) setImmediate(() => this.change({ status }));
    return { session, seekable: true, pausable: true, items };
  }

  async command(_device: Jid, command: PlayerCommand): Promise<void> {
    if (this.failure) throw this.failure;
    this.commands.push(command);
  }

  async now(device: Jid): Promise<PlayerView> {
    if (this.failure) throw this.failure;
    return { ...this.view, device };
  }

  async wait(device: Jid, after: number, signal: AbortSignal): Promise<PlayerView> {
    this.waitingAfter = undefined;
    while (this.view.revision <= after) {
      this.waitingAfter = after;
      await this.next(signal);
    }
    return { ...this.view, device };
  }

  change(changes: Partial<PlayerView>): void {
    this.view = { ...this.view, ...changes, revision: this.view.revision + 1 };
    this.events.emit('changed');
  }

  private async next(signal: AbortSignal): Promise<void> {
    this.waiting += 1;
    try {
      await new Promise<void>((resolve, reject) => {
        this.events.once('changed', resolve);
        signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true });
      });
    } finally {
      this.waiting -= 1;
    }
  }
}
