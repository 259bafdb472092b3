import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import { withDeadline } from '../../xpmn/kernel/tasks.ts';
import type { PlaybackState, PlaybackStatus } from '../../xpmn/model/playback.ts';
import { isTitleProblem } from '../../xpmn/player/opened.ts';
import type { NamedView, Output } from '../control/operations.ts';
import { printable } from '../text.ts';
import type { CliContext } from './context.ts';
import { itemsOfContainers } from './containers-to-play.ts';
import { itemsFor } from './items-to-play.ts';
import { onDevice, tellPlayer, withAdvice } from './player-commands.ts';
import type { Advice, PlayerFlags } from './player-commands.ts';
import { itemOf, titleOf } from './playing-text.ts';
import { shellQuoted } from './table.ts';

export interface PlayFlags extends PlayerFlags {
  /** The device of which the words are containers. */
  readonly of?: string;
  /** Seconds into the first. */
  readonly from?: number;
  /** Whether to wait until it plays, or can't. */
  readonly wait?: boolean;
}

type Opened = Output<'play'>;

/** What comes before it is heard. */
const COMING: readonly PlaybackState[] = ['opened', 'buffering'];

/** Opens what is named on a player; goes on with what it has where nothing is. */
export async function play(context: CliContext, words: readonly string[], { of, from, wait = true, ...flags }: PlayFlags): Promise<void> {
  if (words.length === 0) {
    if (from !== undefined) throw new XpmnError('usage', '--from is for what is opened: `xpmn seek` goes to a place in what plays already.');
    if (of !== undefined) throw new XpmnError('usage', `--of is for containers: \`xpmn browse ${shellQuoted(of)}\` lists them.`);
    return tellPlayer(context, 'play', flags);
  }
  const items = of !== undefined ? await itemsOfContainers(context, of, words) : await itemsFor(words, { ...context.playlist, entries: context.settings.entries }, (text) => context.notice(text));
  const advice = items.some((item) => 'uri' in item) ? TO_FETCH : {};
  const { opened, view } = await withAdvice(context, flags, async () => {
    const opened = await context.call('play', { ...onDevice(flags), items, ...(from === undefined ? {} : { position: from }) });
    for (const sentence of opened.skipped) context.notice(`skipped ${sentence}`);
    return { opened, view: wait ? await begun(context, opened) : undefined };
  }, advice);
  context.answer({ ...opened, state: view?.status?.state }, () => `${printable(sentence(opened, view, wait))}\n`);
}

/**
 * How it is when it plays, or does not after all; undefined where that is not known for long. Titles that the player can't play, and passes
 * over, are told of. @throws XpmnError what it could not play the last of them for
 */
async function begun(context: CliContext, opened: Opened): Promise<NamedView | undefined> {
  const { deps, settings } = context;
  const { device, session } = opened;
  let last: NamedView | undefined;
  const view = await withDeadline({ clock: deps.clock, signal: deps.signal, delay: settings.playing, what: 'Playing' }, async (signal) => {
    let heard = await context.call('now', { device }, signal);
    for (let passed = 0; ;) {
      if (heard.status?.session === session) {
        passed = tellPassed(context, opened, heard, passed);
        if (!isComing(heard.status)) return heard;
        last = heard;
      }
      heard = await context.call('now-wait', { device, after: heard.revision }, signal);
    }
  }).catch((error: unknown) => {
    // It has been opened: that nothing is heard of it is no failure of that.
    if (deps.signal.aborted || asXpmnError(error).family !== 'unreachable') throw error;
    return last?.status?.state === 'error' ? last : undefined;
  });
  if (view?.status?.state === 'error') throw new XpmnError(codeOf(view.status), cantPlay(opened.name, titleIn(opened, view), codeOf(view.status)));
  return view;
}

function isComing(status: PlaybackStatus): boolean {
  return COMING.includes(status.state) || goesOn(status);
}

/** This title can't be played; the one after it is tried. */
function goesOn({ state, error, index = 0, count = 1 }: PlaybackStatus): boolean {
  return state === 'error' && index + 1 < count && (error === undefined || isTitleProblem({ code: error }));
}

/** Tells of the titles from `passed` on that it has gone past; not every state is heard. Resolves to where it is. */
function tellPassed(context: CliContext, opened: Opened, view: NamedView, passed: number): number {
  const { status } = view;
  const index = status?.index ?? 0;
  const tell = (title: string, code?: ErrorCode): void => context.notice(printable(cantPlay(opened.name, title, code)));
  for (let i = passed; i < index; i += 1) tell(titleOf({ item: opened.items[i], status: undefined }) ?? `title ${i + 1}`);
  if (!status || !goesOn(status)) return Math.max(passed, index);
  if (passed <= index) tell(titleIn(opened, view), codeOf(status));
  return Math.max(passed, index + 1);
}

function codeOf({ error }: PlaybackStatus): ErrorCode {
  return error ?? 'origin-broken';
}

function sentence(opened: Opened, view: NamedView | undefined, wait: boolean): string {
  const what = `${titleIn(opened, view)} on ${opened.name}${placeIn(opened, view)}`;
  if (view?.status) return `${view.status.state} ${what}`;
  return wait ? `opened ${what}; it does not play yet: \`xpmn now --on ${shellQuoted(opened.device)} --watch\` shows what comes of it` : `opened ${what}`;
}

function titleIn({ items }: Opened, view: NamedView | undefined): string {
  const item = (view && itemOf(view)) ?? items[view?.status?.index ?? 0];
  return titleOf({ item, status: view?.status }) ?? 'it';
}

/** ` (1 of 3)`; nothing for a single one. */
function placeIn({ items }: Opened, view: NamedView | undefined): string {
  const { index = 0, count = items.length } = view?.status ?? {};
  return count > 1 ? ` (${index + 1} of ${count})` : '';
}

const REASONS: { readonly [C in ErrorCode]?: string } = {
  'unsupported-type': 'it does not play media of this kind.',
  'origin-unreachable': 'it could not fetch or play it.',
  'not-found': 'the item is not there any more: `xpmn browse` shows what there is.',
  'not-allowed': 'the device that has the item does not give it to this player.',
};

const TO_FETCH: Advice = { 'origin-unreachable': () => '`xpmn get` tries to fetch it from here.' };

/** `code` undefined: it was not heard why. */
function cantPlay(name: string, title: string, code?: ErrorCode): string {
  return `${name} can't play ${title}${code === undefined ? '.' : `: ${REASONS[code] ?? `it says ${code}.`}`}`;
}
