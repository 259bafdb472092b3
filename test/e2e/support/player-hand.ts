import { httpIn } from '../../peers/http-in.ts';
import { run } from '../../peers/process.ts';
import { listenToBus, listenToEvents } from './event-log.ts';
import type { EventLog } from './event-log.ts';

export type HandState = 'playing' | 'paused' | 'stopped';

/** A player as somebody beside it has it in his hand: by its own interface, and none of the project's code. */
export interface PlayerHand {
  /** What the network calls it. */
  readonly name: string;
  state(): Promise<HandState | 'other'>;
  /** Seconds. */
  position(): Promise<number>;
  /** 0 to 100. */
  volume(): Promise<number>;
  /** Undefined of one that knows no such thing. */
  isMuted?(): Promise<boolean>;
  mute?(on: boolean): Promise<void>;
  /** Something of its own, by URL. */
  open?(url: string): Promise<void>;
  play(): Promise<void>;
  pause(): Promise<void>;
  stop(): Promise<void>;
  seek(seconds: number): Promise<void>;
  setVolume(volume: number): Promise<void>;
  /** Title that it says it plays. */
  title(): Promise<string>;
  /** Where it has that from. */
  url(): Promise<string>;
  /** What it tells whoever listens. */
  readonly events: EventLog;
  /** How that tells of a state. */
  stateEvent(state: HandState): RegExp;
}

interface Service {
  readonly type: string;
  readonly control: string;
  readonly event: string;
}

export interface RendererPlace {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly netns: string;
  /** Where the hand listens. */
  readonly address: string;
}

const TRANSPORT_STATES: Readonly<Record<string, HandState>> = { PLAYING: 'playing', PAUSED_PLAYBACK: 'paused', STOPPED: 'stopped', NO_MEDIA_PRESENT: 'stopped' };

export async function rendererHand({ name, services, netns, address }: RendererPlace): Promise<PlayerHand> {
  const service = (kind: string): Service => {
    const found = services[kind];
    if (!found) throw new Error(`${name} has no ${kind}`);
    return found;
  };
  const events = await listenToEvents(netns, address, ['AVTransport', 'RenderingControl'].map((kind) => service(kind).event));
  const call = async (kind: string, action: string, args: Readonly<Record<string, string | number>> = {}): Promise<(argument: string) => string> => {
    const { type, control } = service(kind);
    const inner = Object.entries({ InstanceID: 0, ...args }).map(([key, value]) => `<${key}>${value}</${key}>`).join('');
    const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${type}">${inner}</u:${action}></s:Body></s:Envelope>`;
    const answer = await httpIn(netns, control, { method: 'POST', headers: { 'Content-Type': 'text/xml; charset="utf-8"', SOAPACTION: `"${type}#${action}"` }, body });
    if (answer.status !== 200) throw new Error(`${action}: ${answer.status} ${answer.body}`);
    return (argument) => new RegExp(`<${argument}>([^<]*)</${argument}>`).exec(answer.body)?.[1] ?? '';
  };
  const transport = async (action: string, args?: Readonly<Record<string, string | number>>): Promise<void> => void (await call('AVTransport', action, args));
  const master = { Channel: 'Master' };
  return {
    name, events,
    state: async () => TRANSPORT_STATES[(await call('AVTransport', 'GetTransportInfo'))('CurrentTransportState')] ?? 'other',
    async position() {
      const [hours = 0, minutes = 0, seconds = 0] = (await call('AVTransport', 'GetPositionInfo'))('RelTime').split(':').map(Number);
      return hours * 3600 + minutes * 60 + seconds;
    },
    volume: async () => Number((await call('RenderingControl', 'GetVolume', master))('CurrentVolume')),
    isMuted: async () => /^(1|true)$/i.test((await call('RenderingControl', 'GetMute', master))('CurrentMute')),
    mute: async (on) => void (await call('RenderingControl', 'SetMute', { ...master, DesiredMute: on ? 1 : 0 })),
    play: () => transport('Play', { Speed: 1 }),
    pause: () => transport('Pause'),
    stop: () => transport('Stop'),
    seek: (seconds) => transport('Seek', { Unit: 'REL_TIME', Target: `0:${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}` }),
    setVolume: async (volume) => void (await call('RenderingControl', 'SetVolume', { ...master, DesiredVolume: volume })),
    title: async () => /&lt;dc:title&gt;(.*?)&lt;/.exec((await call('AVTransport', 'GetMediaInfo'))('CurrentURIMetaData'))?.[1] ?? '',
    url: async () => (await call('AVTransport', 'GetMediaInfo'))('CurrentURI'),
    stateEvent: (state) => new RegExp(`TransportState val=(&quot;|"|'|&apos;)${{ playing: 'PLAYING', paused: 'PAUSED_PLAYBACK', stopped: '(STOPPED|NO_MEDIA_PRESENT)' }[state]}`),
  };
}

export interface MprisPlace {
  /** What the network calls it. */
  readonly name: string;
  /** As playerctl calls it: the last part of its bus name. */
  readonly player: string;
  readonly bus: string;
}

export async function mprisHand({ name, player, bus }: MprisPlace): Promise<PlayerHand> {
  const events = await listenToBus(bus, "type='signal',path='/org/mpris/MediaPlayer2'");
  const ctl = async (...words: string[]): Promise<string> =>
    (await run(['playerctl', `--player=${player}`, ...words], { env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: bus } })).trim();
  const tell = async (...words: string[]): Promise<void> => void (await ctl(...words));
  return {
    name, events,
    async state() {
      const said = (await ctl('status')).toLowerCase();
      return said === 'playing' || said === 'paused' || said === 'stopped' ? said : 'other';
    },
    position: async () => Number(await ctl('position')),
    volume: async () => Math.round(Number(await ctl('volume')) * 100),
    open: (url) => tell('open', url),
    play: () => tell('play'),
    pause: () => tell('pause'),
    stop: () => tell('stop'),
    seek: (seconds) => tell('position', String(seconds)),
    setVolume: (volume) => tell('volume', String(volume / 100)),
    title: () => ctl('metadata', 'title'),
    url: () => ctl('metadata', 'xesam:url'),
    stateEvent: (state) => new RegExp(`string "${{ playing: 'Playing', paused: 'Paused', stopped: 'Stopped' }[state]}"`),
  };
}
