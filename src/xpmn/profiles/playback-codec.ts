import { XpmnError, isErrorCode } from '../kernel/errors.ts';
import { tryJid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { PlaybackState, PlaybackStatus, PlayerCommand, PlayingItem, SeekTarget } from '../model/playback.ts';
import { elements, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { OpenRequest, OpenedList } from '../ports/playback-control.ts';
import { decimalIn, decimalText } from './decimal.ts';
import { metadataFromPlaying, playingFromMetadata } from './metadata.ts';

/** What Media Playback Control has commands for, beside `open`. */
export type PlaybackCommand = Exclude<PlayerCommand, { readonly name: 'set' }>;

export interface OpenLimits {
  /** In one request. */
  readonly uris: number;
  /** Characters of one. */
  readonly uriLength: number;
}

const STATES: readonly PlaybackState[] = ['idle', 'opened', 'buffering', 'playing', 'paused', 'stopped', 'error'];
const SIMPLE = ['play', 'pause', 'stop', 'next', 'previous', 'close'] as const;

/** Elements of commands; `resume` is another word for `play`. */
export const COMMANDS: readonly string[] = [...SIMPLE, 'resume', 'seek', 'jump'];

export function formatOpen({ uris, autoplay, position }: OpenRequest): XmlElement {
  return xml('open', NS.player, { autoplay: autoplay ? 'true' : undefined, position: decimalText(position) }, uris.map((uri) => xml('uri', NS.player, {}, uri)));
}

/** Items and playlists in the order in which they are named. @throws XpmnError `bad-request`, `too-large` */
export function parseOpen(element: XmlElement, limits: OpenLimits): OpenRequest {
  const named = elements(element).filter(({ ns, name }) => ns === NS.player && (name === 'uri' || name === 'playlist'));
  const uris = named.map((part) => (part.attrs['uri'] ?? textOf(part)).trim());
  if (uris.length === 0 || uris.includes('')) throw new XpmnError('bad-request', 'What to open is not said.');
  if (uris.length > limits.uris) throw new XpmnError('too-large', `No more than ${limits.uris} URIs are opened at once.`);
  if (uris.some(({ length }) => length > limits.uriLength)) throw new XpmnError('too-large', `A URI has no more than ${limits.uriLength} characters.`);
  const { autoplay, position } = element.attrs;
  return { uris, autoplay: autoplay !== undefined && booleanIn(autoplay), position: position === undefined ? undefined : placeIn(signedIn(position)) };
}

/** `<opened/>`; `list` is its container, or what stands for it. */
export function formatOpened({ session, seekable, pausable }: Omit<OpenedList, 'items'>, list: XmlElement): XmlElement {
  return xml('opened', NS.player, { session, seekable: String(seekable), pausable: String(pausable) }, list);
}

/** The items of a list that was opened. */
export function formatItems(items: readonly PlayingItem[]): XmlElement {
  return xml('container', NS.metadata, {}, items.map(metadataFromPlaying));
}

/** `list`: its container, from wherever it came. */
export function parseOpened({ attrs }: XmlElement, list: XmlElement): OpenedList {
  const items = elements(list).flatMap((element) => playingFromMetadata(element) ?? []);
  return { session: attrs['session'] ?? '', seekable: isYes(attrs['seekable']), pausable: isYes(attrs['pausable']), items };
}

export function formatCommand(command: PlaybackCommand): XmlElement {
  switch (command.name) {
    case 'seek': return xml('seek', NS.player, seekAttrs(command.target));
    case 'jump': return xml('jump', NS.player, { index: command.index });
    default: return xml(command.name, NS.player);
  }
}

function seekAttrs(target: SeekTarget): Record<string, string | undefined> {
  const [[name, value]] = Object.entries(target) as [[string, number]];
  const size = decimalText(Math.abs(value));
  return { [name]: size === undefined || value >= 0 ? size : `-${size}` };
}

/** @throws XpmnError `bad-request`; `not-acceptable` for a place that no item has */
export function parseCommand(element: XmlElement): PlaybackCommand {
  const { name, attrs } = element;
  if (name === 'seek') return { name, target: parseTarget(attrs) };
  if (name === 'jump') {
    const { index = '' } = attrs;
    if (!/^\d{1,9}$/.test(index)) throw new XpmnError('bad-request', 'Which item to go to is not said.');
    return { name, index: Number(index) };
  }
  const simple = SIMPLE.find((known) => known === (name === 'resume' ? 'play' : name));
  if (!simple) throw new XpmnError('bad-request', 'There is no such command.');
  return { name: simple };
}

function parseTarget({ position, offset, percent }: Readonly<Record<string, string>>): SeekTarget {
  const [one, second] = [position, offset, percent].filter((text) => text !== undefined);
  if (one === undefined || second !== undefined) throw new XpmnError('bad-request', 'A place is a position, an offset, or a percentage.');
  const value = signedIn(one);
  if (offset !== undefined) return { offset: value };
  return position !== undefined ? { position: placeIn(value) } : { percent: placeIn(value, 100) };
}

function signedIn(text: string): number {
  const [sign, digits] = text.trim().startsWith('-') ? [-1, text.trim().slice(1)] : [1, text.trim().replace(/^\+/, '')];
  const size = /^\d/.test(digits) ? decimalIn(digits) : undefined;
  if (size === undefined) throw new XpmnError('bad-request', 'A place is told by a number.');
  return sign * size;
}

function placeIn(value: number, end = Infinity): number {
  if (value < 0 || value > end) throw new XpmnError('not-acceptable', 'No item has such a place.');
  return value;
}

/** `<status/>`, the answer to one. */
export function formatStatus(status: PlaybackStatus): XmlElement {
  return xml('status', NS.player, { state: status.state, ...statusAttrs(status) });
}

/** What an event carries: an element that is called like the state. */
export function formatState(status: PlaybackStatus): XmlElement {
  return xml(status.state, NS.player, statusAttrs(status));
}

function statusAttrs({ position, duration, speed, index, count, session, uri, controller, seekable, pausable, error }: PlaybackStatus): Record<string, string | number | undefined> {
  return {
    position: decimalText(position), duration: decimalText(duration), speed: decimalText(speed), index, count, session, uri, controller,
    seekable: String(seekable), pausable: String(pausable), error,
  };
}

/**
 * A status, or the state in an event: in any namespace, since the thesis' example has lost it on the way (WIRE §2.2). What
 * makes no sense in it is left out; undefined if that is the state.
 */
export function parseStatus({ name, attrs }: XmlElement): PlaybackStatus | undefined {
  const said = name === 'status' ? attrs['state'] : name;
  const state = STATES.find((known) => known === said);
  const { error } = attrs;
  return state && {
    state,
    position: decimalIn(attrs['position']), duration: decimalIn(attrs['duration']), speed: decimalIn(attrs['speed']) ?? 1,
    index: wholeIn(attrs['index']), count: wholeIn(attrs['count']),
    session: attrs['session'], uri: attrs['uri'], controller: tryJid(attrs['controller']),
    seekable: isYes(attrs['seekable']), pausable: isYes(attrs['pausable']),
    error: error !== undefined && isErrorCode(error) ? error : undefined,
  };
}

/** What is not said is taken to work. */
function isYes(text: string | undefined): boolean {
  return text !== 'false' && text !== '0';
}

function wholeIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function booleanIn(text: string): boolean {
  if (!['true', 'false', '1', '0'].includes(text)) throw new XpmnError('bad-request', 'That is neither true nor false.');
  return text === 'true' || text === '1';
}
