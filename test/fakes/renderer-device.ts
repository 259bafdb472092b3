import { formatWholeSeconds } from '../../src/mapping/media-time.ts';
import type { Clock, Timer } from '../../src/xpmn/kernel/clock.ts';
import { escapeAttr, escapeText } from '../../src/xpmn/model/xml.ts';
import type { Answer, Received } from '../compliance/requester.suite.ts';

/** What real renderers do wrong, one switch each; may be changed while it runs. */
export interface RendererDefects {
  /** Faults by action, instead of what it would do; a list is used up. */
  faults?: Record<string, number | number[]>;
  /** Actions that it does not list. */
  missing?: string[];
  /** The service description is not there. */
  noScpd?: boolean;
  noRenderingControl?: boolean;
  /** It never says anything by event. */
  mute?: boolean;
  /** 500 without a word to everything. */
  broken?: boolean;
  /** It takes connections and answers nothing. */
  hangs?: boolean;
  /** Takes SetNextAVTransportURI, and stops all the same. */
  ignoresNext?: boolean;
  /** STOPPED between two titles. */
  stopsBetween?: boolean;
  /** Nothing is there any more at the end: as gmediarender. */
  clearsAtEnd?: boolean;
  /** PLAYING for ever at the end. */
  stuckAtEnd?: boolean;
  /** Milliseconds that Stop takes, TRANSITIONING. */
  stopsIn?: number;
  /** It plays what is set without being told to. As Macast. */
  playsWhatIsSet?: boolean;
  /** Milliseconds from Play to PLAYING. */
  startsIn?: number;
  /** Milliseconds from Play to where it has opened it, or stops: PLAYING before, where it was in the title before, and deaf for Seek. As Kodi. */
  opensIn?: number;
  /** STOPPED is told that late, also after Play. */
  lateStopped?: number;
  /** Steps of its volume. */
  volumeSteps?: number;
  /** What it says of its volume is one less than what was set. */
  roundsVolume?: boolean;
  seekFormat?: 'whole' | 'abs';
  noActions?: boolean;
  /** LastChange as it goes out. */
  spoil?: (text: string) => string;
}

type State = 'NO_MEDIA_PRESENT' | 'STOPPED' | 'TRANSITIONING' | 'PLAYING' | 'PAUSED_PLAYBACK';
type Service = 'AVTransport' | 'RenderingControl';
type Variables = Record<string, string>;

interface Title {
  readonly url: string;
  readonly seconds: number;
  readonly metadata: string;
}

const TYPE = 'urn:schemas-upnp-org:device:MediaRenderer:1';
const MODERATION = 200;
const OPTIONAL = ['Pause', 'SetNextAVTransportURI', 'GetCurrentTransportActions'];
const ACTIONS: Readonly<Record<Service, readonly string[]>> = {
  AVTransport: ['SetAVTransportURI', 'GetMediaInfo', 'GetTransportInfo', 'GetPositionInfo', 'Stop', 'Play', 'Seek', 'Next', 'Previous', ...OPTIONAL],
  RenderingControl: ['GetVolume', 'SetVolume', 'GetMute', 'SetMute'],
};

/** A MediaRenderer without sound or network: what it plays passes by its clock. Requests are handed to it, events are taken from it. */
export class RendererDevice {
  readonly defects: RendererDefects;
  readonly udn: string;
  /** Actions that were called, in order. */
  readonly calls: string[] = [];
  /** Arguments of the last call of each. */
  readonly last = new Map<string, ReadonlyMap<string, string>>();
  /** What else it serves, by path. */
  readonly files = new Map<string, Buffer>();
  /** URLs behind which there is nothing. */
  readonly missing = new Set<string>();
  /** Seconds of what is behind a URL. */
  readonly lengths = new Map<string, number>();
  volume = 50;
  muted = false;
  state: State = 'NO_MEDIA_PRESENT';
  /** It says that it plays, and stands still where it is. */
  isFrozen = false;
  /** What goes out as LastChange, of one service. */
  onEvent: (service: Service, lastChange: string) => void = () => undefined;
  private readonly clock: Clock;
  private titles: readonly Title[] = [];
  private track = 0;
  private next: Title | undefined;
  private position = 0;
  private left = 0;
  private isOpening = false;
  private since = 0;
  private timer: Timer | undefined;
  private readonly pending = new Map<Service, { readonly variables: Variables; readonly timer: Timer }>();

  constructor(clock: Clock, { defects = {}, udn = 'uuid:renderer' }: { readonly defects?: RendererDefects; readonly udn?: string } = {}) {
    this.clock = clock;
    this.defects = defects;
    this.udn = udn;
  }

