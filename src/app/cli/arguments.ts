import { CommanderError, InvalidArgumentError } from 'commander';

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
