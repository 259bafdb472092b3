import { EventEmitter } from 'node:events';
import type { Clock } from '../xpmn/kernel/clock.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { TaskGroup, abortReason, abortable, withDeadline } from '../xpmn/kernel/tasks.ts';
import type { Picture } from '../xpmn/model/picture.ts';
import type { MediaPlayer, MediaPlayerEvents, PlayerCall, PlayerSnapshot } from '../xpmn/ports/media-player.ts';
import { PLAIN_PROFILE } from '../xpmn/ports/player-feed.ts';
import type { FeedTarget, PlayerMedia } from '../xpmn/ports/player-feed.ts';
import type { EventSubscriber, EventedService } from './gena.ts';
import { Learnt } from './learnt.ts';
import type { DeviceQuirks } from './quirks.ts';
import { abilitiesOf } from './renderer-abilities.ts';
import { AV_TRANSPORT_ERRORS, RENDERING_CONTROL_ERRORS, rendererError, upnpErrorOf } from './renderer-errors.ts';
import { fetchPicture } from './renderer-picture.ts';
import { RendererServices } from './renderer-services.ts';
import type { RendererService, RendererServicesOptions, ServicePlace } from './renderer-services.ts';
import { durationOf } from './renderer-state.ts';
import { RendererTracker } from './renderer-tracker.ts';
import type { TrackerOptions } from './renderer-tracker.ts';
import { RendererTransport } from './renderer-transport.ts';
import type { TransportOptions } from './renderer-transport.ts';
import { RendererVolume } from './renderer-volume.ts';
import type { VolumeOptions } from './renderer-volume.ts';
import { RendererWatch } from './renderer-watch.ts';
import type { WatchOptions } from './renderer-watch.ts';
import type { Requester } from './requester.ts';

/** Times in milliseconds unless said. */
export interface MediaRendererOptions extends Omit<RendererServicesOptions, 'didl'>, TrackerOptions, TransportOptions, VolumeOptions, WatchOptions {
  /** How long the device is told that nobody listens any more. */
  readonly farewell: number;
  /** Of a picture. */
  readonly pictureBytes: number;
}

export interface MediaRendererDeps {
  readonly requester: Requester;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventSubscriber;
  readonly quirks: DeviceQuirks;
  /** Undefined where the device has no such service. @throws XpmnError `unreachable` while nobody knows where it is */
  place(service: RendererService): ServicePlace | undefined;
  evented(service: RendererService): EventedService | undefined;
  /** Hosts that it may name, beside its own. */
  readonly mediaHosts: readonly string[];
  /** IP literal that it fetches from; undefined for this machine. */
  address(): string | undefined;
}

/** A MediaRenderer as a MediaPlayer. What it has shown of itself is remembered as long as the device is known, wherever it moves. */
export class MediaRenderer extends EventEmitter<MediaPlayerEvents> implements MediaPlayer {
  readonly preload?: NonNullable<MediaPlayer['preload']>;
  private readonly deps: MediaRendererDeps;
  private readonly options: MediaRendererOptions;
  private readonly learnt = new Learnt();
  private readonly services: RendererServices;
  private readonly tracker: RendererTracker;
  private readonly volume: RendererVolume;
  private readonly watch: RendererWatch;
  private readonly transport: RendererTransport;
  private readonly tasks: TaskGroup;

  constructor(deps: MediaRendererDeps, options: MediaRendererOptions) {
    super();
    this.deps = deps;
    this.options = options;
    const { clock, log, events, quirks, evented } = deps;
    this.tasks = new TaskGroup((error) => log.error('Following a renderer failed.', { error: String(error) }));
    this.services = new RendererServices({ requester: deps.requester, learnt: this.learnt, place: (service) => deps.place(service) }, options);
    this.tracker = new RendererTracker({
      clock,
      abilities: (state) => abilitiesOf(state, this.services),
      changed: (snapshot) => this.say(() => this.emit('changed', snapshot)),
      ended: (url) => this.say(() => this.emit('ended', url)),
      followed: (did) => this.followed(did),
    }, options);
    this.volume = new RendererVolume({ clock, services: this.services, tracker: this.tracker }, options);
    this.watch = new RendererWatch({
      clock, log, events, tasks: this.tasks, services: this.services, tracker: this.tracker, volume: this.volume, learnt: this.learnt,
      evented: (service) => evented(service),
      asksAlways: quirks.poll === 'always',
      stuck: () => this.tasks.run((signal) => this.unstick(signal)),
    }, options);
    this.transport = new RendererTransport({ clock, services: this.services, tracker: this.tracker, learnt: this.learnt, quirks, ask: (call) => this.watch.ask(call) }, options);
    if (quirks.ignoreNext !== true && this.services.has('AVTransport', 'SetNextAVTransportURI')) this.preload = (media, call) => this.setNext(media, call);
    this.watch.start();
  }

  get snapshot(): PlayerSnapshot {
    return this.tracker.snapshot;
  }

  get feed(): FeedTarget {
    return { address: this.deps.address(), profile: { ...PLAIN_PROFILE, ...this.deps.quirks.feed } };
  }

  /** The device has been described again: it may be somewhere else, or have started anew. */
  moved(): void {
    if (!this.tasks.signal.aborted) this.watch.renew();
  }

