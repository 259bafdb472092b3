import { CommanderError, InvalidArgumentError } from 'commander';
import { NAME_LENGTH } from '../control/operations.ts';

/** Arguments that a parser refuses are wrong usage, told in its words alone: they name what was wrong. */
export function usage<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new CommanderError(2, 'xpmn.usage', (error as Error).message);
    }
  };
}

export function whole(text: string): number {
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return value;
}

export function positive(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('It is at least 1.');
  return value;
}

/** What names a device: an unset variable of a script does not. */
export function deviceName(text: string): string {
  if (text.trim() === '') throw new Error('The name of a device is empty: `xpmn devices` lists those there are.');
  return text;
}

/** What a machine is called, in one line. */
export function machineName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > NAME_LENGTH || /\p{Cc}/u.test(name)) throw new Error(`A name has 1 to ${NAME_LENGTH} characters, all in one line.`);
  return name;
}
