import { factsFromVariables } from '../mapping/av-transport.ts';
import { parseLastChange } from '../mapping/last-change.ts';
import { renderingFacts } from '../mapping/rendering-control.ts';
import type { Timer } from '../xpmn/kernel/clock.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import type { TaskGroup } from '../xpmn/kernel/tasks.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { TitleLimits } from '../mapping/av-transport.ts';
import type { EventSubscriber, EventSubscription, EventedService } from './gena.ts';
import { RendererProgress } from './renderer-progress.ts';
import type { ProgressDeps, ProgressOptions } from './renderer-progress.ts';
import { nextAsk } from './renderer-schedule.ts';
import type { Watching } from './renderer-schedule.ts';
import type { RendererService, RendererServices } from './renderer-services.ts';
import type { RendererTracker } from './renderer-tracker.ts';
import type { RendererVolume } from './renderer-volume.ts';

export interface WatchOptions extends ProgressOptions {
  readonly lastChange: XmlLimits;
  readonly didl: TitleLimits;
  /** Milliseconds from a word of the device, or to it, until it is looked where it is. */
  readonly settle: number;
  /** Questions without an answer after which it is taken for unreachable. */
  readonly unansweredAsks: number;
}

export interface WatchDeps extends ProgressDeps {
  readonly tasks: TaskGroup;
  readonly log: Logger;
  readonly events: EventSubscriber;
  readonly services: RendererServices;
  readonly tracker: RendererTracker;
  readonly volume: RendererVolume;
  /** Undefined where the device has no such service, or it tells nothing. @throws XpmnError `unreachable` while nobody knows */
  evented(service: RendererService): EventedService | undefined;
  /** Its events are not to be relied on. */
  readonly asksAlways: boolean;
}

const SERVICES = ['AVTransport', 'RenderingControl'] as const;

/** Keeps what is known of a renderer right: by its events, and where they don't come, by asking, as seldom as will do. */
export class RendererWatch {
  private readonly deps: WatchDeps;
  private readonly options: WatchOptions;
  private readonly progress: RendererProgress;
  private readonly subscriptions = new Map<RendererService, EventSubscription>();
  private watchers = 0;
  private asked: number;
  private confirmAt: number | undefined;
  private unanswered = 0;
  /** Since when: it was found otherwise than it had told, and has told nothing since. */
  private mutedAt: number | undefined;
  /** What it was told was broken off: whether it does that is not known before it is asked. */
  private isDoubted = false;
  /** It may have been told what we took for an echo. */
  private isLoudnessDoubted = false;
  private timer: Timer | undefined;
  private isAsking = false;
  private isClosed = false;

  constructor(deps: WatchDeps, options: WatchOptions) {
    this.deps = deps;
    this.options = options;
    this.progress = new RendererProgress(deps, options);
    this.asked = deps.clock.monotonic() - options.pollIdle;
  }

  start(): void {
    for (const service of SERVICES) {
      if (!this.deps.evented(service)) continue;
      const place = (): EventedService => {
        const evented = this.deps.evented(service);
        if (!evented) throw new XpmnError('not-supported', 'The service tells nothing any more.');
        return evented;
      };
      this.subscriptions.set(service, this.deps.events.subscribe(place, { event: (properties) => this.told(service, properties), state: () => this.turned() }));
    }
    this.schedule();
  }

  watch(): () => void {
    let isWatching = true;
    this.watchers += 1;
    this.schedule();
    return () => {
      if (isWatching) this.watchers -= 1;
      isWatching = false;
      this.schedule();
    };
  }

  /** The device may have started anew, or moved. */
  renew(): void {
    this.subscribeAnew();
    this.confirmAt = this.deps.clock.monotonic();
    this.schedule();
  }

  /** Something was done: how it is then is looked at soon; at once where it does not tell. */
  confirm(): void {
    this.confirmAt = this.deps.clock.monotonic() + (this.isLive('AVTransport') ? this.options.settle : 0);
    this.schedule();
  }

  /** A command was broken off: it may take effect, also after what is being answered now. */
  brokenOff(): void {
    this.isDoubted = true;
    this.deps.tracker.revision += 1;
    this.confirm();
  }

  /** A command had no answer. */
  doubt(): void {
    if (this.unanswered === 0) this.asked = this.deps.clock.monotonic();
    this.unanswered = Math.max(this.unanswered, 1);
    this.schedule();
  }

  /** What is known is as of now, where the device does not tell. @throws XpmnError if it can't be reached */
  async fresh(options: { readonly signal: AbortSignal }): Promise<void> {
    const isKnown = this.isLive('AVTransport') || (this.unanswered === 0 && this.deps.clock.monotonic() - this.asked < this.options.settle);
    if (!isKnown || this.isDoubted || this.deps.tracker.state.lost) await this.ask(options);
  }