  async picture(name: string, { signal }: PlayerCall): Promise<Picture> {
    const { requester, mediaHosts } = this.deps;
    const art = this.tracker.state.media?.art;
    if (this.tasks.signal.aborted || art === undefined || this.snapshot.media?.picture !== name) throw new XpmnError('not-found', 'It does not show that picture now.');
    const endpoint = this.deps.place('AVTransport')?.endpoint;
    if (!endpoint) throw new XpmnError('not-found', 'It does not say where that is.');
    return fetchPicture(requester, art, { endpoint, allowedHosts: [...endpoint.allowedHosts, ...mediaHosts], limit: this.options.pictureBytes, signal });
  }

  watched(): () => void {
    return this.watch.watch();
  }

  /** Ends all; the device is told, if it can be reached. */
  async close(): Promise<void> {
    if (this.tasks.signal.aborted) return;
    this.tracker.close();
    const { deps: { clock }, options: { farewell: delay } } = this;
    const ending = this.tasks.close();
    await withDeadline({ clock, delay, what: 'The farewell to a renderer' }, (signal) => this.watch.close({ signal })).catch(() => undefined);
    await ending;
  }

  load(media: PlayerMedia, call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      await this.transport.load(media, signal);
    });
  }

  play(call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      if (this.snapshot.state === 'idle') throw new XpmnError('unexpected-request', 'There is nothing to play.');
      await this.transport.play(signal);
    });
  }

  pause(call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      if (!this.transport.isOn) return;
      if (!this.services.has('AVTransport', 'Pause')) throw new XpmnError('not-pausable', 'The player can\'t pause.');
      await this.transport.pause(signal);
    });
  }

  stop(call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      if (this.transport.isOn || this.tracker.state.phase === 'paused') await this.transport.stop(signal);
    });
  }

  seek(position: number, call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      const { phase } = this.tracker.state;
      if (phase === 'stopped' || phase === 'idle') throw new XpmnError('unexpected-request', 'Nothing is played.');
      if (!this.snapshot.abilities.seek) throw new XpmnError('not-seekable', 'One can\'t go to another place of that.');
      if (!(position >= 0 && position <= (durationOf(this.tracker.state) ?? Infinity))) throw new XpmnError('not-acceptable', 'There is no such place.');
      await this.transport.seek(position, signal);
    });
  }

  next(call: PlayerCall): Promise<void> {
    return this.step('Next', call);
  }

  previous(call: PlayerCall): Promise<void> {
    return this.step('Previous', call);
  }

  setVolume(volume: number, call: PlayerCall): Promise<void> {
    return this.command(call, (signal) => this.volume.setVolume(volume, signal), RENDERING_CONTROL_ERRORS);
  }

  setMute(mute: boolean, call: PlayerCall): Promise<void> {
    return this.command(call, (signal) => this.volume.setMute(mute, signal), RENDERING_CONTROL_ERRORS);
  }

  private setNext(media: PlayerMedia | undefined, call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      if (this.learnt.next === 'broken' || !this.services.has('AVTransport', 'SetNextAVTransportURI')) {
        if (media) throw new XpmnError('not-supported', 'The player does not go on by itself.');
        return;
      }
      await this.transport.follow(media, signal);
    });
  }

  private step(action: 'Next' | 'Previous', call: PlayerCall): Promise<void> {
    return this.command(call, async (signal) => {
      await this.watch.fresh({ signal });
      const { abilities } = this.snapshot;
      if (!(action === 'Next' ? abilities.next : abilities.previous)) throw new XpmnError('not-supported', 'The player has no list of its own.');
      await this.services.call('AVTransport', action, {}, { signal });
    });
  }

  /** It has been told that it is over, and what becomes of that shows. */
  private async unstick(signal: AbortSignal): Promise<void> {
    await this.services.call('AVTransport', 'Stop', {}, { signal }).catch((error: unknown) => this.deps.log.debug('A renderer does not stop at its end.', { error: String(error) }));
  }

  private followed(did: boolean): void {
    this.learnt.next = did ? 'works' : 'broken';
    if (!did) this.deps.log.info('A renderer does not go on by itself: it is told each title.');
  }

  /** One command: ends with its caller's signal, and with the device. */
  private async command(call: PlayerCall, work: (signal: AbortSignal) => Promise<void>, errors = AV_TRANSPORT_ERRORS): Promise<void> {
    call.signal.throwIfAborted();
    if (this.tasks.signal.aborted) throw gone();
    const signal = AbortSignal.any([call.signal, this.tasks.signal]);
    try {
      await abortable(work(signal), signal);
      this.watch.confirm();
    } catch (error) {
      if (call.signal.aborted) {
        this.watch.brokenOff();
        throw abortReason(call.signal);
      }
      if (this.tasks.signal.aborted) throw gone();
      const failure = rendererError(error, errors);
      if (failure.family === 'unreachable' && upnpErrorOf(failure) === undefined) this.watch.doubt();
      else this.watch.confirm();
      throw failure;
    }
  }

  /** Nobody hears anything of a device that has gone. */
  private say(tell: () => void): void {
    if (!this.tasks.signal.aborted) tell();
  }
}

function gone(): XpmnError {
  return new XpmnError('unreachable', 'The player has gone.');
}
