import { XpmnError } from '../kernel/errors.ts';
import type { ControlName, ControlVariable } from '../model/playback.ts';
import type { MediaPlayer, PlayerSnapshot } from '../ports/media-player.ts';
import type { PlayerCalls } from './player-calls.ts';

/** The variables that a player has. */
export function controlNames({ abilities }: PlayerSnapshot): ControlName[] {
  return (['volume', 'mute'] as const).filter((name) => abilities[name]);
}

/** Those of which the value is known. */
export function controlValues(snapshot: PlayerSnapshot): ControlVariable[] {
  const { volume, mute } = snapshot;
  const names = controlNames(snapshot);
  return [
    ...(volume !== undefined && names.includes('volume') ? [{ name: 'volume', value: volume } as const] : []),
    ...(mute !== undefined && names.includes('mute') ? [{ name: 'mute', value: mute } as const] : []),
  ];
}

/** Remembers what was told of each: the same value again is no news. */
export class VariableTeller {
  private readonly told = new Map<ControlName, ControlVariable['value']>();

  constructor(first: PlayerSnapshot) {
    this.news(first);
  }

  /** What has another value than was told; it counts as told then. */
  news(snapshot: PlayerSnapshot): ControlVariable[] {
    const changed = controlValues(snapshot).filter(({ name, value }) => this.told.get(name) !== value);
    for (const { name, value } of changed) this.told.set(name, value);
    return changed;
  }
}

/**
 * Sets all, or none: when the player refuses one, those before it get back what they had, as far as that is known and the player takes it.
 * @throws XpmnError `not-found`, `not-acceptable`, `bad-request` (one twice), or as the player
 */
export async function setControls(player: MediaPlayer, calls: PlayerCalls, variables: readonly ControlVariable[], signal: AbortSignal): Promise<void> {
  check(player.snapshot, variables);
  const before = controlValues(player.snapshot);
  const set = (variable: ControlVariable): Promise<void> =>
    calls.run(signal, (call) => (variable.name === 'volume' ? player.setVolume(variable.value, call) : player.setMute(variable.value, call)));
  const done: ControlName[] = [];
  try {
    for (const variable of variables) {
      await set(variable);
      done.push(variable.name);
    }
  } catch (error) {
    for (const variable of before.filter(({ name }) => done.includes(name))) await set(variable).catch(() => undefined);
    throw error;
  }
}

function check(snapshot: PlayerSnapshot, variables: readonly ControlVariable[]): void {
  const names = controlNames(snapshot);
  for (const { name, value } of variables) {
    if (!names.includes(name)) throw new XpmnError('not-found', `This player has no ${name}.`);
    const isValue = name === 'volume' ? Number.isInteger(value) && value >= 0 && value <= 100 : typeof value === 'boolean';
    if (!isValue) throw new XpmnError('not-acceptable', name === 'volume' ? 'A volume is a whole number from 0 to 100.' : 'Mute is true or false.');
  }
  if (new Set(variables.map(({ name }) => name)).size < variables.length) throw new XpmnError('bad-request', 'One variable was set twice.');
}