  get title(): Title | undefined {
    return this.titles[this.track];
  }

  handle({ method, path, body, headers }: Received): Answer {
    if (this.defects.hangs) return { silent: true };
    if (this.defects.broken) return { status: 500 };
    if (method === 'GET') return this.document(path);
    const action = /#(\w+)"?$/.exec(headers.soapaction ?? '')?.[1] ?? '';
    const args = new Map([...body.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name = '', value = '']) => [name, unescape(value)]));
    this.calls.push(action);
    this.last.set(action, args);
    const number = this.fault(action) ?? undefined;
    const result = number ?? this.perform(action, args);
    return typeof result === 'number' ? fault(result) : { body: envelope(`<u:${action}Response xmlns:u="urn:x">${Object.entries(result).map(([name, value]) => `<${name}>${escapeText(value)}</${name}>`).join('')}</u:${action}Response>`) };
  }

  /** All that a new subscriber is told. */
  everything(service: Service): string {
    if (service === 'RenderingControl') return this.lastChange(service, { Volume: String(this.said), Mute: this.muted ? '1' : '0' });
    return this.lastChange(service, { TransportState: this.state, TransportStatus: 'OK', ...this.trackVariables() });
  }

  /** Somebody else does something at the device. */
  readonly hand = {
    play: () => void this.perform('Play', new Map()),
    pause: () => void this.perform('Pause', new Map()),
    stop: () => void this.perform('Stop', new Map()),
    seek: (seconds: number) => this.goTo(seconds),
    /** Plays on from there at once, without TRANSITIONING. */
    skip: (seconds: number) => {
      this.timer?.cancel();
      this.position = seconds;
      this.run();
    },
    setVolume: (volume: number) => this.vary({ volume: Math.round((volume * this.steps) / 100) }),
    setMute: (mute: boolean) => this.vary({ muted: mute }),
    playThese: (...urls: string[]) => this.playAll(urls.map((url) => this.titleOf(url, ''))),
    playWith: (metadata: string, url: string) => this.playAll([this.titleOf(url, metadata)]),
    /** TRANSITIONING where it is, until it is told something. */
    starve: () => {
      this.position = this.here();
      this.timer?.cancel();
      this.become('TRANSITIONING');
    },
    finish: () => this.goTo(Math.max(0, (this.title?.seconds ?? 0) - 1)),
  };

  /** Something is set already. */
  titlesFor(...urls: string[]): void {
    this.titles = urls.map((url) => this.titleOf(url, ''));
    this.become('STOPPED');
  }

  /** Ends its clockwork. */
  stopAll(): void {
    this.timer?.cancel();
    for (const { timer } of this.pending.values()) timer.cancel();
  }

  private get steps(): number {
    return this.defects.volumeSteps ?? 100;
  }

  private get said(): number {
    return this.defects.roundsVolume ? Math.max(0, this.volume - 1) : this.volume;
  }

  private fault(action: string): number | undefined {
    const said = this.defects.faults?.[action];
    return Array.isArray(said) ? said.shift() : said;
  }

  private perform(action: string, args: ReadonlyMap<string, string>): Variables | number {
    if (this.defects.missing?.includes(action)) return 401;
    const handler = this.actions[action];
    return handler ? handler(args) : 401;
  }

  private readonly actions: Readonly<Record<string, (args: ReadonlyMap<string, string>) => Variables | number>> = {
    SetAVTransportURI: (args) => {
      if (this.state === 'PLAYING' || this.state === 'TRANSITIONING') return 701;
      const url = args.get('CurrentURI') ?? '';
      [this.titles, this.track, this.next, this.position] = [url === '' ? [] : [this.titleOf(url, args.get('CurrentURIMetaData') ?? '')], 0, undefined, 0];
      this.become(url === '' ? 'NO_MEDIA_PRESENT' : 'STOPPED', true);
      if (this.defects.playsWhatIsSet) this.begin(0);
      return {};
    },
    SetNextAVTransportURI: (args) => {
      const url = args.get('NextURI') ?? '';
      this.next = url === '' || this.defects.ignoresNext ? undefined : this.titleOf(url, args.get('NextURIMetaData') ?? '');
      return {};
    },
    Play: () => {
      if (this.titles.length === 0) return this.defects.clearsAtEnd ? 501 : 701;
      if (this.state === 'TRANSITIONING') return 701;
      if (this.state !== 'PLAYING') this.begin(this.position);
      return {};
    },
    Pause: () => {
      if (this.state !== 'PLAYING') return 701;
      this.position = this.here();
      this.become('PAUSED_PLAYBACK');
      return {};
    },
    Stop: () => {
      if (this.titles.length === 0) return 701;
      this.left = this.here();
      this.position = 0;
      if (this.state === 'STOPPED') return {};
      this.timer?.cancel();
      if (this.defects.stopsIn === undefined) this.become('STOPPED');
      else this.later(this.defects.stopsIn, () => this.become('STOPPED'), 'TRANSITIONING');
      return {};
    },
    Seek: (args) => {
      const target = args.get('Target') ?? '';
      if (this.state !== 'PLAYING' && this.state !== 'PAUSED_PLAYBACK') return 701;
      if (this.isOpening) return {};
      if (args.get('Unit') !== (this.defects.seekFormat === 'abs' ? 'ABS_TIME' : 'REL_TIME')) return 710;
      if (this.defects.seekFormat === 'whole' && target.includes('.')) return 711;
      const [hours = 0, minutes = 0, seconds = 0] = target.split(':').map(Number);
      const place = hours * 3600 + minutes * 60 + seconds;
      if (place > (this.title?.seconds ?? 0)) return 711;
      this.goTo(place);
      return {};
    },
    Next: () => this.step(1),
    Previous: () => this.step(-1),
    GetTransportInfo: () => ({ CurrentTransportState: this.state, CurrentTransportStatus: 'OK', CurrentSpeed: '1' }),
    GetPositionInfo: () => ({
      Track: String(this.track + 1), TrackDuration: formatWholeSeconds(this.title?.seconds ?? 0), TrackMetaData: this.title?.metadata ?? '', TrackURI: this.title?.url ?? '',
      RelTime: formatWholeSeconds(this.here()), AbsTime: 'NOT_IMPLEMENTED', RelCount: '2147483647', AbsCount: '2147483647',
    }),
    GetMediaInfo: () => ({ NrTracks: String(this.titles.length), CurrentURI: this.titles[0]?.url ?? '', CurrentURIMetaData: this.titles[0]?.metadata ?? '' }),
    GetCurrentTransportActions: () => ({ Actions: this.transportActions() }),
    GetVolume: () => ({ CurrentVolume: String(this.said) }),
    GetMute: () => ({ CurrentMute: this.muted ? '1' : '0' }),
    SetVolume: (args) => {
      this.vary({ volume: Number(args.get('DesiredVolume')) });
      return {};
    },
    SetMute: (args) => {
      this.vary({ muted: args.get('DesiredMute') === '1' });
      return {};
    },
  };

  private playAll(titles: readonly Title[]): void {
    this.titles = titles;
    [this.track, this.next] = [0, undefined];
    this.begin(0);
  }

  private titleOf(url: string, metadata: string): Title {
    return { url, metadata, seconds: this.lengths.get(url) ?? 100 };
  }

  private transportActions(): string {
    if (this.defects.noActions) return '';
    const list = this.titles.length > 1 ? ',Next,Previous' : '';
    return this.state === 'PLAYING' ? `Pause,Stop,Seek${list}` : this.state === 'PAUSED_PLAYBACK' ? `Play,Stop,Seek${list}` : `Play${list}`;
  }

  private here(): number {
    if (this.isOpening) return this.left;
    const passed = this.state === 'PLAYING' && !this.isFrozen ? (this.clock.monotonic() - this.since) / 1000 : 0;
    return Math.min(this.position + passed, this.title?.seconds ?? Infinity);
  }

  private begin(position: number): void {
    this.position = position;
    const url = this.title?.url ?? '';
    const { startsIn = 100, opensIn } = this.defects;
    this.isOpening = opensIn !== undefined;
    this.later(opensIn ?? startsIn, () => (this.missing.has(url) ? this.become('STOPPED') : this.run()), this.isOpening ? 'PLAYING' : 'TRANSITIONING');
  }

  private run(): void {
    this.isOpening = false;
    this.since = this.clock.monotonic();
    this.become('PLAYING');
    this.timer = this.clock.after(1000 * ((this.title?.seconds ?? 0) - this.position), () => this.end());
  }

  private goTo(place: number): void {
    const wasPlaying = this.state === 'PLAYING';
    this.timer?.cancel();
    this.position = place;
    if (wasPlaying) this.begin(place);
  }

  private end(): void {
    const following = this.next ?? this.titles[this.track + 1];
    this.position = 0;
    if (following) {
      if (this.next) [this.titles, this.track, this.next] = [[this.next], 0, undefined];
      else this.track += 1;
      if (this.defects.stopsBetween) this.become('STOPPED');
      if (this.defects.stopsBetween) this.later(600, () => this.begin(0));
      else this.run();
    } else if (this.defects.stuckAtEnd) {
      this.position = this.title?.seconds ?? 0;
      this.since = this.clock.monotonic();
    } else {
      if (this.defects.clearsAtEnd) this.titles = [];
      this.become(this.defects.clearsAtEnd ? 'NO_MEDIA_PRESENT' : 'STOPPED');
    }
  }

  private step(by: number): Variables | number {
    if (!this.titles[this.track + by]) return 711;
    this.track += by;
    this.begin(0);
    return {};
  }

  private later(delay: number, work: () => void, state?: State): void {
    this.timer?.cancel();
    if (state) this.become(state);
    this.timer = this.clock.after(delay, work);
  }

  private become(state: State, isNew = false): void {
    if (state === 'STOPPED' || state === 'NO_MEDIA_PRESENT' || state === 'PAUSED_PLAYBACK') this.timer?.cancel();
    if (state !== 'PLAYING') this.isOpening = false;
    this.state = state;
    const delay = isNew ? this.defects.lateStopped : undefined;
    this.say('AVTransport', { TransportState: state, ...this.trackVariables() }, delay);
  }

  private trackVariables(): Variables {
    return {
      AVTransportURI: this.titles[0]?.url ?? '', AVTransportURIMetaData: this.titles[0]?.metadata ?? '', CurrentTrackURI: this.title?.url ?? '', CurrentTrackMetaData: this.title?.metadata ?? '',
      NumberOfTracks: String(this.titles.length), CurrentTrackDuration: formatWholeSeconds(this.title?.seconds ?? 0), CurrentTransportActions: this.transportActions(),
    };
  }

  private vary(change: { readonly volume?: number; readonly muted?: boolean }): void {
    Object.assign(this, change);
    this.say('RenderingControl', { ...(change.volume === undefined ? {} : { Volume: String(this.said) }), ...(change.muted === undefined ? {} : { Mute: this.muted ? '1' : '0' }) });
  }

  /** Put together for 0.2 s, as the specification wants. */
  private say(service: Service, variables: Variables, delay = MODERATION): void {
    const pending = this.pending.get(service);
    if (pending && delay === MODERATION) {
      Object.assign(pending.variables, variables);
      return;
    }
    const timer = this.clock.after(delay, () => {
      this.pending.delete(service);
      if (!this.defects.mute) this.onEvent(service, this.lastChange(service, variables));
    });
    if (delay === MODERATION) this.pending.set(service, { variables, timer });
  }

  private lastChange(service: Service, variables: Variables): string {
    const ns = service === 'AVTransport' ? 'AVT' : 'RCS';
    const inner = Object.entries(variables).map(([name, value]) => `<${name}${name === 'Volume' || name === 'Mute' ? ' channel="Master"' : ''} val="${escapeAttr(value)}"/>`).join('');
    const text = `<Event xmlns="urn:schemas-upnp-org:metadata-1-0/${ns}/"><InstanceID val="0">${inner}</InstanceID></Event>`;
    return this.defects.spoil?.(text) ?? text;
  }

  private document(path: string): Answer {
    if (path === '/desc.xml') return { body: this.description() };
    const file = this.files.get(path);
    if (file) return { body: file };
    const service = /^\/(AVTransport|RenderingControl)\/scpd$/.exec(path)?.[1] as Service | undefined;
    if (!service || this.defects.noScpd) return { status: 404 };
    const actions = ACTIONS[service].filter((name) => !(this.defects.missing ?? []).includes(name)).map((name) => `<action><name>${name}</name></action>`).join('');
    const range = `<stateVariable><name>Volume</name><allowedValueRange><minimum>0</minimum><maximum>${this.steps}</maximum></allowedValueRange></stateVariable>`;
    return { body: `<scpd xmlns="urn:schemas-upnp-org:service-1-0"><actionList>${actions}</actionList><serviceStateTable>${range}</serviceStateTable></scpd>` };
  }

  private description(): string {
    const services = (['AVTransport', 'RenderingControl'] as const).filter((name) => name === 'AVTransport' || !this.defects.noRenderingControl).map((name) =>
      `<service><serviceType>urn:schemas-upnp-org:service:${name}:1</serviceType><SCPDURL>/${name}/scpd</SCPDURL><controlURL>/${name}/ctl</controlURL><eventSubURL>/${name}/evt</eventSubURL></service>`);
    return (
      `<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>${TYPE}</deviceType><friendlyName>Kitchen</friendlyName><manufacturer>Verona</manufacturer>` +
      `<modelName>Lute</modelName><UDN>${this.udn}</UDN><serviceList>${services.join('')}</serviceList></device></root>`
    );
  }
}

function fault(number: number): Answer {
  return { status: 500, body: envelope(`<s:Fault><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${number}</errorCode></UPnPError></detail></s:Fault>`) };
}

function envelope(body: string): string {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}
