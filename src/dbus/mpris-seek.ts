import { mprisTime } from '../mapping/mpris-values.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortable } from '../xpmn/kernel/tasks.ts';
import type { MprisObserver } from './mpris-observer.ts';
import { isRefusal } from './mpris-remote.ts';
import type { MprisRemote, RemoteCall } from './mpris-remote.ts';
import { lengthOf } from './mpris-state.ts';
import type { MprisState } from './mpris-state.ts';

/** Seconds by which a place may be missed. */
const CLOSE = 2;

/** Goes to places, and looks whether it has come there. */
export class MprisSeek {
  private readonly observer: MprisObserver;
  private readonly remote: MprisRemote;
  private readonly call: RemoteCall;
  /** Milliseconds for each way. */
  private readonly patience: number;
  private refusal: unknown;

  constructor(observer: MprisObserver, remote: MprisRemote, patience: number, call: RemoteCall) {
    this.observer = observer;
    this.remote = remote;
    this.patience = patience;
    this.call = call;
  }

  /**
   * To so many seconds from the start: by the track, if the player names one; else, and where that does nothing, by so many from
   * here. COMPAT: some take the latter for a place (GSConnect), or ignore the former (navibeat).
   * @throws XpmnError `not-seekable` if nothing helps
   */
  async to(target: number): Promise<void> {
    const { observer, remote, call } = this;
    const { id } = observer.state.reading.track;
    const from = observer.here;
    if (id !== undefined && (await this.arrives(target, () => remote.tell('SetPosition', call, 'ox', [id, mprisTime(target)])))) return;
    const by = target - ((await this.position()) ?? observer.here);
    if (await this.arrives(target, () => remote.tell('Seek', call, 'x', [mprisTime(by)]))) return;
    const tookItForPlace = Math.abs(observer.here - by) <= CLOSE;
    if (tookItForPlace && (await this.arrives(target, () => remote.tell('Seek', call, 'x', [mprisTime(target)])))) return;
    // A film goes to the next of its key frames, which may be far apart.
    if (Math.abs(observer.here - target) < Math.abs(from - target) / 2) return;
    throw new XpmnError('not-seekable', 'The player does not go there.', { cause: this.refusal });
  }

  /** Tries one way. A player that does not say where it is is believed. */
  private async arrives(target: number, way: () => Promise<void>): Promise<boolean> {
    const { observer } = this;
    const before = observer.state;
    const isToEnd = target > (lengthOf(before) ?? Infinity) - CLOSE;
    // It may have gone on before it is looked at.
    if (isToEnd) observer.update({ place: { position: target, measured: observer.clock.monotonic() } });
    try {
      await way();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.refusal = error;
      if (isToEnd) await abortable(observer.look(false), this.call.signal);
      return false;
    }
    const { clock } = observer;
    const since = clock.monotonic();
    if ((await this.position()) === undefined || observer.state.isPlaceless) {
      observer.update({ place: { position: target, measured: since } });
      return true;
    }
    await abortable(observer.look(false), this.call.signal);
    const isThere = (): boolean => {
      const { status, rate } = observer.state.reading;
      const passed = status === 'playing' ? ((clock.monotonic() - since) * rate) / 1000 : 0;
      return Math.abs(observer.here - target - passed) <= CLOSE;
    };
    const isOver = (): boolean => isToEnd && hasEnded(observer.state, before);
    return observer.until(() => isThere() || isOver(), this.patience, this.call.signal);
  }

  private async position(): Promise<number | undefined> {
    try {
      return await this.remote.position(this.call);
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
  }
}

/** Who is taken to the end goes on by himself: he stops, or has another track. */
function hasEnded({ reading: { status, track }, loaded }: MprisState, before: MprisState): boolean {
  return status === 'stopped' || track.url !== before.reading.track.url || loaded?.media !== before.loaded?.media;
}
