export interface BenchOptions {
  readonly names: readonly string[];
  /** Rounds that count. */
  readonly rounds: number;
  /** Small files and short waits: whether it runs, not how fast it is. */
  readonly quick: boolean;
  /** Where the daemons write CPU profiles when they end. */
  readonly profile?: string | undefined;
}

/** `[NAME...] [--rounds N] [--quick] [--profile DIR]`. @throws Error with a sentence for the user */
export function parseOptions(argv: readonly string[], known: readonly string[]): BenchOptions {
  const names: string[] = [];
  let rounds: number | undefined;
  let quick = false;
  let profile: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] as string;
    if (word === '--quick') quick = true;
    else if (word === '--rounds') rounds = roundsOf(argv[(index += 1)]);
    else if (word === '--profile') profile = argv[(index += 1)];
    else if (known.includes(word)) names.push(word);
    else throw new Error(`usage: npm run bench -- [${known.join('|')}]... [--rounds N] [--quick] [--profile DIR]`);
  }
  return { names: names.length > 0 ? names : known, rounds: rounds ?? (quick ? 1 : 5), quick, ...(profile === undefined ? {} : { profile }) };
}

function roundsOf(text: string | undefined): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number, 1 or more');
  return rounds;
}
