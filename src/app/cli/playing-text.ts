import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import { bareJid, resourceOf } from '../../xpmn/model/jid.ts';
import { positionAt } from '../../xpmn/model/playback.ts';
import type { PlaybackStatus, PlayerView, PlayingItem } from '../../xpmn/model/playback.ts';
import type { NamedView } from '../control/operations.ts';
import { labelOf } from '../find-device.ts';
import { cutToWidth, formatDuration, printable, widthOf } from '../text.ts';

/** Signs of a progress bar between its ends. */
const BAR = 20;
/** Seconds by which devices are wrong about where they are. */
const JUMP = 2;

/** What plays, for people: a few lines. `now` in Unix ms. */
export function nowText(view: NamedView, { now, hasBar }: { readonly now: number; readonly hasBar: boolean }): string {
  const { status, device, name, reach, opener } = view;
  const item = itemOf(view);
  const fields: (readonly [string, string | undefined])[] = [
    ['state', joined([stateOf(status), progressOf(view, now, hasBar)], ' ')],
    ['list', placeOf(status)],
    ['volume', volumeOf(view)],
    ['opened by', opener ?? (status?.controller && openerOf(status.controller, device))],
    // Two may have the same name.
    ['device', `${labelOf({ name, id: resourceOf(device) })}${reach === 'lost' ? ' can\'t be reached now: this is the last that was known' : ''}`],
  ];
  const lines = [titleOf(view), joined([item?.item.artist, item?.item.album], ' - '), ...fields.map(([label, value]) => value && `${label.padEnd(10)}  ${value}`)];
  return lines.map((line) => (line ? `${printable(line)}\n` : '')).join('');
}

/** The same in one line. What may be long comes last, and is cut to `width` where there is one; the bar is there if it takes no room from that. */
export function nowLine(view: NamedView, { now, width }: { readonly now: number; readonly width?: number | undefined }): string {
  const { status, name, reach } = view;
  if (reach === 'lost') return fitted(`${name} can't be reached: waiting for it …`, width);
  if (!status) return fitted(`${name} has not said anything yet …`, width);
  const volume = volumeOf(view);
  const line = (hasBar: boolean): string | undefined => joined([
    stateOf(status), progressOf(view, now, hasBar), placeOf(status), volume && `volume ${volume}`, joined([itemOf(view)?.item.artist, titleOf(view)], ': '),
  ], '  ');
  const withBar = printable(line(true) ?? '');
  return width !== undefined && widthOf(withBar) <= width ? withBar : fitted(line(false), width);
}

/** Whether it is other than what the one before would have become: who has just been asked, may tell the same again. */
export function isNews(view: NamedView, before: NamedView): boolean {
  const rest = ({ status, heard: _heard, revision: _revision, ...others }: NamedView): unknown => ({ ...others, status: status && { ...status, position: undefined } });
  const [position, expected] = [view.status?.position, positionAt(before, view.heard)];
  if (!isDeepStrictEqual(rest(view), rest(before)) || (position === undefined) !== (expected === undefined)) return true;
  return Math.abs((position ?? 0) - (expected ?? 0)) > JUMP;
}

export function titleOf(view: Pick<PlayerView, 'item' | 'status'>): string | undefined {
  const item = itemOf(view);
  const title = item?.item.title;
  return title !== undefined && title !== '' ? title : (item?.uri ?? view.status?.uri);
}

/** What the state is about: it is told before the item is, which is that of the state before until then. */
export function itemOf({ item, status }: Pick<PlayerView, 'item' | 'status'>): PlayingItem | undefined {
  const isOther = status?.uri !== undefined && item?.uri !== undefined && item.uri !== status.uri;
  return isOther || status?.state === 'idle' ? undefined : item;
}

function stateOf(status: PlaybackStatus | undefined): string {
  if (!status) return 'unknown';
  return status.state === 'error' && status.error !== undefined ? `error (${FAILURES[status.error] ?? status.error})` : status.state;
}

/** Failures that people meet, in their words; others by their codes. */
const FAILURES: { readonly [C in ErrorCode]?: string } = {
  'unreachable': 'it does not answer',
  'timeout': 'it does not answer',
  'origin-unreachable': 'it could not fetch or play that',
  'unsupported-type': 'it does not play media of this kind',
  'not-found': 'that is not there any more',
  'not-allowed': 'it is not given that',
};

function progressOf(view: NamedView, now: number, hasBar: boolean): string | undefined {
  const position = positionAt(view, now);
  const duration = view.status?.duration;
  if (position === undefined && duration === undefined) return undefined;
  // A clock shows a second when it has passed.
  const text = joined([position === undefined ? '?' : formatDuration(Math.floor(position)), duration === undefined ? undefined : formatDuration(duration)], ' / ');
  if (!hasBar || position === undefined || !duration) return text;
  const done = Math.round(Math.min(position / duration, 1) * BAR);
  return `${text}  [${'#'.repeat(done)}${'-'.repeat(BAR - done)}]`;
}

function placeOf(status: PlaybackStatus | undefined): string | undefined {
  if (status?.index === undefined) return undefined;
  return status.count === undefined ? `title ${status.index + 1}` : `${status.index + 1} of ${status.count}`;
}

function volumeOf({ volume, mute }: PlayerView): string | undefined {
  return joined([volume === undefined ? undefined : String(volume), mute ? 'muted' : undefined], ', ');
}

/** A device of the same network by what names it there, another by all of it. */
function openerOf(controller: NamedView['device'], device: NamedView['device']): string {
  return bareJid(controller) === bareJid(device) ? resourceOf(controller) : controller;
}

/** Those that there are; undefined for none. */
function joined(parts: readonly (string | undefined)[], between: string): string | undefined {
  const there = parts.filter((part) => part !== undefined && part !== '');
  return there.length === 0 ? undefined : there.join(between);
}

function fitted(text: string | undefined, width: number | undefined): string {
  const line = printable(text ?? '');
  return width === undefined ? line : cutToWidth(line, width);
}