  /** Asks now. @throws XpmnError if it can't be reached */
  async ask({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { clock, services, tracker, volume } = this.deps;
    const { revision, state: { began, phase } } = tracker;
    const isEnd = this.progress.isEndDue;
    const media = !this.isLive('AVTransport') || tracker.state.lost !== undefined;
    const rendering = !this.isLive('RenderingControl') || tracker.state.lost !== undefined || this.isLoudnessDoubted;
    const { transport, rendering: loudness } = await services.ask({ media, rendering }, { signal });
    this.asked = clock.monotonic();
    // Whoever was away may have started anew, and knows of no subscriptions then: nobody would hear of that for as long as they last.
    if (this.unanswered > 0 || (this.mutedAt !== undefined && this.asked >= this.mutedAt + this.options.settle)) this.subscribeAnew();
    this.answered();
    if (tracker.revision !== revision) {
      // It has said something since: that may be newer than what it has answered.
      this.confirmAt = this.asked + this.options.settle;
      return;
    }
    this.confirmAt = this.mutedAt === undefined ? undefined : this.mutedAt + this.options.settle;
    this.isDoubted = false;
    // What it can do in another state it has not told yet.
    tracker.heard(media || (transport.phase ?? phase) === phase ? transport : { ...transport, actions: 'unknown' });
    // COMPAT: that some tell nothing of their ends is no loss.
    if (!isEnd && this.isLive('AVTransport') && transport.phase !== undefined && transport.phase !== phase && tracker.state.phase !== phase) this.missed();
    this.isLoudnessDoubted = !volume.heard(loudness);
    this.progress.looked({ position: transport.position, isEnd, began });
  }

  async close(options: { readonly signal: AbortSignal }): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    await Promise.all([...this.subscriptions.values()].map((subscription) => subscription.close(options)));
  }

  /** Called for each change: what is due may be due at another time. */
  schedule(): void {
    this.timer?.cancel();
    const { clock, tracker: { state }, tasks } = this.deps;
    // Whether it plays what it was told to: once, and only if it has not said so by then.
    const expected = this.unanswered === 0 && this.asked < (state.expectedUntil ?? 0) ? state.expectedUntil : undefined;
    const due = [nextAsk(this.watching(), this.options), expected].filter((time) => time !== undefined);
    if (this.isClosed || this.isAsking || due.length === 0) return;
    this.timer = clock.after(Math.max(0, Math.min(...due) - clock.monotonic()), () => tasks.run((signal) => this.askByItself(signal)));
  }

  private async askByItself(signal: AbortSignal): Promise<void> {
    this.isAsking = true;
    try {
      await this.ask({ signal });
    } catch (error) {
      signal.throwIfAborted();
      this.failed(error);
    } finally {
      this.isAsking = false;
      this.schedule();
    }
  }

  private watching(): Watching {
    const { asked, confirmAt, progress: { endAsked }, unanswered, watchers } = this;
    const isLive = this.isLive('AVTransport') && (!this.subscriptions.has('RenderingControl') || this.isLive('RenderingControl'));
    return { state: this.deps.tracker.state, isLive, watchers, asked, confirmAt, endAsked, unanswered };
  }

  private isLive(service: RendererService): boolean {
    return !this.deps.asksAlways && this.subscriptions.get(service)?.state === 'live';
  }

  private told(service: RendererService, properties: ReadonlyMap<string, string>): void {
    const { clock, tracker, volume } = this.deps;
    const before = tracker.state;
    const { values, losses } = parseLastChange(properties.get('LastChange') ?? '', this.options.lastChange);
    if (losses.length > 0) this.deps.log.debug('A renderer\'s event had to be repaired.', { service, losses: losses.join(', ') });
    // COMPAT: some tell their variables one by one.
    const variables = values.size > 0 ? values : properties;
    this.answered();
    const facts = factsFromVariables(variables, this.options.didl);
    if (service === 'AVTransport') {
      this.mutedAt = undefined;
      tracker.heard(facts);
    } else if (!volume.heard(renderingFacts(variables))) {
      this.isLoudnessDoubted = true;
      this.confirmAt = clock.monotonic() + volume.window;
    }
    const { phase, own, uri, trackUri, expectedUntil } = tracker.state;
    const isOn = phase === 'playing' || phase === 'paused';
    const isAnother = own !== before.own || uri !== before.uri || trackUri !== before.trackUri;
    // Also where it says again that it plays: so do those on which somebody has gone to another place.
    if (isOn && (facts.phase !== undefined || isAnother) && (this.watchers > 0 || own)) this.confirmAt = clock.monotonic() + this.options.settle;
    if (expectedUntil !== before.expectedUntil || isOn) this.progress.heard();
    this.schedule();
  }

  /** COMPAT: it told, and does not any more, or can't be reached: one question decides. */
  private turned(): void {
    if (!this.isLive('AVTransport') && this.subscriptions.get('AVTransport')?.state !== 'subscribing') this.confirmAt ??= this.deps.clock.monotonic();
    this.schedule();
  }

  private answered(): void {
    this.unanswered = 0;
    const { tracker } = this.deps;
    if (!tracker.state.lost) return;
    tracker.set({ ...tracker.state, lost: undefined });
    for (const subscription of this.subscriptions.values()) if (subscription.state !== 'live' && subscription.state !== 'subscribing') subscription.renewNow();
  }

  private subscribeAnew(): void {
    this.mutedAt = undefined;
    for (const subscription of this.subscriptions.values()) subscription.renewNow();
  }

  /** Its event may be on its way: if it has not come when it is asked again, it has forgotten who listens. */
  private missed(): void {
    this.mutedAt ??= this.deps.clock.monotonic();
    this.confirmAt = this.mutedAt + this.options.settle;
    this.schedule();
  }

  private failed(error: unknown): void {
    const { clock, tracker, log } = this.deps;
    this.asked = clock.monotonic();
    this.unanswered += 1;
    log.debug('A renderer did not answer.', { times: this.unanswered, error: String(error) });
    if (this.unanswered < this.options.unansweredAsks || tracker.state.lost) return;
    tracker.set({ ...tracker.state, lost: new XpmnError('unreachable', 'The player does not answer.', { cause: asXpmnError(error) }) });
  }
}
