import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import { withDeadline } from '../../xpmn/kernel/tasks.ts';
import type { PlaybackState } from '../../xpmn/model/playback.ts';
import type { NamedView, Output } from '../control/operations.ts';
import { printable } from '../text.ts';
import type { CliContext } from './context.ts';
import { itemsFor } from './items-to-play.ts';
import { onDevice, tellPlayer, withAdvice } from './player-commands.ts';
import type { Advice, PlayerFlags } from './player-commands.ts';
import { titleOf } from './playing-text.ts';
import { shellQuoted } from './table.ts';

export interface PlayFlags extends PlayerFlags {
  /** Seconds into the first. */
  readonly from?: number;
  /** Whether to wait until it plays, or can't. */
  readonly wait?: boolean;
}

type Opened = Output<'play'>;

/** What comes before it is heard. */
const COMING: readonly PlaybackState[] = ['opened', 'buffering'];

/** Opens what is named on a player; goes on with what it has where nothing is. */
export async function play(context: CliContext, words: readonly string[], { from, wait = true, ...flags }: PlayFlags): Promise<void> {
  if (words.length === 0) {
    if (from !== undefined) throw new XpmnError('usage', '--from is for what is opened: `xpmn seek` goes to a place in what plays already.');
    return tellPlayer(context, 'play', flags);
  }
  const items = await itemsFor(words, context.playlist, (text) => context.notice(text));
  const advice = items.some((item) => 'uri' in item) ? TO_FETCH : {};
  const { opened, view } = await withAdvice(context, flags, async () => {
    const opened = await context.call('play', { ...onDevice(flags), items, ...(from === undefined ? {} : { position: from }) });
    for (const sentence of opened.skipped) context.notice(`skipped ${sentence}`);
    return { opened, view: wait ? await begun(context, opened) : undefined };
  }, advice);
  context.answer({ ...opened, state: view?.status?.state }, () => `${printable(sentence(opened, view, wait))}\n`);
}

/** How it is when it plays, or does not after all; undefined where that is not known for long. @throws XpmnError what the player could not play it for */
async function begun(context: CliContext, { device, session, ...opened }: Opened): Promise<NamedView | undefined> {
  const { deps, settings } = context;
  const isComing = ({ status }: NamedView): boolean => status?.session !== session || COMING.includes(status.state);
  const view = await withDeadline({ clock: deps.clock, signal: deps.signal, delay: settings.playing, what: 'Playing' }, async (signal) => {
    let heard = await context.call('now', { device }, signal);
    while (isComing(heard)) heard = await context.call('now-wait', { device, after: heard.revision }, signal);
    return heard;
  }).catch((error: unknown) => {
    // It has been opened: that nothing is heard of it is no failure of that.
    if (deps.signal.aborted || asXpmnError(error).family !== 'unreachable') throw error;
    return undefined;
  });
  if (view?.status?.state === 'error') throw cantPlay({ device, session, ...opened }, view);
  return view;
}

function sentence(opened: Opened, view: NamedView | undefined, wait: boolean): string {
  const what = `${titleIn(opened, view)} on ${opened.name}${placeIn(opened, view)}`;
  if (view?.status) return `${view.status.state} ${what}`;
  return wait ? `opened ${what}; it does not play yet: \`xpmn now --on ${shellQuoted(opened.device)} --watch\` shows what comes of it` : `opened ${what}`;
}

function titleIn({ items }: Opened, view: NamedView | undefined): string {
  return (view && titleOf(view)) ?? items[0]?.item.title ?? 'it';
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

function cantPlay(opened: Opened, view: NamedView): XpmnError {
  const code = view.status?.error ?? 'origin-broken';
  return new XpmnError(code, `${opened.name} can't play ${titleIn(opened, view)}: ${REASONS[code] ?? `it says ${code}.`}`);
}
