import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import type { PlayerCommand, SeekTarget } from '../../xpmn/model/playback.ts';
import { formatDuration, printable } from '../text.ts';
import type { CliContext } from './context.ts';
import type { WantedVolume } from './positions.ts';
import { shellOption } from './table.ts';

export interface PlayerFlags {
  /** Which player; the only one that there is, without it. */
  readonly on?: string;
}

type PlainCommand = Exclude<PlayerCommand['name'], 'seek' | 'jump' | 'set'>;

const DONE: { readonly [N in PlainCommand]: (name: string) => string } = {
  play: (name) => `playing on ${name}`,
  pause: (name) => `paused on ${name}`,
  stop: (name) => `stopped on ${name}`,
  next: (name) => `next title on ${name}`,
  previous: (name) => `previous title on ${name}`,
  close: (name) => `${name} has let go of what it had`,
};

export function tellPlayer(context: CliContext, name: PlainCommand, flags: PlayerFlags): Promise<void> {
  return told(context, { name }, flags, DONE[name]);
}

export function seek(context: CliContext, target: SeekTarget, flags: PlayerFlags): Promise<void> {
  return told(context, { name: 'seek', target }, flags, (name) => `${placeIn(target)} on ${name}`);
}

function placeIn(target: SeekTarget): string {
  if ('position' in target) return `at ${formatDuration(target.position)}`;
  if ('percent' in target) return `at ${target.percent} %`;
  return `${formatDuration(Math.abs(target.offset))} ${target.offset < 0 ? 'back' : 'ahead'}`;
}

/** What is louder or softer than the player is now stays within what there is. */
export async function setVolume(context: CliContext, wanted: WantedVolume, flags: PlayerFlags): Promise<void> {
  const value = 'value' in wanted ? wanted.value : await changed(context, wanted.change, flags);
  await told(context, { name: 'set', variable: { name: 'volume', value } }, flags, (name) => `volume ${value} on ${name}`, { volume: value });
}

async function changed(context: CliContext, change: number, flags: PlayerFlags): Promise<number> {
  const { volume, name } = await withAdvice(context, flags, () => context.call('now', onDevice(flags)));
  if (volume === undefined) throw new XpmnError('not-supported', `${name} does not say how loud it is: give a volume from 0 to 100.`);
  return Math.min(100, Math.max(0, volume + change));
}

export function setMute(context: CliContext, value: boolean, flags: PlayerFlags): Promise<void> {
  return told(context, { name: 'set', variable: { name: 'mute', value } }, flags, (name) => `${name} is ${value ? 'muted' : 'not muted'}`);
}

async function told(context: CliContext, command: PlayerCommand, flags: PlayerFlags, done: (name: string) => string, more: object = {}): Promise<void> {
  const answer = await withAdvice(context, flags, () => context.call('player', { ...onDevice(flags), command }), command.name === 'play' ? TO_RESUME : TO_GO_ON);
  context.answer({ ...answer, ...more }, () => `${printable(done(answer.name))}\n`);
}

export function onDevice({ on }: PlayerFlags): { readonly device?: string } {
  return on === undefined ? {} : { device: on };
}

/** Runs `work`, patiently; what a player refused comes with what to do next: what `special` says of it, or else what holds for most commands. */
export async function withAdvice<T>(context: CliContext, { on }: PlayerFlags, work: () => Promise<T>, special: Advice = {}): Promise<T> {
  try {
    return await context.patiently(work);
  } catch (error) {
    const advice = error instanceof XpmnError ? (special[error.code] ?? ADVICE[error.code]) : undefined;
    if (!(error instanceof XpmnError) || advice === undefined) throw error;
    throw new XpmnError(error.code, `${error.message} ${advice(on === undefined ? '' : ` ${shellOption('--on', on)}`)}`, { cause: error, details: error.details });
  }
}

/** By code; `on` names the player as the user did. */
export type Advice = { readonly [C in ErrorCode]?: (on: string) => string };

const ADVICE: Advice = {
  'unexpected-request': (on) => `\`xpmn now${on}\` shows what it does.`,
  'not-pausable': (on) => `It can be stopped: \`xpmn stop${on}\`.`,
  'not-acceptable': (on) => `\`xpmn now${on}\` shows what it plays.`,
};

/** What it has opened can't be had at the moment. */
const TO_GO_ON: Advice = { 'origin-unreachable': (on) => `Once what has it can be reached again, \`xpmn resume${on}\` goes on.` };

const TO_RESUME: Advice = { ...TO_GO_ON, 'unexpected-request': (on) => `\`xpmn play ITEM${on}\` opens something there.` };
