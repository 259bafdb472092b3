import { mprisVolume } from '../mapping/mpris-values.ts';
import type { MprisReading } from '../mapping/mpris.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { abortable } from '../xpmn/kernel/tasks.ts';
import type { MprisObserver } from './mpris-observer.ts';
import type { MprisRemote, RemoteCall } from './mpris-remote.ts';
import { knowsVolume } from './mpris-state.ts';

/** Waits until it is so. @throws XpmnError `not-acceptable` if it took a command and did nothing */
type Confirm = (isDone: (reading: MprisReading) => boolean, call: RemoteCall) => Promise<void>;

/** The steps of a volume may be as large: that it does not go a smaller one says nothing. */
const VOLUME_STEP = 10;

/**
 * How loud a player is. There is no mute in MPRIS: muted is volume 0, and what it was before is remembered, until somebody else turns it up.
 * @throws XpmnError `not-supported`, `not-acceptable`, as MprisRemote
 */
export class MprisVolume {
  private readonly observer: MprisObserver;
  private readonly confirm: Confirm;

  constructor(observer: MprisObserver, confirm: Confirm) {
    this.observer = observer;
    this.confirm = confirm;
  }

  /** 0 to 100. While it is muted, what is set is heard afterwards. */
  async set(volume: number, remote: MprisRemote, call: RemoteCall): Promise<void> {
    await this.assertThere(call);
    if (this.observer.state.muted !== undefined) this.observer.update({ muted: volume });
    else await this.turn(volume, remote, call);
  }

  async mute(mute: boolean, remote: MprisRemote, call: RemoteCall): Promise<void> {
    await this.assertThere(call);
    const { observer } = this;
    const { muted, reading } = observer.state;
    if (mute === (muted !== undefined)) return;
    observer.isVolumeOurs = true;
    try {
      if (mute) observer.update({ muted: reading.volume });
      await this.turn(mute ? 0 : muted ?? 0, remote, call);
      if (!mute) observer.update({ muted: undefined });
    } catch (error) {
      observer.update({ muted });
      throw error;
    } finally {
      observer.isVolumeOurs = false;
    }
  }

  private async assertThere({ signal }: RemoteCall): Promise<void> {
    if (!knowsVolume(this.observer.state)) await abortable(this.observer.look(true), signal);
    if (!knowsVolume(this.observer.state)) throw new XpmnError('not-supported', 'The player has no volume.');
  }

  private async turn(volume: number, remote: MprisRemote, call: RemoteCall): Promise<void> {
    const { observer } = this;
    const { volume: before = volume } = observer.state.reading;
    await remote.set('Volume', { signature: 'd', value: mprisVolume(volume) }, call);
    try {
      // Players round.
      await this.confirm((reading) => Math.abs((reading.volume ?? NaN) - volume) <= 1, call);
    } catch (error) {
      const isUnmoved = observer.state.reading.volume === before && Math.abs(before - volume) > VOLUME_STEP;
      if (isUnmoved && asXpmnError(error).code === 'not-acceptable') observer.update({ fixedVolume: before });
      throw error;
    }
  }
}
